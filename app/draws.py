"""Bodies with draws and summaries. All of it works on whole arrays: call it in a thread."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import pydantic_core
from numpy.typing import NDArray

from app.schemas import PosteriorQuery, PredictiveQuery
from model_registry import Dataset, Model
from tacit.errors import FieldError, InvalidInputError, ModelChangedError
from tacit.fits import Fit, FitStore
from tacit.fits.summary import to_json
from tacit.predictive import posterior_predictive

Arrays = Mapping[str, NDArray[Any]]

POSTERIOR = "posterior.safetensors"
SUMMARY = "summary.json"
DIAGNOSTICS = "diagnostics.json"
LOSSES = "losses.safetensors"


def posterior_body(store: FitStore, fit: Fit, query: PosteriorQuery) -> bytes:
    """The stored draws that a query asks for."""
    stored = store.arrays(fit, POSTERIOR)
    left = fit.request.draws - query.offset
    count = left if query.draws is None else query.draws
    if left < 1:
        raise _refused("offset", f"There are {fit.request.draws} stored draws.")
    if count > left:
        raise _refused("draws", f"From this offset there are {left} stored draws.")
    names = chosen(query.vars, stored) or sorted(stored)
    draws = {name: stored[name][query.offset : query.offset + count] for name in names}
    return _body(fit, count, fit.request.seed, draws)


def predictive_body(store: FitStore, fit: Fit, model: Model, query: PredictiveQuery) -> bytes:
    """The model's program, replayed with the first stored draws of its latents."""
    if model.code_hash != fit.request.code_hash:
        raise ModelChangedError(f"Model {model.name} has changed since this fit; fit it again to predict.")
    count = fit.request.draws if query.draws is None else query.draws
    if count > fit.request.draws:
        raise _refused("draws", f"There are {fit.request.draws} stored draws.")
    stored = store.arrays(fit, POSTERIOR)
    dataset = Dataset(arrays=store.data(fit.request), dims=fit.request.dims)
    drawn = posterior_predictive(
        jax.random.key(query.seed),
        model.program,
        {name: stored[name][:count] for name in model.latents},
        inputs=model.inputs(dataset),
        variables=chosen(query.vars, model.variables),
    )
    return _body(fit, count, query.seed, {name: np.asarray(values) for name, values in drawn.items()})


def summary_body(store: FitStore, fit: Fit) -> dict[str, Any]:
    """The stored summary."""
    variables = json.loads(store.artefact(fit, SUMMARY))
    return {"fit": fit.request.id, "num_draws": fit.request.draws, "vars": variables}


def diagnostics_body(store: FitStore, fit: Fit) -> dict[str, Any]:
    """The stored figures, and the warnings that follow from them."""
    warnings = fit.outcome.warnings if fit.outcome else ()
    return {"fit": fit.request.id, "figures": json.loads(store.artefact(fit, DIAGNOSTICS)), "warnings": list(warnings)}


def losses_body(store: FitStore, fit: Fit) -> dict[str, Any]:
    """The stored losses."""
    return {"fit": fit.request.id} | {name: to_json(values) for name, values in store.arrays(fit, LOSSES).items()}


def chosen(wanted: Sequence[str] | None, known: Mapping[str, object]) -> list[str] | None:
    """The variables of a query, `a,b` as well as repeated; None when it names none.

    Raises:
        InvalidInputError: One of them is not in `known`.
    """
    names = [name for part in wanted or () for name in part.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise _refused("vars", f"There is no variable {unknown[0][:80]!r}; there is {', '.join(sorted(known))}.")
    return list(dict.fromkeys(names)) or None


def _body(fit: Fit, count: int, seed: int, draws: Arrays) -> bytes:
    body = {
        "fit": fit.request.id,
        "num_draws": count,
        "seed": seed,
        "vars": {name: values.tolist() for name, values in draws.items()},
    }
    return pydantic_core.to_json(body, inf_nan_mode="null")


def _refused(parameter: str, detail: str) -> InvalidInputError:
    return InvalidInputError([FieldError(f"?{parameter}", detail)])
