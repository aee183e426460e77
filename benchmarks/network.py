"""How well the network with noise in its hidden units predicts labels that it has not seen."""

import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from model_registry import Field, Model
from model_registry.models import noisy_network
from tacit.inference import InferenceOptions, fit
from tacit.ppl import BernoulliLogits, HalfNormal, Normal, plate
from tacit.predictive import posterior_predictive

NUM_DRAWS = 4000
SEEDS = (0, 1, 2)


def plain_program(x: jax.Array) -> None:
    """The same network without noise, which has a density."""
    units = noisy_network.UNITS
    w = Normal(0.0, 1.0, name="w", sample_shape=(x.shape[1], units))
    bias = Normal(0.0, 1.0, name="bias", sample_shape=(units,))
    v = HalfNormal(3.0, name="v", sample_shape=(units,))
    intercept = Normal(0.0, 1.0, name="intercept")
    with plate("N", len(x)):
        BernoulliLogits(intercept + jax.numpy.tanh(x @ w + bias) @ v, name="y")


def plain_model() -> Model:
    """The plain network as a model, fitted by its density."""
    return Model(
        name="plain-network",
        title="Neural network",
        description="The network without noise in its hidden units.",
        program=plain_program,
        data={"x": Field(("N", "D")), "y": Field(("N",), dtype="int", support="boolean")},
        example=noisy_network.model.example,
        defaults={"method": "klqp"},
    )


def halves(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to predict: a random half of each kind of crab."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(len(noisy_network.MALE)).reshape(len(noisy_network.KINDS), -1)
    learnt = np.concatenate([rng.permutation(kind)[: len(kind) // 2] for kind in kinds])
    return learnt, np.setdiff1d(kinds, learnt)


def predict(model: Model, learnt: np.ndarray, asked: np.ndarray, seed: int) -> tuple[np.ndarray, float, Any]:
    """The chance of label 1 for the rows `asked`, after learning from the rows `learnt`; seconds and warnings."""
    x, y = noisy_network.X, noisy_network.MALE
    start = time.perf_counter()
    problem = model.problem(model.resolve({"x": x[learnt], "y": y[learnt]}))
    options = InferenceOptions(**model.defaults)
    result = fit(jax.random.key(seed), problem, options=options, num_draws=NUM_DRAWS)
    seconds = time.perf_counter() - start
    labels = posterior_predictive(
        jax.random.key(seed), model.program, result.posterior, inputs={"x": np.float32(x[asked])}
    )["y"]
    return labels.mean(axis=0), seconds, result.warnings


def network() -> Iterator[str]:
    """Sex of rock crabs: learnt from a random half of each kind (100 crabs), predicted for the other 100. The network
    with noise in its hidden units has no likelihood; the plain network is fitted with its own (`klqp`)."""
    yield "| seed | network | test error | Brier score | seconds | warnings |"
    yield "|---|---|---|---|---|---|"
    errors: dict[str, list[float]] = {}
    for seed in SEEDS:
        learnt, asked = halves(seed)
        y = noisy_network.MALE[asked]
        for model in (noisy_network.model, plain_model()):
            chance, seconds, warnings = predict(model, learnt, asked, seed)
            error, brier = np.mean((chance > 0.5) != y), np.mean((chance - y) ** 2)
            errors.setdefault(model.name, []).append(float(error))
            yield f"| {seed} | {model.name} | {error:.3f} | {brier:.3f} | {seconds:.0f} | {len(warnings)} |"
    (noisy, plain) = (np.array(errors[name]) for name in ("noisy-network", "plain-network"))
    difference = noisy - plain
    yield (
        f"\nTest error {noisy.mean():.3f} with noise and without likelihood, {plain.mean():.3f} plain; difference "
        f"{difference.mean():+.3f} (standard error {difference.std(ddof=1) / np.sqrt(len(SEEDS)):.3f})."
    )
