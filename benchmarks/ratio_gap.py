"""The ratio gap: what it costs a fit not to know the likelihood, against `klqp` in the same variational family."""

import time
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks.comparing import compare
from model_registry import Model, load_registry
from tacit.errors import DivergedError
from tacit.inference import Fit, InferenceOptions, fit

NUM_DRAWS = 4000
SEEDS = (0, 1)


def models_with_density() -> list[Model]:
    """Registered models whose every variable has a density."""
    registry = load_registry()
    models = sorted(registry.models.values(), key=lambda model: model.name)
    return [model for model in models if all(v.kind != "implicit" for v in model.variables.values())]


def fitted(model: Model, method: str, seed: int) -> tuple[Fit, float]:
    """A fit of a model's example by default options but for the method, and its seconds."""
    start = time.perf_counter()
    problem = model.problem(model.resolve(model.example))
    result = fit(jax.random.key(seed), problem, options=InferenceOptions(method=method), num_draws=NUM_DRAWS)
    return result, time.perf_counter() - start


def flat(result: Fit, names: list[str]) -> np.ndarray:
    """Draws of these variables, (S, K)."""
    return np.column_stack([np.asarray(result.posterior[name]).reshape(NUM_DRAWS, -1) for name in names])


def ratio_gap() -> Iterator[str]:
    """Every registered model with a density: `implicit_klqp` against `klqp` on the model's example."""
    yield "| model | seed | max / mean error of means (sds) | sd ratios | warned | seconds, klqp | seconds |"
    yield "|---|---|---|---|---|---|---|"
    for model in models_with_density():
        for seed in SEEDS:
            exact, exact_seconds = fitted(model, "klqp", seed)
            try:
                implicit, seconds = fitted(model, "implicit_klqp", seed)
            except DivergedError:
                yield f"| {model.name} | {seed} | diverged, with an error | | yes | {exact_seconds:.0f} | |"
                continue
            names = sorted(model.latents)
            reference = flat(exact, names)
            worst, mean, low, high = compare(flat(implicit, names), reference.mean(axis=0), reference.std(axis=0))
            warned = "yes" if implicit.warnings else "no"
            row = f"{worst:.2f} / {mean:.2f} | {low:.2f}-{high:.2f} | {warned} | {exact_seconds:.0f} | {seconds:.0f}"
            yield f"| {model.name} | {seed} | {row} |"
