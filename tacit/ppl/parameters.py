"""Model parameters: what is estimated and has no prior."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from tacit.errors import ProgramError
from tacit.ppl.constructors import from_distribution, required_name
from tacit.ppl.interception import interceptable
from tacit.ppl.random_variable import RandomVariable, unwrap


class Flat(dist.Distribution):
    """The flat law on the real line: density one everywhere. It cannot be sampled; draws are normal, with mean
    `initial` and standard deviation `spread`, so that whoever simulates has somewhere to start."""

    arg_constraints: ClassVar = {"initial": dist.constraints.real, "spread": dist.constraints.positive}
    support = dist.constraints.real
    reparametrized_params: ClassVar = ["initial", "spread"]

    def __init__(self, initial: Any, spread: Any, *, validate_args: bool | None = None) -> None:
        shape = jnp.broadcast_shapes(jnp.shape(initial), jnp.shape(spread))
        self.initial, self.spread = jnp.broadcast_to(initial, shape), jnp.broadcast_to(spread, shape)
        super().__init__(shape, validate_args=validate_args)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        return self.initial + self.spread * jax.random.normal(key, self.shape(sample_shape))

    def log_prob(self, value: jax.Array) -> jax.Array:
        return jnp.zeros(jnp.broadcast_shapes(jnp.shape(value), self.batch_shape))


@interceptable
def Parameter(
    initial: Any,
    *,
    support: dist.constraints.Constraint = dist.constraints.real,
    spread: Any = 1.0,
    name: str | None = None,
    sample_shape: tuple[int, ...] = (),
    value: Any = None,
    key: jax.Array | None = None,
    plates: Any = (),
) -> RandomVariable:
    """A parameter of the model: unknown, without a prior, estimated along with the posterior of the latent variables.

    It is a random variable whose law is flat in its unconstrained space (the real line, or its logarithm for a positive
    parameter), so a log joint adds only the Jacobian. The estimate of a fit is the mean of its factor there.

    Args:
      initial: where to start, in the support; its shape is the parameter's.
      support: a NumPyro constraint.
      spread: how far from `initial` it may well lie, in the unconstrained space: simulations start at normal draws
        so wide.

    Raises:
      ProgramError: it stands in a plate, or `initial` does not lie in the support.

    >>> from numpyro.distributions import constraints
    >>> from tacit.ppl import Parameter
    >>> Parameter([1.0, 2.0], name="scales", support=constraints.positive, key=jax.random.key(0))
    RandomVariable('scales', TransformedDistribution, shape=(2,), dtype=float32)
    """
    name = required_name(name)
    if plates:
        raise ProgramError(
            f"parameter {name!r} stands in plate {plates[-1].name!r}: parameters are common to all data points. "
            "Make it before the plate, or let it vary from point to point as a latent variable with a law."
        )
    start = jnp.asarray(unwrap(initial), jnp.result_type(float))
    if not isinstance(start, jax.core.Tracer) and not bool(jnp.all(support(start))):
        raise ProgramError(f"parameter {name!r}: initial is {initial!r}, which does not lie in {support!r}")
    transform = dist.biject_to(support)
    centre = transform.inv(start)
    law = dist.TransformedDistribution(Flat(centre, unwrap(spread)).to_event(jnp.ndim(centre)), transform)
    law = law if law.event_dim == jnp.ndim(start) else law.to_event(jnp.ndim(start) - law.event_dim)
    rv = from_distribution.__wrapped__(law, name=name, sample_shape=sample_shape, value=value, key=key)
    return RandomVariable(
        rv.value, distribution=rv.distribution, support=rv.support, meta=rv.meta._replace(kind="parameter")
    )


def unconstrained_initial(parameter: RandomVariable) -> jax.Array:
    """Where a parameter starts, in its unconstrained space."""
    law = parameter.distribution
    while not isinstance(law, Flat):
        law = law.base_dist
    return law.initial
