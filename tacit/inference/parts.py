"""What a Python caller may put in the place of the engine's own parts; over HTTP there are only options."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import optax

from tacit.inference.ratio_losses import PointwiseLoss


class Parts(NamedTuple):
    """Functions here count by identity: reuse the same ones and nothing compiles anew.

    Attributes:
      ratio_estimator: makes a ratio estimator from a key: a callable whose arrays are trained (an Equinox module, say),
        of three dicts: the data (observed values and covariates of M points, points along axis 0; of an observed "y"
        with gaps also "y.missing", booleans), the local latents (the same) and the global latents, all in their own
        space. It returns r, (M,), or a dict of such by the keys of `scale`. By default `critic.Critic`.
      variational: q as a program in the language, with a random variable for each latent of the model, by its name;
        its `Parameter`s are trained. It is called with those of the model's inputs and of the observed variables that
        its signature names. In the place of `family`.
      ratio_loss: a pointwise loss of (psamples, qsamples), r at draws of the numerator and of the denominator.
      scale: r is multiplied by it when q is updated, besides N / M under subsampling; one number, or pairs (key,
        number) for an estimator that returns a dict.
      disc_regularization, gen_regularization: losses to add, functions of the estimator and of q's parameters
        (`GaussianBlocks`).
      disc_optimizer, gen_optimizer: optax transformations with learning rates of their own.
    """

    ratio_estimator: Callable[[jax.Array], Any] | None = None
    variational: Callable[..., Any] | None = None
    ratio_loss: PointwiseLoss | None = None
    scale: float | tuple[tuple[str, float], ...] = 1.0
    disc_regularization: Callable[[Any], jax.Array] | None = None
    gen_regularization: Callable[[Any], jax.Array] | None = None
    disc_optimizer: optax.GradientTransformation | None = None
    gen_optimizer: optax.GradientTransformation | None = None

    @property
    def scales(self) -> Mapping[str, float]:
        """By key; the key of an estimator with one output is ''."""
        return dict(self.scale) if isinstance(self.scale, tuple) else {"": self.scale}
