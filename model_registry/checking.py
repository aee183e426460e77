"""Whether a model can be served: one rule a function, each error a sentence that says what to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from model_registry.discovery import Variable
from model_registry.fields import SUPPORTS, Field, shape_words
from model_registry.suitability import unsuitable
from tacit.errors import InvalidInputError, ModelLoadError
from tacit.inference.options import InferenceOptions

if TYPE_CHECKING:
    from model_registry.specification import Model

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Which fields can hold data of a variable with a given support. Supports that are not listed depend on parameters.
_FITTING_SUPPORTS = {
    "positive": ("positive",),
    "softplus_positive": ("positive",),
    "integer_positive": ("positive",),
    "nonnegative": ("nonnegative", "positive", "unit_interval", "boolean"),
    "integer_nonnegative": ("nonnegative", "positive", "boolean"),
    "unit_interval": ("unit_interval", "boolean"),
    "boolean": ("boolean",),
}


def check(model: Model) -> None:
    """Raises ModelLoadError at the first rule that the model breaks."""
    for rule in _rules():
        rule(model)


def problems(model: Model) -> list[Exception]:
    """An error for every rule that the model breaks. What cannot be looked at because of them is not."""
    found: dict[str, Exception] = {}
    for rule in _rules():
        try:
            rule(model)
        except ModelLoadError as error:
            # A program that does not run is found by every rule that asks for its variables: once is enough.
            found.setdefault(str(error), error)
        except Exception as error:
            # Fields that are no mapping, say, make later rules stumble: what they stumbled over is said already.
            return list(found.values()) or [error]
    return list(found.values())


def _rules() -> tuple[Callable[[Model], None], ...]:
    return (
        _check_words,
        _check_fields,
        _check_parameters,
        _check_observed,
        _check_missing,
        _check_latents,
        _check_plate,
        _check_example,
        _check_defaults,
    )


def _check_words(model: Model) -> None:
    if not isinstance(model.name, str) or not _NAME.fullmatch(model.name):
        raise ModelLoadError(
            f"the name {model.name!r} is not lower-case words joined by hyphens, such as 'eight-schools'."
        )
    if not isinstance(model.version, str) or not _VERSION.fullmatch(model.version):
        raise ModelLoadError(f"the version {model.version!r} is not a string such as '1' or '2.1'.")
    for what in ("title", "description"):
        text = getattr(model, what)
        if not isinstance(text, str) or not text.strip():
            raise ModelLoadError(f"the {what} is empty; say in a sentence what the model is for.")
    if isinstance(model.references, str):
        raise ModelLoadError('references is a string; write a tuple of them, ("...",).')


def _check_fields(model: Model) -> None:
    if not isinstance(model.data, Mapping) or not model.data:
        raise ModelLoadError('data has no field; name what a user sends, such as data={"y": Field(("N",))}.')
    for name, each in model.data.items():
        if not isinstance(each, Field):
            raise ModelLoadError(f"data[{name!r}] is of type {type(each).__name__}; make it a Field(...).")
        if not isinstance(name, str) or not name.isidentifier():
            raise ModelLoadError(f"the field name {name!r} is not an identifier; rename it, as in 'y' or 'x_new'.")
        if name in model.dims:
            raise ModelLoadError(f"{name!r} is a field and a dimension symbol; rename one of the two.")


def _check_parameters(model: Model) -> None:
    if not callable(model.program):
        raise ModelLoadError("program is not a function; give the function that makes the random variables.")
    for name in model.parameters:
        if name not in model.data and name not in model.dims:
            raise ModelLoadError(
                f"the program's parameter {name!r} is neither a field ({', '.join(model.data)}) nor a dimension "
                f"({', '.join(model.dims) or 'there are none'}); add data={{{name!r}: Field(...)}} or rename it."
            )


def _check_observed(model: Model) -> None:
    if not model.observed:
        raise ModelLoadError("nothing is observed: every field is a parameter; name one like a random variable.")
    for name in model.covariates:
        if name in model.variables:
            raise ModelLoadError(
                f"{name!r} is a parameter of the program and a random variable in it; rename one of the two."
            )
    for name in model.observed:
        if name not in model.variables:
            raise ModelLoadError(
                f"the field {name!r} is neither a parameter of the program nor one of its random variables "
                f"({', '.join(model.variables) or 'it makes none'}); rename it."
            )
        _check_observed_variable(name, model.data[name], model.variables[name])


def _check_missing(model: Model) -> None:
    for name in model.covariates:
        if model.data[name].missing:
            raise ModelLoadError(
                f"the field {name!r} is a parameter of the program, which needs all its values: leave missing=True "
                "out. Where some are not known, let the program draw them from a prior, as latent variables; or give "
                "it another field, of 0 and 1, that says which it has to do without."
            )
    alone = [model.data[name] for name in model.observed]
    if len(alone) == 1 and alone[0].missing and set(alone[0].shape) <= {1}:
        raise ModelLoadError(
            f"the field {model.observed[0]!r} is the only number that is observed; without it there is nothing to fit: "
            "leave missing=True out."
        )


def _check_observed_variable(name: str, field: Field, variable: Variable) -> None:
    if variable.kind == "deterministic":
        raise ModelLoadError(
            f"the observed variable {name!r} is Deterministic; observe a random one, such as Normal({name}, scale)."
        )
    if variable.shape != field.shape:
        raise ModelLoadError(
            f"the field {name!r} is {shape_words(field.shape)}, its random variable {shape_words(variable.shape)}; "
            f"make them alike: shape={field.shape} and {variable.shape}."
        )
    if variable.dtype != field.dtype:
        raise ModelLoadError(
            f"the field {name!r} has dtype {field.dtype!r}, its random variable is {variable.dtype!r}; "
            f"write Field(..., dtype={variable.dtype!r})."
        )
    fitting = _FITTING_SUPPORTS.get(variable.support)
    if fitting and not any(_admits_only(field, support) for support in fitting):
        raise ModelLoadError(
            f"the field {name!r} admits numbers that its random variable cannot take ({variable.support}); "
            f"write Field(..., support={fitting[0]!r})."
        )


def _admits_only(field: Field, support: str) -> bool:
    """Whether all numbers that a field admits are of a support."""
    if field.support == support:
        return True
    if field.lowest is None or (field.highest is None and support not in ("positive", "nonnegative")):
        return False
    # Supports are intervals: what holds both ends holds all between; of whole numbers 0 and 1 are all there are.
    ends = np.array([field.lowest, field.lowest if field.highest is None else field.highest]) - field.origin
    return bool(SUPPORTS[support].contains(ends).all()) and (support != "boolean" or field.dtype == "int")


def _check_latents(model: Model) -> None:
    if not model.latents:
        raise ModelLoadError("every random variable is observed; there is nothing to infer.")
    for name in model.latents:
        variable = model.variables[name]
        if variable.dtype != "float":
            raise ModelLoadError(
                f"the latent variable {name!r} is discrete ({variable.support}); variational inference needs a "
                "continuous one: sum it out, draw it inside an Implicit simulator, or observe it as a field."
            )
        if variable.kind == "implicit" and not model.is_local(name):
            raise ModelLoadError(
                f"the global latent variable {name!r} is Implicit; global ones need a density: use a distribution."
            )


def _check_plate(model: Model) -> None:
    outermost = {name: (*model.variables[name].plates, None)[0] for name in model.observed}
    if len(set(outermost.values())) > 1:
        raise ModelLoadError(
            f"the observed variables stand in different plates ({outermost}); put all of them into one, or none."
        )
    if model.data_plate is not None and model.data_plate not in model.dims:
        raise ModelLoadError(
            f"the plate {model.data_plate!r} of the observed variables is named like no dimension of the data "
            f"({', '.join(model.dims)}); name it like the one it runs along."
        )


def _check_example(model: Model) -> None:
    try:
        model.resolve(model.example, pointer="/example")
    except InvalidInputError as error:
        raise ModelLoadError(f"the example does not fit the model: {error}") from error


def _check_defaults(model: Model) -> None:
    try:
        options = InferenceOptions.model_validate(dict(model.defaults))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(("defaults", *map(str, first["loc"])))
        raise ModelLoadError(f"{where}: {first['msg']}; see InferenceOptions for what there is.") from error
    for error in unsuitable(model, options):
        raise ModelLoadError(f"defaults{error.pointer.replace('/', '.')}: {error.detail}")
