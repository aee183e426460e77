"""What a network sees of a whole data set that a simulator made: every number of each point, and learnt summaries of
what has an order."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from tacit.inference import networks
from tacit.inference.critic import DataTower
from tacit.inference.summary import FEW_NUMBERS, Summary, Variable

# Channels of a summary, and how many numbers it has in the end.
CHANNELS, LEARNT = 32, 64
# Of a variable with an order and more numbers than this the tower sees the summary alone.
MOST_NUMBERS = 512


class DataNetwork(eqx.Module):
    """A tower of data points, that also sees a learnt summary of each observed variable that has an order.

    The features of a point begin with its `numbers` observed ones, on each of `views` scales one after the other;
    `variables` are those of them that have an order. With `gains` each of many numbers has a factor of its own before
    the tower sees it. Where parameters decay, what a number that tells nothing adds to the noise is so a product of two
    small ones, a gain and its weights, instead of weights alone.
    """

    tower: DataTower
    summaries: tuple[Summary, ...]
    gains: networks.Gains | None
    variables: tuple[Variable, ...] = eqx.field(static=True)
    numbers: int = eqx.field(static=True)
    views: int = eqx.field(static=True)

    def __init__(
        self,
        num_features: int,
        out_size: int,
        *,
        width: int,
        numbers: int = 0,
        views: int = 2,
        variables: Sequence[Variable] = (),
        gains: bool = False,
        key: jax.Array,
    ) -> None:
        key, *keys = jax.random.split(key, 1 + len(variables))
        self.numbers, self.views, self.variables = numbers, views, tuple(variables)
        self.summaries = tuple(
            Summary(variable, views, CHANNELS, LEARNT, key=each) for variable, each in zip(variables, keys, strict=True)
        )
        self.gains = networks.Gains(jnp.ones((views, numbers))) if gains and numbers > FEW_NUMBERS else None
        for variable in variables:
            num_features += LEARNT - (views * variable.size if variable.size > MOST_NUMBERS else 0)
        self.tower = DataTower(num_features, out_size, width, key=key)

    @property
    def head(self) -> eqx.nn.Linear:
        """The last layer: of a sum over points it is what it is of each, summed."""
        return self.tower.head

    def bodies(self, features: jax.Array, beside: Any = 1.0) -> jax.Array:
        """All but the last layer, of points (..., N, F). `beside` (...,): 1 or 0, whether what is summarised is seen
        number by number too."""
        own, leading = self.views * self.numbers, features.shape[:-1]
        views, rest = features[..., :own].reshape(*leading, self.views, self.numbers), features[..., own:]
        weighed = views if self.gains is None else self.gains(views)
        seen, end = [rest], 0
        for variable, summary in zip(self.variables, self.summaries, strict=True):
            seen.append(weighed[..., end : variable.start].reshape(*leading, -1))
            end = variable.start + variable.size
            seen.append(summary(views[..., variable.start : end]))
            if variable.size <= MOST_NUMBERS:
                ordered = weighed[..., variable.start : end].reshape(*leading, -1)
                seen.append(jnp.asarray(beside)[..., None, None] * ordered)
        seen.append(weighed[..., end:].reshape(*leading, -1))
        return self.tower.body(jnp.concatenate(seen, axis=-1))

    def __call__(self, features: jax.Array) -> jax.Array:
        """(N, F) to (out_size,): the mean over points."""
        return networks.linear(self.head, jnp.mean(self.bodies(features), axis=0))
