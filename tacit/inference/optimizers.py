"""Optimizers and schedules, by name and options or as optax objects."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from tacit.errors import InferenceError

# Those that need nothing but gradients and parameters.
NAMES = (
    *("adabelief", "adagrad", "adam", "adamax", "adamw", "amsgrad", "lamb", "lion", "nadam", "nadamw"),
    *("novograd", "radam", "rmsprop", "sgd", "yogi"),
)
# Those whose update of an array depends on all of it.
BY_ARRAY = ("lamb", "novograd")
# The step of q's own: natural gradients; see `families.natural_step`.
NATURAL = "natural"


def _cosine(progress: jax.Array) -> jax.Array:
    return 0.01 + 0.99 * 0.5 * (1.0 + jnp.cos(jnp.pi * progress))


# Functions of progress, from 0 to 1, to the factor of the learning rate.
SCHEDULES: dict[str, Callable[[jax.Array], jax.Array]] = {
    "constant": jnp.ones_like,
    "cosine": _cosine,
    "linear": lambda progress: 1.0 - 0.99 * progress,
    "exponential": lambda progress: 0.01**progress,
}


class Optimizer(NamedTuple):
    """A choice of optimizer and schedule. `options`: sorted pairs, passed to optax."""

    name: str
    options: tuple[tuple[str, float], ...] = ()
    schedule: str = "cosine"

    def transformation(self) -> optax.GradientTransformation:
        """The update for a learning rate of 1, subtracted already.

        Raises:
          InferenceError: optax does not take the options.
        """
        try:
            return getattr(optax, self.name)(learning_rate=1.0, **dict(self.options))
        except TypeError as error:
            raise InferenceError(f"optimizer {self.name!r} does not take these options: {error}") from error

    def factor(self, progress: jax.Array) -> jax.Array:
        """What the learning rate is multiplied by, at progress 0 (and before) to 1."""
        return SCHEDULES[self.schedule](jnp.clip(progress, 0.0, 1.0))


def optimizer(name: str, options: Mapping[str, float], schedule: str) -> Optimizer:
    """Checks the options by making the optimizer once."""
    made = Optimizer(name, tuple(sorted(options.items())), schedule)
    if name != NATURAL:
        made.transformation()
    return made
