"""Simulation-based calibration (Talts et al., 2018): fits of data drawn from the prior, and the ranks of the truth.

TACIT_CALIBRATION names models, separated by commas, where others than MODELS are wanted.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from scipy import stats

from benchmarks.together import fits
from model_registry import Model, load_registry
from tacit.inference import InferenceOptions
from tacit.predictive import predict

MODELS = ("poisson-rate", "linear-regression", "logistic-regression", "eight-schools")
DATA_SETS = 100
NUM_DRAWS = 4000
# Ranks are out of so many draws, and fall into so many bins.
RANKED, BINS = 99, 10


def drawn(model: Model, seed: int) -> dict[str, np.ndarray]:
    """Latents and data drawn jointly from the prior, at the covariates of the example."""
    inputs: dict[str, Any] = model.inputs(model.resolve(model.example))
    names = [*model.latents, *model.observed]
    (part,) = predict(jax.random.key(seed), model.program, num_draws=1, inputs=inputs, variables=names)
    return {name: value[0] for name, value in part.items()}


def numbers(model: Model, values: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """(count, numbers): all latent numbers side by side, of so many draws."""
    return np.column_stack([values[name].reshape(count, -1) for name in model.latents])


def ranks(model: Model, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, numbers) of every latent number in fits of so many data sets: how many of RANKED draws lie below the
    truth, and whether the 90 % interval holds it."""
    truths = [drawn(model, seed) for seed in range(count)]
    example = model.resolve(model.example).arrays
    problems = []
    for truth in truths:
        data = {name: truth[name] if name in model.observed else example[name] for name in model.data}
        problems.append(model.problem(model.resolve(data)))
    keys = [jax.random.key(seed) for seed in range(count)]
    below, covered = [], []
    options = InferenceOptions(**model.defaults)
    for truth, result in zip(truths, fits(keys, problems, options=options, num_draws=NUM_DRAWS), strict=True):
        draws, true = numbers(model, result.posterior, NUM_DRAWS), numbers(model, truth, 1)[0]
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        below.append(np.sum(draws[:: NUM_DRAWS // RANKED][:RANKED] < true, axis=0))
        covered.append((low < true) & (true < high))
    return np.stack(below), np.stack(covered)


def calibration() -> Iterator[str]:
    """Ranks of the truth in posteriors of 100 data sets drawn from the prior, by default options. The p-value is of a
    chi-squared test in ten bins, for the worst latent number, times how many numbers there are."""
    yield "| model | latent numbers | p-value (Bonferroni) | 90 % intervals that hold the truth |"
    yield "|---|---|---|---|"
    for name in os.environ.get("TACIT_CALIBRATION", ",".join(MODELS)).split(","):
        model = load_registry().get(name)
        below, share = ranks(model, DATA_SETS)
        counts = np.stack([np.bincount(each * BINS // (RANKED + 1), minlength=BINS) for each in below.T])
        p_value = min(1.0, stats.chisquare(counts, axis=1).pvalue.min() * len(counts))
        error = np.sqrt(0.9 * 0.1 / DATA_SETS)
        each = share.mean(axis=0)
        row = f"{share.mean():.3f} in all, {each.min():.2f}-{each.max():.2f} each (standard error {error:.3f})"
        yield f"| {name} | {len(counts)} | {p_value:.3f} | {row} |"
