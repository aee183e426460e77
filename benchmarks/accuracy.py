"""Slow statistical checks: `make accuracy`, or one block of it by `make accuracy ONLY=models`.

Prints Markdown tables; docs/accuracy.md keeps the last ones.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import MCMC, NUTS

from benchmarks.amortized import amortized
from benchmarks.calibration import calibration
from benchmarks.comparing import compare
from benchmarks.empirical import empirical
from benchmarks.network import network
from benchmarks.posteriordb import posteriordb
from benchmarks.ratio_gap import ratio_gap
from benchmarks.sbibm import sbibm
from benchmarks.simulators import simulators
from model_registry import Model, load_registry
from tacit.inference import Fit, InferenceOptions, Problem, fit
from tacit.ppl import BernoulliLogits, Normal, plate

NUM_DRAWS = 4000
SEEDS = (0, 1, 2)

# Rubin (1981), non-centred parameterisation: 10,000 reference draws of posteriordb's eight_schools_noncentered.
EIGHT_SCHOOLS = {
    "mu": (4.4105, 3.3093),
    "tau": (3.6021, 3.1985),
    "theta[1]": (6.1505, 5.6159),
    "theta[2]": (4.9396, 4.6456),
    "theta[3]": (3.9059, 5.2807),
    "theta[4]": (4.7960, 4.7709),
    "theta[5]": (3.6144, 4.6147),
    "theta[6]": (4.0511, 4.7962),
    "theta[7]": (6.3172, 5.0029),
    "theta[8]": (4.8840, 5.3177),
}


def run(model: Model, data: dict[str, Any], seed: int, **options: Any) -> tuple[Fit, float]:
    """A fit and its seconds, compilation included where it happens."""
    problem = model.problem(model.resolve(data))
    start = time.perf_counter()
    result = fit(jax.random.key(seed), problem, options=InferenceOptions(**options), num_draws=NUM_DRAWS)
    return result, time.perf_counter() - start


def eight_schools() -> tuple[np.ndarray, np.ndarray]:
    reference = np.array(list(EIGHT_SCHOOLS.values()))
    return reference[:, 0], reference[:, 1]


def poisson_rate(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exact posterior of the log rate, by quadrature."""
    z = np.linspace(-3.0, 5.0, 20_001)
    log_density = -(z**2) / 2 + x.sum() * z - len(x) * np.exp(z)
    weights = np.exp(log_density - log_density.max())
    weights /= weights.sum()
    mean = (weights * z).sum()
    return np.array([mean]), np.array([np.sqrt((weights * (z - mean) ** 2).sum())])


def linear_regression(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The conjugate posterior under w ~ N(0, 1) and unit noise."""
    covariance = np.linalg.inv(np.eye(x.shape[1]) + x.T @ x)
    return covariance @ x.T @ y, np.sqrt(np.diag(covariance))


def models() -> Iterator[str]:
    """The four first models against exact or published answers."""
    registry = load_registry()
    yield "| model | seed | max / mean error of means (sds) | sd ratios | seconds |"
    yield "|---|---|---|---|---|"
    for name in ("eight-schools", "poisson-rate", "linear-regression"):
        model = registry.get(name)
        data = model.resolve(model.example).arrays
        for seed in SEEDS:
            result, seconds = run(model, model.example, seed)
            draws = result.posterior
            if name == "eight-schools":
                draws, answer = np.column_stack([draws["mu"], draws["tau"], draws["theta"]]), eight_schools()
            elif name == "poisson-rate":
                draws, answer = draws["z"][:, None], poisson_rate(data["x"])
            else:
                draws, answer = draws["w"], linear_regression(data["x"], data["y"])
            worst, mean, low, high = compare(draws, *answer)
            yield f"| {name} | {seed} | {worst:.3f} / {mean:.3f} | {low:.2f}-{high:.2f} | {seconds:.1f} |"


def g_and_k() -> Iterator[str]:
    """Coverage of 90 % intervals over 20 data sets of 500 points simulated at A=3, B=1, g=2, k=0.5."""
    model = load_registry().get("g-and-k")
    truth = {"A": 3.0, "B": 1.0, "g": 2.0, "k": 0.5}
    covered, seconds = dict.fromkeys(truth, 0), []
    repetitions = 20
    for repetition in range(repetitions):
        z = np.random.default_rng(repetition).standard_normal(500)
        y = 3.0 + (1.0 + 0.8 * np.tanh(z)) * (1.0 + z**2) ** 0.5 * z
        result, took = run(model, {"y": y}, repetition)
        seconds.append(took)
        for name, true in truth.items():
            low, high = np.quantile(result.posterior[name], [0.05, 0.95])
            covered[name] += int(low < true < high)
    yield "| parameter | true value covered by the 90 % interval |"
    yield "|---|---|"
    for name, count in covered.items():
        yield f"| {name} | {count} of {repetitions} |"
    yield f"\nSeconds a fit: {seconds[0]:.1f} cold (with compilation), {np.median(seconds[1:]):.1f} warm (median)."


def logistic_problem(num_points: int) -> tuple[Problem, tuple[np.ndarray, np.ndarray]]:
    """Logistic regression with 5 standard normal covariates, and its posterior by NUTS (4 x 2,000 draws)."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(num_points, 5)).astype(np.float32)
    y = (rng.random(num_points) < 1.0 / (1.0 + np.exp(-x @ rng.normal(size=5)))).astype(np.int32)

    def program(x: jax.Array) -> None:
        w = Normal(0.0, 1.0, name="w", sample_shape=(5,))
        with plate("N", x.shape[0]):
            BernoulliLogits(x @ w, name="y")

    def potential(w: jax.Array) -> jax.Array:
        logits = x @ w
        return jnp.sum(w**2) / 2 + jnp.sum(jax.nn.softplus(logits)) - jnp.sum(logits * y)

    sampler = MCMC(
        NUTS(potential_fn=potential),
        num_warmup=500,
        num_samples=2000,
        num_chains=4,
        chain_method="vectorized",
        progress_bar=False,
    )
    sampler.run(jax.random.key(0), init_params=jnp.zeros((4, 5)))
    draws = np.asarray(sampler.get_samples())
    problem = Problem(program, observed={"y": y}, inputs={"x": x}, axes={"x": ("N", "D")})
    return problem, (draws.mean(axis=0), draws.std(axis=0))


def logistic() -> Iterator[str]:
    """Logistic regression, D = 5, with and without its likelihood, against NUTS."""
    yield "| points | method | seed | max / mean error of means (sds) | sd ratios | seconds |"
    yield "|---|---|---|---|---|---|"
    for num_points in (2000, 20_000, 200_000):
        problem, answer = logistic_problem(num_points)
        for method, steps in (("klqp", 3000), ("implicit_klqp", 12_000)):
            for seed in SEEDS[:2]:
                start = time.perf_counter()
                options = InferenceOptions(method=method, steps=steps)
                result = fit(jax.random.key(seed), problem, options=options, num_draws=NUM_DRAWS)
                seconds = time.perf_counter() - start
                worst, mean, low, high = compare(result.posterior["w"], *answer)
                row = f"{worst:.2f} / {mean:.2f} | {low:.2f}-{high:.2f} | {seconds:.0f}"
                yield f"| {num_points:,} | {method} | {seed} | {row} |"


BLOCKS: dict[str, Callable[[], Iterator[str]]] = {
    "models": models,
    "g-and-k": g_and_k,
    "ratio-gap": ratio_gap,
    "logistic": logistic,
    "posteriordb": posteriordb,
    "empirical": empirical,
    "calibration": calibration,
    "network": network,
    "sbibm": sbibm,
    "amortized": amortized,
    "simulators": simulators,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=BLOCKS, help="run one block")
    only = parser.parse_args().only
    for name, block in BLOCKS.items():
        if only in (None, name):
            print(f"\n## {name}\n\n{block.__doc__}\n", flush=True)
            for line in block():
                print(line, flush=True)


if __name__ == "__main__":
    main()
