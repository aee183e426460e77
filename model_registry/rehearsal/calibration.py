"""A small simulation-based check: data are made at latents drawn from the prior, fitted, and the fits asked where the
true latents lie in them. If the posteriors are right, the ranks of the truths are uniform.

Talts, Betancourt, Simpson, Vehtari & Gelman (2018), Validating Bayesian inference algorithms with simulation-based
calibration, arXiv:1804.06788.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from model_registry.rehearsal.findings import Finding, good, note, problem
from model_registry.specification import Model
from tacit.errors import InferenceError
from tacit.inference import InferenceOptions, Problem, fit
from tacit.predictive import predict

_DRAWS = 200
_WITHIN = 0.8
_INTERVALS = f"{100 * _WITHIN:.0f} % intervals"
# How unlikely a count must be, if the posteriors were right, to be mentioned; over all numbers that are looked at.
_RARE = 0.01
_MOST_NUMBERS = 24
_FEW = 5  # fits


@dataclass(frozen=True, eq=False)
class Calibration:
    """Where the truth lies in the posteriors of made-up data.

    Attributes:
      ranks: by number, such as `w[0]`: for each fit, the share of posterior draws below the truth.
      steps: of each fit.
      failed: how many fits came to nothing.
    """

    ranks: Mapping[str, NDArray[np.float64]]
    steps: int
    failed: int

    @property
    def fits(self) -> int:
        return len(next(iter(self.ranks.values())))


def calibrate(
    model: Model, *, fits: int, steps: int, seed: int, on_fit: Callable[[int], None] = lambda done: None
) -> Calibration:
    """Makes and fits `fits` data sets, with the sizes and covariates of the example.

    Args:
      steps: of each fit, in the place of the model's own.
      on_fit: told how many fits are done.
    """
    options = InferenceOptions.model_validate(dict(model.defaults))
    # Under a budget of simulations no more steps than these.
    options = options.model_copy(update={"steps": min(steps, options.simulations or steps)})
    task = model.problem(model.resolve(model.example))
    made = _made_up(model, task, fits, seed)
    names = _numbers(model, made)
    ranks: dict[str, list[float]] = {name: [] for name, _, _ in names}
    failed = 0
    for number in range(fits):
        observed = {name: made[name][number] for name in model.observed}
        on_fit(number)
        if not all(np.isfinite(value).all() for value in observed.values()):
            failed += 1
            continue
        key = jax.random.fold_in(jax.random.key(seed + 2), number)
        try:
            found = fit(key, dataclasses.replace(task, observed=observed), options=options, num_draws=_DRAWS)
        except InferenceError:
            failed += 1
            continue
        for label, name, index in names:
            draws = found.posterior[name][(slice(None), *index)]
            ranks[label].append(float(np.mean(draws < made[name][(number, *index)])))
    on_fit(fits)
    return Calibration({name: np.array(values) for name, values in ranks.items()}, steps, failed)


def look(found: Calibration) -> Iterator[Finding]:
    """What the ranks say, in words."""
    if found.failed:
        yield note(f"Simulation-based check: {found.failed} made-up data sets could not be fitted; narrow the priors.")
    if found.fits < _FEW:
        tell = problem if found.failed else note
        yield tell(f"Simulation-based check: {found.fits} fits came to an end, which is too few to say anything.")
        return
    doubts = [words for name, ranks in found.ranks.items() if (words := _doubt(name, ranks, len(found.ranks)))]
    about = f"{found.fits} made-up data sets, fits of {found.steps} steps"
    if doubts:
        advice = "More steps (--steps), another family, or other priors may help; docs/inference.md says how to judge."
        yield note(f"Simulation-based check ({about}): {'; '.join(doubts)}. {advice}")
        return
    inside = 100 * np.mean([_inside(ranks).mean() for ranks in found.ranks.values()])
    yield good(
        f"Simulation-based check ({about}): nothing speaks against the posteriors; {_INTERVALS} hold the truth in "
        f"{inside:.0f} % of the cases."
    )


def _made_up(model: Model, task: Problem, count: int, seed: int) -> dict[str, np.ndarray]:
    """Latents from the prior and data at them, by variable, data sets along axis 0."""
    names = (*model.latents, *model.observed)
    key = jax.random.key(seed)
    parts = list(predict(key, model.program, num_draws=count, inputs=task.inputs, variables=names))
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _numbers(model: Model, made: Mapping[str, np.ndarray]) -> list[tuple[str, str, tuple[int, ...]]]:
    """Which numbers are looked at: globals first, then local ones; label, variable, index."""
    names = sorted(model.latents, key=model.is_local)
    every = [
        (f"{name}[{', '.join(map(str, index))}]" if index else name, name, index)
        for name in names
        for index in np.ndindex(made[name].shape[1:])
    ]
    return every[:_MOST_NUMBERS]


def _inside(ranks: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the truth lies in the central interval."""
    return np.abs(ranks - 0.5) < _WITHIN / 2


def _doubt(name: str, ranks: NDArray[np.float64], looked_at: int) -> str:
    """What is odd about the ranks of a number; empty when nothing is."""
    # Three ways of being odd are looked for.
    rare, count = _RARE / (3 * looked_at), len(ranks)
    inside, low = int(_inside(ranks).sum()), int((ranks < 0.5).sum())
    if _at_most(inside, count, _WITHIN) < rare:
        return f"posteriors of {name} are too narrow, {inside} of {count} {_INTERVALS} hold the truth"
    if _at_most(count - low, count, 0.5) < rare:
        return f"posteriors of {name} lie too high, {low} of {count} truths are below their middle"
    if _at_most(low, count, 0.5) < rare:
        return f"posteriors of {name} lie too low, {count - low} of {count} truths are above their middle"
    return ""


def _at_most(count: int, trials: int, chance: float) -> float:
    """The probability of at most so many successes."""
    return sum(math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(count + 1))
