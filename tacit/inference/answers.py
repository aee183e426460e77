"""Posteriors of other data sets, at once, from one finished fit under the amortized objective."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tacit.errors import InferenceError
from tacit.inference import amortized, constants, finish, reliability
from tacit.inference.features import fill_gaps
from tacit.inference.forward import Draws
from tacit.inference.options import InferenceOptions, Start
from tacit.inference.planning import DEFAULT_PARTS, plan
from tacit.inference.problem import Arrays, Problem, arrays

# So many draws of q are made at least.
FEWEST_DRAWN = 1024


class Answer(NamedTuple):
    """The posterior of one data set: draws of every latent and deterministic variable in its own space, draws along
    axis 0; figures to judge it by, JSON-able; and sentences, empty when nothing speaks against it."""

    posterior: dict[str, np.ndarray]
    diagnostics: dict[str, Any]
    warnings: list[str]


class Answers:
    """Posteriors of data sets of the same shapes and covariates as those of the fit. The first answer compiles, and the
    first of more draws than a power of two; others take milliseconds."""

    def __init__(self, problem: Problem, options: InferenceOptions, variational: Mapping[str, np.ndarray]) -> None:
        """Takes up a fit.

        Args:
          problem, options: of the fit.
          variational: what the fit ended with, by name.

        Raises:
          InferenceError: it was not a fit under the amortized objective.
        """
        if options.objective != "amortized" or "law" not in variational:
            raise InferenceError("posteriors of other data sets come of a fit with objective 'amortized'")
        self._problem = problem
        self._setup, _, self._options = plan(problem, options, DEFAULT_PARTS)
        self._centre = jnp.asarray(variational["features_centre"])
        own = fill_gaps(self._setup.layout, arrays(problem, self._setup.layout), self._centre)
        shape = jax.eval_shape(lambda: amortized.flat(self._setup, own.observed)).shape
        self._data, self._learnt = amortized.restored(own, shape, variational)
        self._furthest = np.asarray(variational["furthest"])
        # Fits of before kept none.
        found = variational.get("constants", np.full(shape, np.nan, np.float32))
        self._constants = np.asarray(found).reshape(self._setup.layout.num_points, -1)
        self._sample = jax.jit(functools.partial(amortized.sample, self._setup), static_argnums=4)
        self._moments = jax.jit(functools.partial(amortized.moments, self._setup))

    def answer(
        self, observed: Mapping[str, Any], *, seed: int, num_draws: int, missing: Mapping[str, Any] | None = None
    ) -> Answer:
        """The posterior given these observed variables, in the model's own shapes.

        The same seed and data give the same draws.

        Args:
          missing: which of the numbers are missing, as in the problem of the fit: the same ones.
        """
        layout = self._setup.layout
        own = self._arrays(observed, missing or {}).observed
        given, left_out = constants.without(layout, own, self._constants)

        def sample(key: jax.Array, wanted: int) -> Draws:
            # One compiled program for all numbers of draws up to a power of two.
            draws = self._sample(
                self._data, self._learnt, given, key, max(FEWEST_DRAWN, 1 << (wanted - 1).bit_length())
            )
            return jax.tree.map(lambda x: x[:wanted], draws)

        resample = self._options.resample is not False
        drawn = finish.draw(sample, jax.random.key(seed), num_draws, resample=resample)
        figures = finish.weighed(drawn)
        figures["surprise"] = amortized.surprise(self._setup, self._data, self._furthest, given)
        figures["left_out"] = constants.described(layout, left_out)
        return Answer(drawn.posterior, figures, reliability.answer_warnings(figures, drawn.posterior))

    def start(self, observed: Mapping[str, Any], *, missing: Mapping[str, Any] | None = None) -> Start:
        """Where a fit of these observed variables by themselves may begin; arguments as of `answer`."""
        own = self._arrays(observed, missing or {}).observed
        given = constants.without(self._setup.layout, own, self._constants).arrays
        mean, root = self._moments(self._data, self._learnt, given)
        covariance = np.asarray(root, np.float64) @ np.asarray(root, np.float64).T
        return Start(mean=np.asarray(mean).tolist(), covariance=covariance.tolist())

    def _arrays(self, observed: Mapping[str, Any], missing: Mapping[str, Any]) -> Arrays:
        layout = self._setup.layout
        given = arrays(dataclasses.replace(self._problem, observed=observed, missing=missing), layout)
        for name, value in given.observed.items():
            expected = self._data.arrays.observed[name].shape
            if value.shape != expected:
                raise InferenceError(
                    f"{name} has another shape than in the fit: a network knows data sets of one shape"
                )
        own = self._data.arrays.missing
        for name in given.observed:
            if not np.array_equal(given.missing.get(name, False), own.get(name, False)):
                raise InferenceError(
                    f"{name} has other gaps than in the fit, whose network knows data with the fit's own gaps alone: "
                    "fit these data by themselves"
                )
        return fill_gaps(layout, given, self._centre)
