"""Data that a model makes up, beside those of its example."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import jax
import numpy as np

from model_registry.fields import SUPPORTS
from model_registry.rehearsal.findings import Finding, good, listed, note, problem
from model_registry.resolution import Dataset
from model_registry.specification import Model
from tacit.predictive import predict

DRAWS = 400
_TRIED = 32
# Of fewer finite draws nothing more is said.
_FEW = 20


@dataclass(frozen=True, eq=False)
class PriorDraws:
    """Draws of a model's observed variables, from its prior and at the covariates of its example.

    Attributes:
      simulated: by variable, draws along axis 0.
      example: the observed values of the example, in one row where some are missing.
    """

    simulated: Mapping[str, np.ndarray]
    example: Mapping[str, np.ndarray]


def draw(model: Model, seed: int) -> PriorDraws:
    """Runs the model's program, with everything drawn as it says."""
    dataset = model.resolve(model.example)
    simulated = _predict(model, jax.random.key(seed), DRAWS, model.observed, {})
    return PriorDraws(simulated, {name: _present(dataset, name) for name in model.observed})


def _present(dataset: Dataset, name: str) -> np.ndarray:
    """The numbers of a field that are not missing."""
    return dataset.arrays[name][~dataset.missing[name]] if name in dataset.missing else dataset.arrays[name]


def look(model: Model, draws: PriorDraws, seed: int) -> Iterator[Finding]:
    """Whether the made-up data are data."""
    for name, values in draws.simulated.items():
        yield from _simulated(name, values, draws)
        yield from _support(model, name, values)
    yield from _deaf(model, seed)


def _simulated(name: str, values: np.ndarray, draws: PriorDraws) -> Iterator[Finding]:
    """Whether the draws are finite and differ, and whether the example could be one of them."""
    finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if not finite.any():
        yield problem(f"Simulation: {name} is never finite; look for overflow, as of exp, and for division by 0.")
        return
    if not finite.all():
        share = f"{finite.sum()} of {len(values)} draws from the prior"
        yield note(f"Simulation: {name} is finite in only {share}; narrow the priors.")
    if finite.sum() < _FEW:
        return
    if (values[finite] == values[finite][0]).all():
        yield problem(f"Simulation: {name} is the same in every draw; its variable has to depend on the PRNG key.")
        return
    low, high = np.quantile(values[finite], [0.005, 0.995])
    example = draws.example[name]
    if not example.size:
        return
    inside = 100 * np.mean((example >= low) & (example <= high))
    words = f"{name} lies between {low:.4g} and {high:.4g} in 99 % of the draws from the prior"
    if inside < 90:
        yield note(f"Prior predictive: {words}, and only {inside:.0f} % of the example's does.")
    else:
        yield good(f"Prior predictive: {words}, as does {inside:.0f} % of the example's.")


def _support(model: Model, name: str, values: np.ndarray) -> Iterator[Finding]:
    field = model.data[name]
    kept = SUPPORTS[field.support].contains(values) & field.within(field.as_sent(values))
    outside = np.isfinite(values) & ~kept
    if outside.any():
        share = 100 * outside.reshape(len(values), -1).any(axis=1).mean()
        yield problem(
            f"Simulation: {name} leaves the range of its field ({field.words}) in {share:.0f} % of the draws; "
            "change one of the two."
        )


def _deaf(model: Model, seed: int) -> Iterator[Finding]:
    """Latents on which the data do not depend: the same noise gives the same data whatever their value."""
    key = jax.random.key(seed + 1)
    given = _predict(model, key, 2, model.latents, {})
    base = _predict(model, key, _TRIED, model.observed, {})
    deaf = []
    for name in model.latents:
        moved = [_predict(model, key, _TRIED, model.observed, {name: given[name][which]}) for which in (0, 1)]
        if all(np.array_equal(moved[0][each], moved[1][each], equal_nan=True) for each in base):
            deaf.append(name)
    if deaf:
        yield problem(f"Simulation: nothing observed depends on {listed(deaf)}; use it in the program, or remove it.")


def _predict(
    model: Model, key: jax.Array, count: int, variables: tuple[str, ...], fixed: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    inputs = model.inputs(model.resolve(model.example))
    parts = list(predict(key, model.program, num_draws=count, inputs=inputs, variables=variables, fixed=fixed))
    return {name: np.concatenate([part[name] for part in parts]) for name in variables}
