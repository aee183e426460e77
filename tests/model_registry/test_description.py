import base64
import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_registry import Field, load_registry
from model_registry.description import data_schema
from model_registry.resolution import resolve
from tacit.errors import InvalidInputError

REGISTRY = load_registry()


def accepts(schema, value, root=None):
    """Whether a JSON Schema accepts a value: the keywords that ours use, by the rules of draft 2020-12.

    A keyword it does not know fails the test rather than being skipped.
    """
    root = root or schema
    return all(_keyword(word, rule, schema, value, root) for word, rule in schema.items())


def _keyword(word, rule, schema, value, root):
    number = isinstance(value, int | float) and not isinstance(value, bool)
    array, object_ = isinstance(value, list), isinstance(value, dict)
    return {
        "type": lambda: {
            "number": number,
            "integer": number and float(value).is_integer(),
            "array": array,
            "object": object_,
            "string": isinstance(value, str),
            "null": value is None,
        }[rule],
        "enum": lambda: any(value == each and type(value) is not bool for each in rule),
        "minimum": lambda: not number or value >= rule,
        "maximum": lambda: not number or value <= rule,
        "exclusiveMinimum": lambda: not number or value > rule,
        "items": lambda: not array or all(accepts(rule, each, root) for each in value),
        "minItems": lambda: not array or len(value) >= rule,
        "maxItems": lambda: not array or len(value) <= rule,
        "properties": lambda: not object_ or all(accepts(rule[k], v, root) for k, v in value.items() if k in rule),
        "required": lambda: not object_ or set(rule) <= value.keys(),
        "additionalProperties": lambda: not object_ or value.keys() <= schema["properties"].keys(),
        "anyOf": lambda: any(accepts(each, value, root) for each in rule),
        "$ref": lambda: accepts(root["$defs"][rule.removeprefix("#/$defs/")], value, root),
    }.get(word, lambda: word in _ANNOTATIONS)()


_ANNOTATIONS = {"$schema", "$defs", "title", "description", "contentEncoding", "x-shape", "x-unit"}


@pytest.mark.parametrize("name", sorted(REGISTRY.models))
def test_a_description_is_plain_json_and_its_example_runs(name):
    model = REGISTRY.get(name)
    described = json.loads(json.dumps(model.describe(), allow_nan=False))
    assert described == model.describe()
    assert described["example"]["model"] == name
    assert accepts(described["data_schema"], described["example"]["data"])
    sent, given_ = model.resolve(described["example"]["data"]), model.resolve(model.example)
    assert sent.dims == given_.dims
    for field in model.data:
        np.testing.assert_array_equal(sent.arrays[field], given_.arrays[field])


def test_what_a_description_says():
    described = REGISTRY.get("eight-schools").describe()
    assert {k: described[k] for k in ("name", "version", "dims")} == {
        "name": "eight-schools",
        "version": "1",
        "dims": ["J"],
    }
    assert described["latents"] == [
        {"name": "mu", "shape": [], "support": "real", "scope": "global"},
        {"name": "tau", "shape": [], "support": "positive", "scope": "global"},
        {"name": "theta_offset", "shape": ["J"], "support": "real", "scope": "local"},
    ]
    assert described["deterministics"] == [{"name": "theta", "shape": ["J"], "support": "real", "scope": "local"}]
    assert [each["name"] for each in described["inputs"]] == ["sigma"]
    assert [each["name"] for each in described["observed"]] == ["y"]
    assert described["inputs"][0]["support"] == "positive"
    assert "Rubin (1981)" in described["references"][0]
    assert described["code_hash"] == REGISTRY.get("eight-schools").code_hash
    assert described["options_schema"]["type"] == "object"


def test_the_inputs_of_the_example_are_what_the_program_takes():
    assert REGISTRY.get("eight-schools").describe()["example_inputs"] == {
        "sigma": [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]
    }
    assert REGISTRY.get("poisson-rate").describe()["example_inputs"] == {"N": 10}


def test_summary_is_a_short_description():
    summary = REGISTRY.get("linear-regression").summary()
    assert summary == {
        "name": "linear-regression",
        "version": "1",
        "title": "Linear regression with known noise",
        "description": summary["description"],
        "inputs": ["x"],
        "observed": ["y"],
        "latents": ["w"],
    }


def test_a_description_may_be_changed_without_changing_the_model():
    model = REGISTRY.get("eight-schools")
    before = copy.deepcopy(model.describe())
    changed = model.describe()
    changed["example"]["data"]["y"].append(1)
    changed["data_schema"]["$defs"]["encoded_array"]["properties"].clear()
    changed["data_schema"]["properties"].clear()
    assert model.describe() == before


@pytest.mark.parametrize(
    "data",
    [
        {"y": [1]},
        {"y": [1], "sigma": [1], "z": 1},
        {"y": [1], "sigma": [0]},
        {"y": [], "sigma": [1]},
        {"y": ["1"], "sigma": [1]},
        {"y": [True], "sigma": [1]},
        {"y": [[1]], "sigma": [1]},
        {"y": 1, "sigma": [1]},
        {"y": {"dtype": "float16", "shape": [1], "data_b64": ""}, "sigma": [1]},
        {"y": {"dtype": "float32", "shape": [1]}, "sigma": [1]},
    ],
)
def test_the_schema_refuses_what_resolve_refuses(data):
    model = REGISTRY.get("eight-schools")
    assert not accepts(model.describe()["data_schema"], data)
    with pytest.raises(InvalidInputError):
        model.resolve(data)


def test_the_schema_takes_encoded_arrays():
    content = base64.b64encode(np.ones(2, "<f4").tobytes()).decode()
    data = {"y": {"dtype": "float32", "shape": [2], "data_b64": content}, "sigma": [1, 2]}
    model = REGISTRY.get("eight-schools")
    assert accepts(model.describe()["data_schema"], data)
    assert model.resolve(data).arrays["y"].tolist() == [1.0, 1.0]


def test_the_schema_takes_null_where_a_number_may_be_missing():
    fields = {"y": Field(("N",), missing=True), "n": Field(("N",), "int", "boolean", missing=True)}
    schema = data_schema(fields, title="D")
    for data in ({"y": [None, 1.5], "n": [1, None]}, {"y": [0.5], "n": [0]}):
        assert accepts(schema, data)
        resolve(fields, data)
    for data in ({"y": [None, "a"], "n": [1, 0]}, {"y": None, "n": [1]}, {"y": [1.0], "n": [2]}):
        assert not accepts(schema, data)
        with pytest.raises(InvalidInputError):
            resolve(fields, data)
    assert "null where one is missing" in schema["properties"]["y"]["description"]


FIELDS = st.builds(
    Field,
    shape=st.sampled_from([(), ("N",), (2,), ("N", 2)]),
    dtype=st.sampled_from(["float", "int"]),
    support=st.sampled_from(["real", "positive", "nonnegative", "unit_interval", "boolean"]),
)
NUMBERS = st.sampled_from([0, 1, -1, 2, 0.5, 1.0, -0.5, 2**31, 1e30, True, None, "1"])
VALUES = st.recursive(NUMBERS, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
FITTING = st.lists(NUMBERS, min_size=1, max_size=3) | st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=1)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(FIELDS, VALUES | FITTING)
def test_schema_and_resolve_agree_about_one_field(field, value):
    """Ragged lists aside, which a schema cannot exclude; with two axes here the second is fixed, so none arise."""
    try:
        resolve({"v": field}, {"v": value})
        resolves = True
    except InvalidInputError:
        resolves = False
    assert accepts(data_schema({"v": field}, title="one"), {"v": value}) == resolves
