"""Simulators without a density, against references that the fits themselves neither need nor use: NUTS on programs
that hold the simulator's hidden noise as latents, or sum it out where that is possible; a particle filter for `ricker`.

TACIT_SIMULATORS names models, separated by commas, where not all are wanted.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS

from benchmarks import ricker
from model_registry import load_registry
from model_registry.models.lotka_volterra import derivative
from model_registry.models.lotka_volterra_sde import STEPS
from tacit.inference import InferenceOptions, fit

NUM_DRAWS = 4000
SEEDS = (0, 1)


def lotka_volterra_sde(start: jax.Array, end: jax.Array) -> None:
    """The path between observations as latents. They are the noise of a bridge to the observed end, whose density is
    then exchanged for that of the equation: far better conditioned than the equation's own noise."""
    loc, scale = jnp.array([1.0, 0.05, 1.0, 0.05]), jnp.array([0.5, 0.05, 0.5, 0.05])
    theta = numpyro.sample("theta", dist.TruncatedNormal(loc, scale, low=0.0).to_event(1))
    sigma = numpyro.sample("sigma", dist.LogNormal(-1.0, 1.0).expand([2]).to_event(1))
    noise = numpyro.sample("hidden", dist.Normal().expand([STEPS - 1, *start.shape]).to_event(3))
    h, goal = 1.0 / STEPS, jnp.log(end)

    def law(log_z):
        return dist.Normal(log_z + h * jax.vmap(derivative, (0, None))(log_z, theta), sigma * jnp.sqrt(h))

    def step(carry, noise_and_left):
        (log_z, log_ratio), (noise, left) = carry, noise_and_left
        bridge = dist.Normal(log_z + (goal - log_z) / left, sigma * jnp.sqrt(h * (left - 1) / left))
        new = bridge.loc + bridge.scale * noise
        return (new, log_ratio + jnp.sum(law(log_z).log_prob(new) - bridge.log_prob(new))), None

    left = jnp.arange(STEPS, 1.0, -1.0)
    (log_z, log_ratio), _ = jax.lax.scan(step, (jnp.log(start), 0.0), (noise, left))
    numpyro.factor("path", log_ratio + jnp.sum(law(log_z).log_prob(goal)))


def growth_curves(age: jax.Array, weight: jax.Array) -> None:
    """A series of logarithms of weights is multivariate normal."""
    first = numpyro.sample("first", dist.Normal(5.0, 1.0))
    first_sd = numpyro.sample("first_sd", dist.HalfNormal(0.5))
    limit = numpyro.sample("limit", dist.Normal(6.0, 1.0))
    limit_sd = numpyro.sample("limit_sd", dist.HalfNormal(0.5))
    rate = numpyro.sample("rate", dist.LogNormal(np.log(0.05), 0.5))
    drift = numpyro.sample("drift", dist.HalfNormal(0.05))
    t = age - age[0]
    kept = jnp.exp(-rate * t)
    lag = jnp.exp(-rate * jnp.abs(t[:, None] - t))
    both = jnp.outer(kept, kept)
    covariance = first_sd**2 * both + limit_sd**2 * jnp.outer(1 - kept, 1 - kept) + drift**2 / (2 * rate) * (lag - both)
    law = dist.MultivariateNormal(limit + (first - limit) * kept, covariance)
    numpyro.sample("log_weight", law, obs=jnp.log(weight))


def panel_counts(x: jax.Array, visit: jax.Array, y: jax.Array) -> None:
    """The noise of each visit as a latent; not centred, as suits the sampler."""
    w = numpyro.sample("w", dist.Normal(0.0, 2.5).expand([x.shape[1]]).to_event(1))
    trend = numpyro.sample("trend", dist.Normal())
    tau = numpyro.sample("tau", dist.HalfNormal())
    sigma = numpyro.sample("sigma", dist.HalfNormal())
    offset = numpyro.sample("person_offset", dist.Normal().expand([len(x)]).to_event(1))
    person = numpyro.deterministic("person", tau * offset)
    noise = numpyro.sample("hidden", dist.Normal().expand(y.shape).to_event(2))
    log_rate = (x @ w + person)[:, None] + trend * visit + sigma * noise
    numpyro.sample("y", dist.Poisson(jnp.exp(log_rate)), obs=y)


def by_nuts(program: Callable[..., None], data: dict[str, Any]) -> dict[str, np.ndarray]:
    """Draws of NUTS, four chains of 1,500, by latent."""
    kernel = NUTS(program, target_accept_prob=0.9)
    sampler = MCMC(
        kernel, num_warmup=750, num_samples=1500, num_chains=4, chain_method="vectorized", progress_bar=False
    )
    sampler.run(jax.random.key(0), **data)
    return {name: np.asarray(draws) for name, draws in sampler.get_samples().items() if not name.startswith("hidden")}


# By model, draws of its reference at given data.
REFERENCES: dict[str, Callable[[dict[str, Any]], dict[str, np.ndarray]]] = {
    "lotka-volterra-sde": partial(by_nuts, lotka_volterra_sde),
    "growth-curves": partial(by_nuts, growth_curves),
    "panel-counts": partial(by_nuts, panel_counts),
    "ricker": ricker.draws,
}


def simulators() -> Iterator[str]:
    """Registered models without a density, against NUTS on an equivalent program that has one; `ricker` against
    importance sampling with a particle filter's likelihoods."""
    registry = load_registry()
    yield "| model | seed | latents | max / mean error of means (sds) | sd ratios | seconds |"
    yield "|---|---|---|---|---|---|"
    for name in os.environ.get("TACIT_SIMULATORS", ",".join(REFERENCES)).split(","):
        model = registry.get(name)
        dataset = model.resolve(model.example)
        answer = REFERENCES[name](dict(dataset.arrays))
        for seed in SEEDS:
            start = time.perf_counter()
            options = InferenceOptions(**model.defaults)
            result = fit(jax.random.key(seed), model.problem(dataset), options=options, num_draws=NUM_DRAWS)
            seconds = time.perf_counter() - start
            for kind in (False, True):
                names = [latent for latent in model.latents if model.is_local(latent) is kind]
                if not names:
                    continue
                ours, theirs = (np.column_stack([draws[n] for n in names]) for draws in (result.posterior, answer))
                error = np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) / theirs.std(axis=0)
                ratio = ours.std(axis=0) / theirs.std(axis=0)
                row = f"{error.max():.2f} / {error.mean():.2f} | {ratio.min():.2f}-{ratio.max():.2f} | {seconds:.0f}"
                yield f"| {name} | {seed} | {'local' if kind else 'global'} | {row} |"
