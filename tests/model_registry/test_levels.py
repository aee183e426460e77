"""Fields with bounds: levels of an index, by number or by name, and least and greatest numbers."""

import numpy as np
import pytest

from model_registry.description import data_schema
from model_registry.fields import Field
from model_registry.resolution import resolve
from tacit.errors import InvalidInputError, ModelLoadError
from tacit.ppl import Bernoulli, Normal, Poisson, plate
from tests.model_registry.test_description import accepts

ARMS = Field(("N",), levels=("control", "very low", "high"))


def resolved(field, values):
    return resolve({"v": field}, {"v": values}).arrays["v"]


def refusal(field, values):
    with pytest.raises(InvalidInputError) as raised:
        resolved(field, values)
    assert not accepts(data_schema({"v": field}, title="one"), {"v": np.asarray(values, object).tolist()})
    return tuple(raised.value.errors[0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"levels": 0}, 'write how many there are, or ("control", "low", "high")'),
        ({"levels": True}, "write how many there are"),
        ({"levels": ["a", "b"]}, "write how many there are"),
        ({"levels": ()}, "write names that differ"),
        ({"levels": ("a", "a")}, "write names that differ"),
        ({"levels": ("a", 1)}, "write names that differ"),
        ({"levels": ("a", " ")}, "none of them empty"),
        ({"levels": ("1", "2")}, "'1' could not stand in a table"),
        ({"levels": ("a,b", "c")}, "'a,b' could not stand in a table"),
        ({"levels": 3, "minimum": 0}, "leave out minimum, maximum and origin"),
        ({"levels": 3, "origin": 1}, "leave out minimum, maximum and origin"),
        ({"levels": 3, "support": "boolean"}, "leave support out"),
        ({"minimum": "0"}, "minimum is '0'; write a finite number"),
        ({"maximum": float("inf")}, "maximum is inf; write a finite number"),
        ({"minimum": 2, "maximum": 1}, "minimum is 2, above maximum, 1"),
        ({"origin": float("nan")}, "origin is nan; write a finite number"),
        ({"dtype": "int", "origin": 0.5}, "origin is 0.5; write a whole number"),
    ],
)
def test_a_malformed_field_is_refused_where_it_is_written(arguments, says):
    with pytest.raises(ModelLoadError) as raised:
        Field(("N",), **arguments)
    assert says in str(raised.value)


def test_levels_are_whole_numbers_from_0():
    field = Field(("N",), levels=3)
    assert field.dtype == "int"
    assert resolved(field, [0, 2, 1.0]).tolist() == [0, 2, 1]
    assert refusal(field, [0, 3, 4]) == (
        "/data/v/1",
        "v[1] is 3; it must be a whole number from 0 to 2. (1 more like it.)",
    )
    assert refusal(field, [-1])[0] == "/data/v/0"
    assert "whole numbers are wanted" in refusal(field, [0.5])[1]


def test_positive_levels_are_counted_from_1():
    field = Field(("N",), levels=3, support="positive")
    assert resolved(field, [1, 2, 3]).tolist() == [1, 2, 3]
    assert refusal(field, [1, 4])[1] == "v[1] is 4; it must be a whole number from 1 to 3."
    assert refusal(field, [0])[1] == "v[0] is 0; it must be a whole number from 1 to 3."
    assert resolved(Field(("N",), levels=("a", "b"), support="positive"), ["b", "a", 2]).tolist() == [2, 1, 2]


@pytest.mark.parametrize(
    "values",
    [
        ["high", "control", "very low"],
        [2, 0, 1],
        ["high", 0, "very low"],
        np.array(["high", "control", "very low"]),
        np.array(["high", 0, "very low"], dtype=object),
        np.array([2, 0, 1]),
    ],
)
def test_levels_with_names_are_sent_by_name_or_number(values):
    array = resolved(ARMS, values)
    assert (array.dtype, array.tolist()) == (np.int32, [2, 0, 1])
    assert accepts(data_schema({"v": ARMS}, title="one"), {"v": np.asarray(values, object).tolist()})


def test_names_in_a_matrix_and_of_a_single_number():
    levels = ("a", "b")
    assert resolved(Field(("N", 2), levels=levels), [["a", "b"], ["b", "b"]]).tolist() == [[0, 1], [1, 1]]
    assert resolved(Field(levels=levels), "b") == 1


def test_what_is_no_level_is_refused_with_those_there_are():
    admitted = "it must be one of control, very low, high (or 0 to 2)."
    assert refusal(ARMS, ["control", "hihg"]) == ("/data/v/1", f"v[1] is the string 'hihg'; {admitted}")
    assert refusal(ARMS, [0, 3]) == ("/data/v/1", f"v[1] is 3; {admitted}")
    assert refusal(ARMS, [0, None])[0] == "/data/v/1"
    braces = Field(("N",), levels=("{a}", "b"))
    assert "one of {a}, b" in refusal(braces, [5])[1]


def test_names_are_refused_where_there_are_none():
    assert refusal(Field(("N",), levels=3), ["control"])[1].endswith("write a number, without quotes.")


def test_bounds_are_of_any_field():
    field = Field(("N",), minimum=0.1, maximum=40)
    assert resolved(field, [0.1, 40.0]).tolist() == [np.float32(0.1), 40.0]
    assert refusal(field, [1, 41]) == (
        "/data/v/1",
        "v[1] is 41; it must be any finite number, at least 0.1, at most 40.",
    )
    assert refusal(field, [0.0])[0] == "/data/v/0"


def test_the_schema_has_levels_and_bounds():
    fields = {"arm": ARMS, "kind": Field((), levels=3), "day": Field((), "int", "positive", maximum=7)}
    fields |= {"year": Field((), support="positive", origin=2000, maximum=2030)}
    schemas = data_schema(fields, title="all")["properties"]
    arm = schemas["arm"]["anyOf"][0]["items"]["anyOf"]
    assert arm == [{"enum": ["control", "very low", "high"]}, {"type": "integer", "minimum": 0, "maximum": 2}]
    assert schemas["kind"]["anyOf"][0] == {"type": "integer", "minimum": 0, "maximum": 2}
    assert schemas["day"]["anyOf"][0] == {
        "type": "integer",
        "minimum": -(2**31),
        "maximum": 7,
        "exclusiveMinimum": 0,
    }
    assert schemas["year"]["anyOf"][0] == {"type": "number", "exclusiveMinimum": 2000, "maximum": 2030}


@pytest.mark.parametrize(
    ("made", "field", "passes"),
    [
        (lambda mu: Poisson(mu**2, name="y"), Field(("N",), levels=4), True),
        (lambda mu: Poisson(mu**2, name="y"), Field(("N",), "int", minimum=0), True),
        (lambda mu: Poisson(mu**2, name="y"), Field(("N",), "int", minimum=-1), False),
        (lambda mu: Poisson(mu**2, name="y"), Field(("N",), "int", maximum=4), False),
        (lambda mu: Bernoulli(mu**2 / (1 + mu**2), name="y"), Field(("N",), levels=("no", "yes")), True),
        (lambda mu: Bernoulli(mu**2 / (1 + mu**2), name="y"), Field(("N",), levels=3), False),
        (lambda mu: Poisson(mu**2, name="y"), Field(("N",), "int", minimum=10, origin=20), False),
    ],
)
def test_bounds_say_which_random_variables_a_field_fits(make_model, made, field, passes):
    def program(N):
        mu = Normal(0.0, 1.0, name="mu")
        with plate("N", N):
            made(mu)

    model = make_model(program=program, data={"y": field}, example={"y": [20, 20] if field.origin else [0, 1]})
    if passes:
        model.check()
    else:
        with pytest.raises(ModelLoadError, match="admits numbers that its random variable cannot take"):
            model.check()


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({}, 0),
        ({"support": "positive"}, 1),
        ({"support": "positive", "maximum": 0.5}, 0.5),
        ({"minimum": 10, "maximum": 20}, 10),
        ({"minimum": -20, "maximum": -10}, -20),
        ({"dtype": "int", "minimum": 1.5}, 2),
        ({"dtype": "int", "maximum": -1.5}, -2),
        ({"levels": ("low", "high"), "support": "positive"}, 1),
        ({"support": "positive", "origin": 1.7e18}, 1),
        ({"origin": 0.3, "minimum": 0.4}, 1),
    ],
)
def test_what_stands_for_a_missing_number_is_a_number_of_the_field(options, number):
    assert Field(("N",), missing=True, **options).stand_in == number


@pytest.mark.parametrize(
    "options",
    [
        {"support": "positive", "maximum": 0},
        {"support": "unit_interval", "minimum": 2},
        {"support": "boolean", "minimum": 0.2, "maximum": 0.8},
        {"dtype": "int", "minimum": 0.2, "maximum": 0.8},
        {"support": "nonnegative", "origin": 2000, "maximum": 1999},
    ],
)
def test_a_field_that_admits_nothing_is_refused(options):
    with pytest.raises(ModelLoadError, match="Field: no number is"):
        Field(("N",), **options)


def test_levels_may_be_missing():
    field = Field(("N",), levels=("low", "high"), missing=True)
    found = resolve({"arm": field}, {"arm": ["high", None, 0]})
    assert (found.arrays["arm"].tolist(), found.missing["arm"].tolist()) == ([1, 0, 0], [False, True, False])
    items = data_schema({"arm": field}, title="all")["properties"]["arm"]["anyOf"][0]["items"]["anyOf"]
    assert items == [{"enum": ["low", "high"]}, {"type": "integer", "minimum": 0, "maximum": 1}, {"type": "null"}]
    with pytest.raises(InvalidInputError) as raised:
        resolve({"arm": Field(("N",), levels=("low", "high"))}, {"arm": ["high", None]})
    assert "no value of this field may be missing" in raised.value.errors[0].detail
