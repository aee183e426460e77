"""The field's benchmark of simulation-based inference: one observation, no likelihood, a budget of simulations.

TACIT_SBIBM names the folder of the benchmark's references (Lueckmann et al., 2021), in one of two forms. Either it is
the package: `pip download --no-deps sbibm==1.1.0`, unpacked with `unzip`, has them in the folder `sbibm`, for ten
observations of every task. Or it has a file `<task>_<observation>.npz` with `observation` and `reference_samples` for
each; slcp_distractors is not in this form. Where the folder holds `published_c2st.csv`, the best that others reached
stands beside.

The score is how well a classifier tells draws from the reference (C2ST; 0.5 is perfect). It is the benchmark's own, two
hidden layers of ten units a dimension, five folds, both sides standardised by the reference.

Long: nine tasks, three observations of the ten, three budgets, two seeds. TACIT_SBIBM_TASKS, _OBSERVATIONS, _BUDGETS
and _SEEDS (values with commas between) make others.
"""

import bz2
import csv
import itertools
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from benchmarks.together import fits, suits
from model_registry import Model, load_registry
from tacit.errors import DivergedError
from tacit.inference import Fit, InferenceOptions, Problem

NUM_DRAWS = 2000
SEEDS = (0, 1)
ALL_OBSERVATIONS = range(1, 11)
OBSERVATIONS = (1, 2, 3)
BUDGETS = (100_000, 10_000, 1_000)
# The benchmark's task, and the registered model.
TASKS = {
    "two_moons": "two-moons",
    "slcp": "slcp",
    "gaussian_mixture": "two-scale-mixture",
    "gaussian_linear": "gaussian-linear",
    "gaussian_linear_uniform": "gaussian-linear-uniform",
    "bernoulli_glm": "bernoulli-glm",
    "sir": "sir-counts",
    "lotka_volterra": "lotka-volterra-noisy",
    "slcp_distractors": "slcp-distractors",
}


def c2st(reference: np.ndarray, draws: np.ndarray) -> float:
    """Cross-validated accuracy of telling `draws` (S, d) from as many of `reference`."""
    size = reference.shape[1]
    centre, spread = reference.mean(axis=0), reference.std(axis=0)
    values = (np.concatenate([reference, draws]) - centre) / spread
    sides = np.repeat([0, 1], [len(reference), len(draws)])
    classifier = MLPClassifier((10 * size, 10 * size), max_iter=1000, random_state=1)
    folds = KFold(5, shuffle=True, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(np.mean(cross_val_score(classifier, values, sides, cv=folds, scoring="accuracy")))


def observation(folder: Path, task: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """What was observed, in the shape of the registered model's data, and draws of the reference posterior."""
    observed, reference = _held(folder, task, number)
    if task == "slcp":
        observed = observed.reshape(4, 2)
    if task == "sir":
        observed = observed.astype(int)
    order = np.random.RandomState(0).permutation(len(reference))
    return observed, reference[order[:NUM_DRAWS]]


def _held(folder: Path, task: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """(numbers,) observed and (draws, latents) of the reference, from either form of the folder.

    Raises:
      FileNotFoundError: it has neither.
    """
    arrays = folder / f"{task}_{number}.npz"
    if arrays.exists():
        with np.load(arrays) as held:
            return held["observation"].reshape(-1), held["reference_samples"]
    hidden = task == "slcp_distractors"
    files = folder / "tasks" / ("slcp" if hidden else task) / "files" / f"num_observation_{number}"
    if not files.is_dir():
        raise FileNotFoundError(f"TACIT_SBIBM: there is neither {arrays} nor {files}")
    observed = _table((files / f"observation{'_distractors' if hidden else ''}.csv").read_text())
    reference = bz2.decompress((files / "reference_posterior_samples.csv.bz2").read_bytes()).decode()
    return observed[0], _table(reference)


def _table(text: str) -> np.ndarray:
    """(rows, columns) of a table with a header."""
    return np.loadtxt(text.splitlines(), delimiter=",", skiprows=1, ndmin=2)


def published(folder: Path) -> dict[tuple[str, int], float]:
    """The best mean score of others, by task and budget; empty where the folder does not tell."""
    best: dict[tuple[str, int], float] = {}
    if not (folder / "published_c2st.csv").exists():
        return best
    with (folder / "published_c2st.csv").open() as rows:
        for row in csv.DictReader(rows):
            key = row["task"], int(row["num_simulations"])
            best[key] = min(best.get(key, 1.0), float(row["c2st_mean"]))
    return best


def chosen(variable: str, everything: Iterable[Any], usual: Iterable[Any] | None = None) -> list[Any]:
    """Those that an environment variable asks for; the usual ones, or all, where it does not.

    Raises:
      ValueError: it asks for something else.
    """
    known = {str(each): each for each in everything}
    if variable not in os.environ:
        return list(known.values() if usual is None else usual)
    asked = os.environ[variable].split(",")
    if unknown := [each for each in asked if each not in known]:
        raise ValueError(f"{variable}: {', '.join(unknown)} is none of {', '.join(known)}")
    return [known[each] for each in asked]


def sbibm() -> Iterator[str]:
    """Scores of the default options at three budgets, beside the best published mean over ten observations."""
    folder = Path(os.environ["TACIT_SBIBM"])
    tasks, observations, budgets, seeds = (
        chosen("TACIT_SBIBM_TASKS", TASKS),
        chosen("TACIT_SBIBM_OBSERVATIONS", ALL_OBSERVATIONS, OBSERVATIONS),
        chosen("TACIT_SBIBM_BUDGETS", BUDGETS),
        chosen("TACIT_SBIBM_SEEDS", SEEDS),
    )
    best, registry = published(folder), load_registry()
    yield "| task | simulations | observation | seed | C2ST | best published | family | k-hat | seconds | warnings |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for budget, task in itertools.product(budgets, tasks):
        other = best.get((task, budget))
        beside = "" if other is None else f"{other:.3f}"
        model, cases = registry.get(TASKS[task]), list(itertools.product(seeds, observations))
        problems = [problem(model, observation(folder, task, number)[0]) for _, number in cases]
        for (seed, number), (result, seconds) in zip(
            cases, fitted(problems, [s for s, _ in cases], budget), strict=True
        ):
            row = f"| {task} | {budget:,} | {number} | {seed} |"
            if isinstance(result, DivergedError):
                yield f"{row} {result} | {beside} | | | {seconds:.0f} | |"
                continue
            found = result.diagnostics
            assert found["simulations"] <= budget
            score = c2st(observation(folder, task, number)[1], result.posterior[model.latents[0]])
            yield (
                f"{row} {score:.3f} | {beside} | {found['family']} | {found['k_hat']:.2f} | {seconds:.0f} | "
                f"{len(result.warnings)} |"
            )


def problem(model: Model, observed: np.ndarray) -> Problem:
    return model.problem(model.resolve({model.observed[0]: observed}))


def fitted(
    problems: Sequence[Problem], seeds: Sequence[int], budget: int
) -> Iterator[tuple[Fit | DivergedError, float]]:
    """Of each problem of a task and its seed the fit, or why it failed, and its seconds; where fits are made side by
    side, its share of them."""
    options = InferenceOptions(objective="forward", simulations=budget)
    every = list(zip(seeds, problems, strict=True))
    for batch in [every] if suits(problems[0], options) else [[each] for each in every]:
        keys, several = [jax.random.key(seed) for seed, _ in batch], [each for _, each in batch]
        start = time.perf_counter()
        made: list[Fit | DivergedError]
        try:
            made = list(fits(keys, several, options=options, num_draws=NUM_DRAWS))
        except DivergedError as error:
            made = [error] * len(batch)
        seconds = (time.perf_counter() - start) / len(batch)
        yield from ((each, seconds) for each in made)
