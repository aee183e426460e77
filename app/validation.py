"""What of a request for a fit is checked against the model. Uses JAX: call it in a thread."""

import logging
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app import prediction
from app.errors import pointer_to
from app.schemas.models import DataCheck
from model_registry import Dataset, Model, unsuitable
from tacit.errors import FieldError, InferenceError, InvalidInputError
from tacit.inference import InferenceOptions, densities, resolved_options
from tacit.inference.options import OptimizerOptions
from tacit.inference.problem import Layout, layout

_log = logging.getLogger(__name__)


def resolved(model: Model, body: DataCheck) -> dict[str, Any]:
    """The sizes that data give a model, its variables at these sizes, and the options.

    Raises:
        InvalidInputError: The data or the options do not fit the model.
    """
    dataset = model.resolve(body.data)
    options = inference_options(model, dataset, body.inference)
    found = prediction.look(model, model.inputs(dataset), pointer="/data")
    return {
        "model": model.name,
        "version": model.version,
        "dims": dict(dataset.dims),
        "data": {name: list(array.shape) for name, array in dataset.arrays.items()},
        "variables": {
            name: {"shape": list(each.shape), "dtype": each.dtype.name, "role": _role(model, name)}
            for name, each in found.items()
        },
        "inference": options,
        "resolved_inference": resolved_inference(model, dataset, options),
    }


def inference_options(model: Model, dataset: Dataset, given: Mapping[str, Any]) -> dict[str, object]:
    """Every inference option of a fit of these data: the user's, else the model's, else the service's."""
    try:
        options = InferenceOptions(**{**model.defaults, **given})
    except ValidationError as error:
        raise InvalidInputError(
            [FieldError("/inference" + pointer_to(each["loc"]), _what_is_wrong(each)) for each in error.errors()]
        ) from error
    errors = [FieldError("/inference" + each.pointer, each.detail) for each in unsuitable(model, options)]
    if not errors and options.method == "klqp" and dataset.missing:
        try:
            densities.check(model.problem(dataset))
        except InferenceError as error:
            errors = [FieldError("/inference/method", f"{error}.")]
    if not errors and options.start is not None:
        wanted, given_size = structure_of(model, dataset).global_dim, len(options.start.mean)
        if given_size != wanted:
            detail = f"It has {given_size} numbers, and the model has {wanted} latent numbers at these data."
            errors = [FieldError("/inference/start", detail)]
    if errors:
        raise InvalidInputError(errors)
    dumped: dict[str, object] = options.model_dump(mode="json")
    return dumped


def resolved_inference(model: Model, dataset: Dataset, options: Mapping[str, Any]) -> dict[str, object]:
    """The options with the values that a fit of these data takes where they are null.

    Raises:
        InvalidInputError: The model does not run at these data, or has no such fit.
    """
    try:
        return resolved_options(InferenceOptions(**options), structure_of(model, dataset))
    except InferenceError as error:
        raise InvalidInputError([FieldError("/inference", f"This model cannot be fitted so: {error}.")]) from error


def structure_of(model: Model, dataset: Dataset) -> Layout:
    """The structure of the problem that data pose: it depends on their shapes alone.

    Raises:
        InferenceError: The program cannot be fitted.
        InvalidInputError: It does not run at these data.
    """
    shapes = tuple((name, array.shape, array.dtype.str) for name, array in dataset.arrays.items())
    return _structure(model, shapes, tuple(dataset.dims.items()))


@lru_cache(maxsize=512)
def _structure(
    model: Model, shapes: tuple[tuple[str, tuple[int, ...], str], ...], dims: tuple[tuple[str, int], ...]
) -> Layout:
    arrays = {name: np.zeros(shape, dtype) for name, shape, dtype in shapes}
    try:
        return layout(model.problem(Dataset(arrays=arrays, dims=dict(dims))))
    except InferenceError:
        raise
    except Exception as error:  # a model's program may raise anything
        _log.warning("model %s does not run at the data of a request", model.name, exc_info=error)
        detail = f"The model does not run at these data: {type(error).__name__}: {error}"
        raise InvalidInputError([FieldError("/data", detail)]) from error


def _what_is_wrong(error: ErrorDetails) -> str:
    """A sentence about an option; one that there is not, with those there are."""
    if error["type"] != "extra_forbidden":
        return f"{error['msg']}."
    *path, name = error["loc"]
    known = list((OptimizerOptions if path else InferenceOptions).model_fields)
    near = get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}."
    return f"There is no option {str(name)!r}; {hint}"


def _role(model: Model, name: str) -> str:
    if name in model.observed:
        return "observed"
    return "deterministic" if name in model.deterministics else "latent"
