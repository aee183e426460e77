"""The stored draws of a fit as a table, and bodies of what else is stored. Reads the store: call it in a thread."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.formats import VARS, Column, Group, Table
from app.schemas.results import PosteriorQuery
from model_registry import Dataset, Model, Registry
from tacit.errors import FieldError, InvalidInputError, ModelChangedError, NotFoundError
from tacit.fits import Fit, FitStore
from tacit.fits.arrays import ArrayFile, Arrays
from tacit.fits.summary import FAILED, to_json
from tacit.settings import Settings

POSTERIOR = "posterior.safetensors"
SUMMARY = "summary.json"
DIAGNOSTICS = "diagnostics.json"
LOSSES = "losses.safetensors"

# What draws say of themselves that are no posterior.
NOT_CONVERGED = {"converged": False}

# Numbers of stored draws that are read together.
_BLOCK = 2**16


class FitDraws:
    """The stored draws of a fit, read by rows, and its data.

    Args:
        model: The fit's model, where it is known; it gives axes their names.
    """

    def __init__(self, store: FitStore, fit: Fit, model: Model | None) -> None:
        self.request = fit.request
        self._model = model
        self._file: ArrayFile = store.array_file(fit, POSTERIOR)
        self._read_data = partial(store.data, fit.request)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of one draw of each variable."""
        return {name: entry.shape[1:] for name, entry in self._file.entries.items()}

    def rows(self, names: Sequence[str], start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Draws `start` to `stop`. After the last stored one they begin again with the first."""
        stored, first = self.request.draws, start % self.request.draws
        count = stop - start
        if first + count <= stored:
            return {name: self._file.rows(name, first, first + count) for name in names}
        if count < stored:
            halves = self.rows(names, first, stored), self.rows(names, 0, first + count - stored)
            return {name: np.concatenate([half[name] for half in halves]) for name in names}
        # As many as are stored, or more: each is read once, however often it is repeated.
        repeated = (first + np.arange(count)) % stored
        return {name: self._file.rows(name, 0, stored)[repeated] for name in names}

    def columns(self, names: Sequence[str], *, section: str = VARS) -> list[Column]:
        """Columns of variables, of the group of posterior draws."""
        entries = self._file.entries
        return [
            Column(
                name,
                section,
                "posterior",
                entries[name].dtype,
                entries[name].shape[1:],
                axes(self._model, name, len(entries[name].shape) - 1),
            )
            for name in names
        ]

    def data(self) -> Dataset:
        """The data of the fit."""
        return Dataset.from_stored(self._read_data(), self.request.dims)

    def data_groups(self) -> list[Group]:
        """What was observed, and the covariates it was observed at."""
        assert self._model is not None, "who wants the data has made sure of the model"
        data = with_nan(self.data())
        observed = data_group(self._model, "observed_data", {name: data[name] for name in self._model.observed})
        constant = data_group(self._model, "constant_data", {name: data[name] for name in self._model.covariates})
        return [group for group in (observed, constant) if group.arrays]

    @property
    def attributes(self) -> dict[str, str | int]:
        """What a file says about itself."""
        return {
            "inference_library": "tacit",
            "model": f"{self.request.model}@{self.request.version}",
            "fit": self.request.id,
            "fit_seed": self.request.seed,
        }


def with_nan(data: Dataset) -> Arrays:
    """The fields of a model's data, with nan for what is missing: where something is, whole numbers are floats."""
    return {
        name: np.where(data.missing[name], np.nan, values).astype(_float_of(values)) if name in data.missing else values
        for name, values in data.arrays.items()
    }


def _float_of(values: NDArray[Any]) -> type[np.floating[Any]]:
    """A type that holds these numbers as they are, and nan."""
    return np.float64 if values.dtype.kind == "i" else np.float32


def fitted_model(registry: Registry, fit: Fit) -> Model:
    """The model of a fit, with the code that was fitted.

    Raises:
        ModelChangedError: It is served no more.
    """
    name = f"{fit.request.model}@{fit.request.version}"
    try:
        model = registry.get(name)
    except NotFoundError as error:
        raise ModelChangedError(
            f"Model {name} is not served any more; JSON, npz and Arrow of the posterior are."
        ) from error
    if model.code_hash != fit.request.code_hash:
        raise ModelChangedError(f"Model {name} has changed since this fit; fit it again to predict.")
    return model


def posterior_table(draws: FitDraws, query: PosteriorQuery, settings: Settings, *, with_data: bool) -> Table:
    """The stored draws that a query asks for; with the data, where the file has room for them."""
    stored = draws.request.draws
    left = stored - query.offset
    count = left if query.draws is None else query.draws
    if left < 1:
        raise refused("?offset", f"There are {stored} stored draws.")
    if count > left:
        raise refused("?draws", f"From this offset there are {left} stored draws.")
    names = chosen(split(query.vars), draws.shapes, "?vars") or sorted(draws.shapes)
    columns = draws.columns(names)
    check_size(columns, count, settings, "?draws")
    end = query.offset + count
    step = max(1, _BLOCK // sum(column.size for column in columns))
    return Table(
        header={"fit": draws.request.id, "num_draws": count, "seed": draws.request.seed},
        columns=columns,
        rows=count,
        parts=(draws.rows(names, start, min(end, start + step)) for start in range(query.offset, end, step)),
        groups=draws.data_groups() if with_data else (),
        attributes=draws.attributes,
    )


def unconverged(table: Table) -> Table:
    """The same draws, which say of themselves that they are no posterior."""
    # NetCDF has no attributes that are true or false.
    return replace(table, header={**table.header, **NOT_CONVERGED}, attributes={**table.attributes, "converged": 0})


def summary_body(store: FitStore, fit: Fit) -> dict[str, Any]:
    """The stored summary, and what the importance weights of the draws say."""
    figures = json.loads(store.artefact(fit, DIAGNOSTICS))
    variables = json.loads(store.artefact(fit, SUMMARY))
    # Summaries of earlier versions have no such count.
    failed = {name: each.pop(FAILED) for name, each in variables.items() if FAILED in each}
    return {
        "fit": fit.request.id,
        "num_draws": fit.request.draws,
        "ess": _worth(figures, fit.request.draws),
        "k_hat": figures.get("k_hat"),
        "failed_draws": failed,
        "vars": variables,
        **({} if fit.not_converged is None else NOT_CONVERGED),
    }


def _worth(figures: Mapping[str, Any], num_draws: int) -> float | None:
    """How many independent draws the stored ones are worth; None if not known."""
    if "ess" in figures:
        ess: float | None = figures["ess"]
        return ess
    # Fits of earlier versions have only what the draws were worth of which the stored ones are a part.
    effective = figures.get("effective_draws")
    return None if effective is None else min(float(effective), float(num_draws))


def diagnostics_body(store: FitStore, fit: Fit) -> dict[str, Any]:
    """The stored figures, and the warnings that follow from them."""
    warnings = fit.outcome.warnings if fit.outcome else ()
    return {
        "fit": fit.request.id,
        "figures": json.loads(store.artefact(fit, DIAGNOSTICS)),
        "warnings": list(warnings),
        **({} if fit.not_converged is None else {"not_converged": fit.not_converged}),
    }


def losses_body(store: FitStore, fit: Fit) -> dict[str, Any]:
    """The stored losses."""
    return {"fit": fit.request.id} | {name: to_json(values) for name, values in store.arrays(fit, LOSSES).items()}


def data_group(model: Model, name: str, arrays: Mapping[str, NDArray[Any]]) -> Group:
    """Fields of a model's data, as they were sent, with the names of their axes."""
    sent = {key: model.data[key].as_sent(array) for key, array in arrays.items()}
    named = {key: model.data[key] for key in arrays if model.data[key].level_names}
    return Group(
        name,
        {key: (array, _named(key, model.data[key].shape)) for key, array in sent.items()},
        {key: (int(field.lowest or 0), field.level_names) for key, field in named.items()},
    )


def axes(model: Model | None, name: str, rank: int) -> tuple[str, ...]:
    """Names of the axes of a variable: dimension symbols where the model has them, else as ArviZ would name them."""
    return _named(name, model.variables[name].shape if model is not None else (0,) * rank)


def _named(name: str, shape: Sequence[str | int]) -> tuple[str, ...]:
    return tuple(
        size if isinstance(size, str) and size.isidentifier() and size not in shape[:number] else f"{name}_dim_{number}"
        for number, size in enumerate(shape)
    )


def split(names: Sequence[str] | None) -> list[str]:
    """The names of a query, `a,b` as well as repeated."""
    return [name for part in names or () for name in part.split(",") if name]


def chosen(wanted: Sequence[str], known: Mapping[str, object], pointer: str) -> list[str]:
    """Names of variables, without repetitions.

    Raises:
        InvalidInputError: One of them is not in `known`.
    """
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise refused(pointer, f"There is no variable {unknown[0][:80]!r}; there is {', '.join(sorted(known))}.")
    return list(dict.fromkeys(wanted))


def check_size(columns: Sequence[Column], rows: int, settings: Settings, pointer: str) -> None:
    """Raises InvalidInputError where an answer would be larger than this service gives at once."""
    size = rows * sum(column.row_bytes for column in columns)
    if size > settings.max_result_bytes:
        most = settings.max_result_bytes * rows // size
        detail = (
            f"These draws are {size} bytes, and {settings.max_result_bytes} are the most at once: ask for fewer "
            f"variables, or for {most} draws at most."
        )
        raise refused(pointer, detail)


def refused(pointer: str, detail: str) -> InvalidInputError:
    return InvalidInputError([FieldError(pointer, detail)])
