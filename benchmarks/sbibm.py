"""The field's benchmark of simulation-based inference: one observation, no likelihood, a budget of simulations.

TACIT_SBIBM names a folder with a file `<task>_<observation>.npz` for each: `observation` and `reference_samples` as
the benchmark (Lueckmann et al., 2021) has them, and `published_c2st.csv`, what others reached. The score is how well a
classifier tells draws from the reference (C2ST; 0.5 is perfect): the benchmark's own classifier, two hidden layers of
ten units a dimension, five folds, both sides standardised by the reference.

Long: nine tasks, three observations, three budgets, two seeds. TACIT_SBIBM_TASKS, _OBSERVATIONS, _BUDGETS and _SEEDS
(values with commas between) make some of them only.
"""

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
from model_registry.models.slcp_distractors import hide
from tacit.errors import DivergedError
from tacit.inference import Fit, InferenceOptions, Problem

NUM_DRAWS = 2000
SEEDS = (0, 1)
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
    hidden = task == "slcp_distractors"
    with np.load(folder / f"{'slcp' if hidden else task}_{number}.npz") as held:
        observed, reference = held["observation"].reshape(-1), held["reference_samples"]
    if task.startswith("slcp"):
        observed = observed.reshape(4, 2)
    if hidden:
        observed = hide(observed, seed=number)
    if task == "sir":
        observed = observed.astype(int)
    order = np.random.RandomState(0).permutation(len(reference))
    return observed, reference[order[:NUM_DRAWS]]


def published(folder: Path) -> dict[tuple[str, int], float]:
    """The best mean score of others, by task and budget."""
    best: dict[tuple[str, int], float] = {}
    with (folder / "published_c2st.csv").open() as rows:
        for row in csv.DictReader(rows):
            key = row["task"], int(row["num_simulations"])
            best[key] = min(best.get(key, 1.0), float(row["c2st_mean"]))
    return best


def chosen(variable: str, everything: Iterable[Any]) -> list[Any]:
    """Those that an environment variable asks for, or all.

    Raises:
      ValueError: it asks for something else.
    """
    known = {str(each): each for each in everything}
    asked = os.environ.get(variable, ",".join(known)).split(",")
    if unknown := [each for each in asked if each not in known]:
        raise ValueError(f"{variable}: {', '.join(unknown)} is none of {', '.join(known)}")
    return [known[each] for each in asked]


def sbibm() -> Iterator[str]:
    """Scores of the default options at three budgets, beside the best published mean over ten observations."""
    folder = Path(os.environ["TACIT_SBIBM"])
    tasks, observations, budgets, seeds = (
        chosen("TACIT_SBIBM_TASKS", TASKS),
        chosen("TACIT_SBIBM_OBSERVATIONS", OBSERVATIONS),
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
