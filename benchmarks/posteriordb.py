"""Models of posteriordb, both methods, against its reference summaries.

TACIT_POSTERIORDB names a folder with a file `<posterior>.json` for each: `data` as posteriordb has it, and `reference`,
the `mean` and `sd` of each parameter, by the parameter's name there ("theta[1]").
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.comparing import compare
from model_registry import load_registry
from tacit.errors import DivergedError
from tacit.inference import Fit, InferenceOptions, Problem, fit
from tacit.ppl import HalfCauchy, HalfNormal, Normal, plate

NUM_DRAWS = 4000
SEEDS = (0, 1)
METHODS = ("klqp", "implicit_klqp")


class Posterior(NamedTuple):
    """A problem, and posteriordb's names for its variables."""

    problem: Problem
    names: Mapping[str, str]


def registered(name: str, data: Mapping[str, Any]) -> Problem:
    model = load_registry().get(name)
    return model.problem(model.resolve(data))


def ark(data: Mapping[str, Any]) -> Posterior:
    """Each value given those before it, as a regression on these: the same posterior as that of the registered model,
    whose series are simulated as a whole and, within these priors, overflow."""
    series, order = np.asarray(data["y"], np.float32), data["K"]
    lags = np.stack([series[order - k : len(series) - k] for k in range(1, order + 1)], axis=1)

    def program(lags: jax.Array) -> None:
        alpha = Normal(0.0, 10.0, name="alpha")
        beta = Normal(0.0, 10.0, name="beta", sample_shape=(order,))
        sigma = HalfCauchy(2.5, name="sigma")
        with plate("T", len(lags)):
            Normal(alpha + lags @ beta, sigma, name="y")

    problem = Problem(program, observed={"y": series[order:]}, inputs={"lags": lags}, axes={"lags": ("T", "K")})
    return Posterior(problem, {"alpha": "alpha", "beta": "beta", "sigma": "sigma"})


def eight_schools(data: Mapping[str, Any]) -> Posterior:
    problem = registered("eight-schools", {"y": data["y"], "sigma": data["sigma"]})
    return Posterior(problem, {"mu": "mu", "tau": "tau", "theta": "theta"})


def gp_poisson(data: Mapping[str, Any]) -> Posterior:
    problem = registered("gp-poisson-regression", {"x": data["x"], "k": data["k"]})
    return Posterior(problem, {"rho": "rho", "alpha": "alpha", "f": "f"})


def lotka_volterra(data: Mapping[str, Any]) -> Posterior:
    populations = np.vstack([data["y_init"], data["y"]])
    problem = registered("lotka-volterra", {"time": [0.0, *data["ts"]], "y": populations})
    return Posterior(problem, {"theta": "theta", "z_init": "z_init", "sigma": "sigma"})


def gaussian_mixture(data: Mapping[str, Any]) -> Posterior:
    problem = registered("gaussian-mixture", {"y": data["y"]})
    return Posterior(problem, {"mu": "mu", "sigma": "sigma", "theta": "theta"})


def blr(data: Mapping[str, Any]) -> Posterior:
    problem = registered("linear-regression-unknown-noise", {"x": data["X"], "y": data["y"]})
    return Posterior(problem, {"w": "beta", "sigma": "sigma"})


def kilpisjarvi(data: Mapping[str, Any]) -> Posterior:
    """posteriordb's prior of sigma is flat; ours is so in effect."""

    def program(x: jax.Array) -> None:
        alpha = Normal(data["pmualpha"], data["psalpha"], name="alpha")
        beta = Normal(data["pmubeta"], data["psbeta"], name="beta")
        sigma = HalfNormal(100.0, name="sigma")
        with plate("N", len(x)):
            Normal(alpha + beta * x, sigma, name="y")

    arrays = {name: np.asarray(data[name], np.float32) for name in ("x", "y")}
    problem = Problem(program, observed={"y": arrays["y"]}, inputs={"x": arrays["x"]}, axes={"x": ("N",)})
    return Posterior(problem, {"alpha": "alpha", "beta": "beta", "sigma": "sigma"})


def logmesquite(data: Mapping[str, Any]) -> Posterior:
    """posteriordb's priors are flat; ours are so in effect."""
    names = ("diam1", "diam2", "canopy_height", "total_height", "density")
    columns = [np.ones(len(data["weight"])), *(np.log(data[name]) for name in names), data["group"]]
    x = np.column_stack(columns).astype(np.float32)
    y = np.log(data["weight"]).astype(np.float32)

    def program(x: jax.Array) -> None:
        beta = Normal(0.0, 100.0, name="beta", sample_shape=(x.shape[1],))
        sigma = HalfNormal(100.0, name="sigma")
        with plate("N", len(x)):
            Normal(jnp.asarray(x) @ beta.value, sigma, name="y")

    problem = Problem(program, observed={"y": y}, inputs={"x": x}, axes={"x": ("N", "D")})
    return Posterior(problem, {"beta": "beta", "sigma": "sigma"})


POSTERIORS = {
    "arK-arK": ark,
    "eight_schools-eight_schools_noncentered": eight_schools,
    "gp_pois_regr-gp_pois_regr": gp_poisson,
    "hudson_lynx_hare-lotka_volterra": lotka_volterra,
    "kilpisjarvi_mod-kilpisjarvi": kilpisjarvi,
    "low_dim_gauss_mix-low_dim_gauss_mix": gaussian_mixture,
    "mesquite-logmesquite": logmesquite,
    "sblri-blr": blr,
}


def answer(summaries: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of the reference, in the order of `flat`."""
    keys = [key for theirs in names.values() for key in sorted(summaries, key=_index) if key.split("[")[0] == theirs]
    mean, sd = (np.array([summaries[key][figure] for key in keys]) for figure in ("mean", "sd"))
    return mean, sd


def _index(key: str) -> int:
    """3 of "theta[3]"."""
    return int(key.rstrip("]").partition("[")[2] or 0)


def flat(result: Fit, names: Mapping[str, str]) -> np.ndarray:
    """Draws of these variables, (S, K)."""
    return np.column_stack([np.asarray(result.posterior[name]).reshape(NUM_DRAWS, -1) for name in names])


def posteriordb() -> Iterator[str]:
    """Models of posteriordb by default options, against its 10,000 reference draws; TACIT_POSTERIORDB names them."""
    folder = os.environ.get("TACIT_POSTERIORDB")
    if not folder:
        yield "Not measured: set TACIT_POSTERIORDB to a folder of reference summaries (see benchmarks/posteriordb.py)."
        return
    yield "| posterior | method | seed | max / mean error of means (sds) | sd ratios | warned | seconds |"
    yield "|---|---|---|---|---|---|---|"
    for name, make in POSTERIORS.items():
        content = json.loads((Path(folder) / f"{name}.json").read_text())
        posterior = make(content["data"])
        reference = answer(content["reference"], posterior.names)
        for method in METHODS:
            for seed in SEEDS:
                start = time.perf_counter()
                options = InferenceOptions(method=method)
                try:
                    result = fit(jax.random.key(seed), posterior.problem, options=options, num_draws=NUM_DRAWS)
                except DivergedError as error:
                    yield f"| {name} | {method} | {seed} | diverged: {str(error)[:60]} | | | |"
                    continue
                seconds = time.perf_counter() - start
                worst, mean, low, high = compare(flat(result, posterior.names), *reference)
                warned = "yes" if result.warnings else "no"
                row = f"{worst:.2f} / {mean:.2f} | {low:.2f}-{high:.2f} | {warned} | {seconds:.0f}"
                yield f"| {name} | {method} | {seed} | {row} |"
