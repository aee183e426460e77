"""A model as JSON: what `GET /v1/models` and `GET /v1/models/{name}` answer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from model_registry.fields import SUPPORTS, Field, shape_words
from model_registry.parsing import ENCODED_DTYPES
from model_registry.resolution import INT32
from tacit.inference.options import InferenceOptions

if TYPE_CHECKING:
    from model_registry.specification import Model

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def summary(model: Model) -> dict[str, Any]:
    """Name, version, title, description, and what goes in and comes out."""
    return {
        "name": model.name,
        "version": model.version,
        "title": model.title,
        "description": model.description,
        "inputs": list(model.covariates),
        "observed": list(model.observed),
        "latents": list(model.latents),
    }


def describe(model: Model) -> dict[str, Any]:
    """All that a client needs to send data, set options, read the posterior and predict."""
    data = {name: _plain(model.example[name]) for name in model.data}
    sizes = {name: size for name, size in model.resolve(model.example).dims.items() if name in model.parameters}
    return {
        "name": model.name,
        "version": model.version,
        "title": model.title,
        "description": model.description,
        "references": list(model.references),
        "code_hash": model.code_hash,
        "dims": list(model.dims),
        "inputs": [describe_field(name, model.data[name]) for name in model.covariates],
        "observed": [describe_field(name, model.data[name]) for name in model.observed],
        "latents": [_variable(model, name) for name in model.latents],
        "deterministics": [_variable(model, name) for name in model.deterministics],
        "data_schema": data_schema(model.data, title=f"Data of {model.name}"),
        "options_schema": InferenceOptions.model_json_schema(),
        "defaults": dict(model.defaults),
        "example": {"model": model.name, "data": data},
        "example_inputs": {name: data[name] for name in model.covariates} | sizes,
    }


def describe_field(name: str, field: Field) -> dict[str, Any]:
    """What a client has to know of a field."""
    return {
        "name": name,
        "shape": list(field.shape),
        "dtype": field.dtype,
        "support": field.support,
        "description": field.description,
        "unit": field.unit,
        "levels": list(field.level_names) or field.levels,
        "minimum": field.lowest,
        "maximum": field.highest,
        "origin": field.origin,
        "missing": field.missing,
    }


def _variable(model: Model, name: str) -> dict[str, Any]:
    variable = model.variables[name]
    return {
        "name": name,
        "shape": list(variable.shape),
        "support": variable.support,
        "scope": "local" if model.is_local(name) else "global",
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    array = np.asarray(value)
    # JSON has no nan.
    return (np.where(np.isnan(array), None, array) if array.dtype.kind == "f" else array).tolist()


def data_schema(fields: Mapping[str, Field], *, title: str) -> dict[str, Any]:
    """A JSON Schema of the data. That sizes agree between fields cannot be said in it; `x-shape` names them.

    Args:
      fields: by name.
      title: of the schema.
    """
    return {
        "$schema": SCHEMA_DIALECT,
        "title": title,
        "type": "object",
        "properties": {name: _field_schema(field) for name, field in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
        "$defs": {"encoded_array": copy.deepcopy(_ENCODED_ARRAY)},
    }


def _field_schema(field: Field) -> dict[str, Any]:
    words = f"{shape_words(field.shape)}, {field.words}"
    words += ", null where one is missing" if field.missing else ""
    about = f"{field.description} ({words})" if field.description else words
    unit = {"x-unit": field.unit} if field.unit else {}
    forms = [_nested_schema(field), {"$ref": "#/$defs/encoded_array"}]
    return {"description": about, "x-shape": list(field.shape), **unit, "anyOf": forms}


def _nested_schema(field: Field) -> dict[str, Any]:
    forms = [{"enum": list(field.level_names)}] if field.level_names else []
    forms += [_number_schema(field), *([{"type": "null"}] if field.missing else [])]
    schema = {"anyOf": forms} if len(forms) > 1 else forms[0]
    for size in reversed(field.shape):
        sizes = {"minItems": 1} if isinstance(size, str) else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema, **sizes}
    return schema


def _number_schema(field: Field) -> dict[str, Any]:
    """One number as it is sent: the support is of the number less the origin."""
    origin = int(field.origin) if field.dtype == "int" else field.origin
    schema: dict[str, Any] = {
        word: [each + origin for each in rule] if isinstance(rule, list) else rule + origin
        for word, rule in SUPPORTS[field.support].schema.items()
    }
    if field.dtype == "int":
        limits = {"minimum": int(INT32.min) + origin, "maximum": int(INT32.max) + origin}
        schema = {"type": "integer"} | limits | schema
    else:
        schema = {"type": "number"} | schema
    if field.lowest is not None:
        schema["minimum"] = max(field.lowest, schema.get("minimum", field.lowest))
    if field.highest is not None:
        schema["maximum"] = min(field.highest, schema.get("maximum", field.highest))
    return schema


_ENCODED_ARRAY = {
    "description": "An array in C order, little-endian: its dtype, its shape, and its bytes in base64.",
    "type": "object",
    "properties": {
        "dtype": {"enum": list(ENCODED_DTYPES)},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "data_b64": {"type": "string", "contentEncoding": "base64"},
    },
    "required": ["dtype", "shape", "data_b64"],
    "additionalProperties": False,
}
