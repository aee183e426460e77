"""What is left of r's error when it has learnt is measured by simulation, and removed.

Summed over N points, a small error of r in the mean drowns the signal. But a true log likelihood obeys Bartlett's first
identity, E[ d log p(x | eps) / d eps ] = 0 over x ~ p(x | eps), at every eps. So the slopes of r at the latents that
made the data are, on average, the slopes of r's error there. They are regressed on the slopes of basis functions,
and the fitted combination of these is subtracted from r summed over all points. For the two towers,
r = <sum_n phi(x_n), psi(eps)>, psi itself is most of the basis: calibration corrects the mean of phi under the model.
What is left then is an estimating equation that is right on average whatever r is; how much r knows decides only its
precision.
"""

from typing import Any

import jax
import jax.numpy as jnp

from tacit.inference import estimators, families, laws
from tacit.inference.families import Latents
from tacit.inference.problem import run_points, take_points, with_gaps
from tacit.inference.rounds import Clock
from tacit.inference.state import Calibration, Data, Setup, State, choose, choose_points, noise, unstandardise

# So many times the points of a training step are simulated: nothing is differentiated.
EXTRA_POINTS = 4


def empty(setup: Setup, estimator: Any) -> Calibration:
    """No simulations yet: no correction."""
    size = jax.eval_shape(lambda e: basis(setup, estimator, e), jnp.zeros(setup.layout.global_dim)).shape[0]
    return Calibration(jnp.zeros(()), jnp.zeros((size, size)), jnp.zeros(size))


def calibrate(setup: Setup, data: Data, key: jax.Array, clock: Clock, state: State) -> State:
    """Adds the slopes of r at simulations from q to the regression, so that what moves q is right on average over q.

    Once q has arrived, the frame's widths stand in for its own, since a q too narrow would see too narrow a range to
    correct itself.
    """
    keys = jax.random.split(key, 3)
    num_points = setup.layout.num_points
    index = choose_points(keys[0], num_points, EXTRA_POINTS * setup.points)
    estimator = estimators.with_parameters(setup, state.snapshot, data)
    eps = noise(setup, keys[1], setup.latent_samples, index.size)
    q = laws.gaussian(setup, data, state.q, state.trained, index)
    widths = choose(clock.travelling, q, families.at_points(state.frame, index))
    latents = families.transform(widths._replace(loc=q.loc, local_loc=q.local_loc), eps)
    eps = families.whiten(families.at_points(state.frame, index), latents)
    given = take_points(setup.layout, data.arrays, index)

    def one(key: jax.Array, latents: Latents, eps: Latents) -> tuple[jax.Array, jax.Array]:
        """The slope of r summed over all points, (G,), at data simulated with noise of its own."""
        raw = unstandardise(data, latents)
        made = run_points(key, setup.program, setup.layout, given.inputs, raw.globals, raw.locals).observed
        points = estimators.data_points(setup, data, state, with_gaps(given, made), index)
        share = num_points / jnp.maximum(jnp.sum(points.finite), 1)

        def total(eps_globals: jax.Array) -> jax.Array:
            here = families.transform(
                families.at_points(state.frame, index), Latents(eps_globals[None], eps.locals[None])
            )
            ratios = estimators.aligned(setup, data, state, estimator, points, here)
            weighted = sum(scale * ratios[name][0] for name, scale in setup.parts.scales.items())
            return share * jnp.sum(jnp.where(points.finite, weighted, 0.0))

        return jax.grad(total)(eps.globals), jnp.sum(~points.finite)

    slopes, dropped = jax.vmap(one)(jax.random.split(keys[2], setup.latent_samples), latents, eps)
    design = jax.vmap(jax.jacobian(lambda e: basis(setup, estimator, e)))(eps.globals)  # (S, B, G)
    usable = jnp.all(jnp.isfinite(slopes), axis=1)
    slopes = jnp.where(usable[:, None], slopes, 0.0)
    design = jnp.where(usable[:, None, None], design, 0.0)
    sums = jax.tree.map(lambda s: clock.memory * s, state.calibration)
    sums = Calibration(
        sums.weight + jnp.sum(usable),
        sums.design + jnp.einsum("sbg,scg->bc", design, design),
        sums.response + jnp.einsum("sbg,sg->b", design, slopes),
    )
    return state._replace(calibration=sums, dropped=state.dropped + jnp.sum(dropped))


def basis(setup: Setup, estimator: Any, eps: jax.Array) -> jax.Array:
    """(G,) to (B,): the estimator's own functions of the globals, or quadratics; and ones of their own near the centre
    of the frame, where r's slopes can be off in a way that they are not further out."""
    if setup.layout.local_dim or setup.parts.ratio_estimator is not None:
        i, j = jnp.tril_indices(eps.shape[0])
        own = jnp.concatenate([eps, eps[i] * eps[j] / 2])
    else:
        own = estimator.latent(eps)
    return jnp.concatenate([own, eps / (1.0 + jnp.mean(eps**2))])


def correction(setup: Setup, estimator: Any, sums: Calibration, eps: jax.Array) -> jax.Array:
    """(S, G) to (S,): r's error summed over all points; zero before calibration."""
    count = jnp.maximum(sums.weight, 1.0)
    # One pseudo-draw of zero error per coefficient keeps the first steps tame and is nothing later.
    ridge = jnp.eye(sums.response.size) / count
    coefficients = jnp.linalg.solve(sums.design / count + ridge, sums.response / count)
    return jax.vmap(lambda e: basis(setup, estimator, e))(eps) @ coefficients
