"""What of a request for a fit is checked against the model. Uses JAX: call it in a thread."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app import prediction
from app.errors import pointer_to
from app.schemas.models import DataCheck
from model_registry import Dataset, Model, unsuitable
from tacit.errors import FieldError, InferenceError, InvalidInputError
from tacit.inference import InferenceOptions, densities
from tacit.inference.options import OptimizerOptions
from tacit.inference.problem import layout


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
        wanted, given_size = layout(model.problem(dataset)).global_dim, len(options.start.mean)
        if given_size != wanted:
            detail = f"It has {given_size} numbers, and the model has {wanted} latent numbers at these data."
            errors = [FieldError("/inference/start", detail)]
    if errors:
        raise InvalidInputError(errors)
    dumped: dict[str, object] = options.model_dump(mode="json")
    return dumped


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
