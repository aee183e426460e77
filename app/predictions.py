"""Predictive draws as tables. Runs JAX: call it in a thread."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from app import prediction
from app.draws import FitDraws, axes, check_size, data_group, refused
from app.formats import VARS, Column, Group, Part, Table
from app.prediction import Prediction
from app.schemas.results import PosteriorPredictiveCreate, PredictiveCreate
from model_registry import Dataset, Model
from tacit import simulation_pool
from tacit.errors import InferenceError, UnavailableError, is_out_of_memory
from tacit.inference import densities
from tacit.predictive import log_likelihood, predict
from tacit.settings import Settings

_LOG_LIKELIHOOD = "log_likelihood"
_POSTERIOR = "posterior"


def posterior_predictive_table(
    draws: FitDraws, model: Model, body: PosteriorPredictiveCreate, settings: Settings, *, complete: bool
) -> Table:
    """The model's program, replayed at the draws of a fit.

    Args:
        complete: Whether the draws themselves and the data come along, where the file has room for them.
    """
    dataset = draws.data()
    _check_scores(model, body, dataset)
    planned = prediction.from_fit(model, dataset, draws.shapes, inputs=body.inputs, pinned=body.set, wanted=body.vars)
    changed = bool(body.inputs or body.set)
    count = draws.request.draws if body.draws is None else body.draws
    columns = _columns(planned, dict.fromkeys(planned.variables, "predictions" if changed else "posterior_predictive"))
    parts = _predicted(planned, count, body.seed, draws)
    if body.log_likelihood:
        scores = _computed(_scores(planned, dataset, count, draws))
        first = next(scores)
        columns += [_score_column(model, name, values) for name, values in first.items()]
        parts = _beside(parts, chain([first], scores), _LOG_LIKELIHOOD)
    if complete and body.quantiles is None:
        names = sorted(draws.shapes)
        columns += draws.columns(names, section=_POSTERIOR)
        parts = _with_draws(parts, draws, names)
    groups = draws.data_groups() if complete else []
    if complete and body.inputs and model.covariates:
        groups.append(_covariates(planned, "predictions_constant_data"))
    table = Table(
        header={"fit": draws.request.id, "num_draws": count, "seed": body.seed},
        columns=columns,
        rows=count,
        parts=parts,
        groups=groups,
        attributes={**draws.attributes, "seed": body.seed},
    )
    return _finished(table, body, settings)


def prior_predictive_table(model: Model, body: PredictiveCreate, settings: Settings, *, complete: bool) -> Table:
    """The model's program, run with everything drawn as it says; `complete` as for the posterior."""
    planned = prediction.from_prior(model, inputs=body.inputs, pinned=body.set, wanted=body.vars)
    count = settings.default_draws if body.draws is None else body.draws
    groups = {name: "prior_predictive" if name in model.observed else "prior" for name in planned.variables}
    table = Table(
        header={"model": model.name, "version": model.version, "num_draws": count, "seed": body.seed},
        columns=_columns(planned, groups),
        rows=count,
        parts=_predicted(planned, count, body.seed, None),
        groups=[_covariates(planned, "constant_data")] if complete and model.covariates else [],
        attributes={"inference_library": "tacit", "model": f"{model.name}@{model.version}", "seed": body.seed},
    )
    return _finished(table, body, settings)


def _finished(table: Table, body: PredictiveCreate, settings: Settings) -> Table:
    """Checked for its size, begun, and to be made into quantiles if those are asked for."""
    check_size(table.columns, table.rows, settings, "/draws")
    # The first part shows whether the program compiles and runs, while an error can still be told.
    parts = _computed(table.parts)
    return replace(table, parts=chain([next(parts)], parts), probabilities=body.quantiles)


def _computed(parts: Iterator[Part]) -> Iterator[Part]:
    """The same parts; what JAX raises while they are computed becomes an error that says what to do.

    What a program needs in between its variables, no check of their sizes can tell.
    """
    try:
        yield from parts
    except Exception as error:
        if is_out_of_memory(error):
            detail = "This machine has not the memory for it: ask for fewer draws, or for smaller inputs."
            raise refused("/draws", detail) from error
        if trouble := simulation_pool.trouble():
            raise UnavailableError(trouble) from error
        raise


def _check_scores(model: Model, body: PosteriorPredictiveCreate, dataset: Dataset) -> None:
    """Raises InvalidInputError where a log likelihood is asked for that does not exist."""
    if not body.log_likelihood:
        return
    if body.inputs:
        raise refused("/log_likelihood", "It is that of the fit's own data: leave `inputs` out, or `log_likelihood`.")
    implicit = [name for name in model.observed if model.variables[name].kind == "implicit"]
    if implicit:
        raise refused("/log_likelihood", f"{implicit[0]} is a simulator: it has no density, so no likelihood either.")
    pinned = [name for name in model.observed if name in body.set]
    if pinned:
        raise refused(
            "/log_likelihood", f"{pinned[0]} is set, so it is not the observed one whose likelihood this would be."
        )
    try:
        densities.check(model.problem(dataset))
    except InferenceError as error:
        raise refused("/log_likelihood", f"It cannot be had: {error}.") from error


def _predicted(planned: Prediction, count: int, seed: int, draws: FitDraws | None) -> Iterator[Part]:
    parts = predict(
        jax.random.key(seed),
        planned.model.program,
        num_draws=count,
        inputs=planned.inputs,
        variables=planned.variables,
        rows=None if draws is None else lambda start, stop: draws.rows(planned.sampled, start, stop),
        fixed=planned.fixed,
    )
    return ({name: _as_sent(planned.model, name, values) for name, values in part.items()} for part in parts)


def _as_sent(model: Model, name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Values of a variable; of an observed one in the terms in which it is sent."""
    return model.data[name].as_sent(values) if name in model.observed else values


def _scores(planned: Prediction, dataset: Dataset, count: int, draws: FitDraws) -> Iterator[Part]:
    model = planned.model
    return log_likelihood(
        model.program,
        num_draws=count,
        inputs=planned.inputs,
        observed={name: dataset.arrays[name] for name in model.observed},
        rows=lambda start, stop: draws.rows(planned.sampled, start, stop),
        fixed=planned.fixed,
        missing=dataset.missing,
        plate=model.data_plate,
    )


def _beside(parts: Iterator[Part], others: Iterator[Part], section: str) -> Iterator[Part]:
    for part, other in zip(parts, others, strict=True):
        yield {**part, **{f"{section}/{name}": values for name, values in other.items()}}


def _with_draws(parts: Iterator[Part], draws: FitDraws, names: Sequence[str]) -> Iterator[Part]:
    start = 0
    for part in parts:
        stop = start + len(next(iter(part.values())))
        stored = draws.rows(names, start, stop)
        yield {**part, **{f"{_POSTERIOR}/{name}": values for name, values in stored.items()}}
        start = stop


def _columns(planned: Prediction, groups: Mapping[str, str]) -> list[Column]:
    outlines = planned.outlines
    return [
        Column(
            name,
            VARS,
            group,
            _as_sent(planned.model, name, np.empty(0, outlines[name].dtype)).dtype,
            outlines[name].shape,
            axes(planned.model, name, len(outlines[name].shape)),
        )
        for name, group in groups.items()
    ]


def _score_column(model: Model, name: str, values: NDArray[Any]) -> Column:
    axis = model.data_plate or f"{name}_point"
    return Column(name, _LOG_LIKELIHOOD, _LOG_LIKELIHOOD, values.dtype, values.shape[1:], (axis,))


def _covariates(planned: Prediction, group: str) -> Group:
    arrays = {name: planned.inputs[name] for name in planned.model.covariates}
    return data_group(
        planned.model, group, {name: value for name, value in arrays.items() if not isinstance(value, int)}
    )
