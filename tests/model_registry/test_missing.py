"""Fields whose numbers may be missing: what is taken, how it is kept, and what is refused."""

import base64

import numpy as np
import pytest

from model_registry import Dataset, Field, Model
from model_registry.resolution import resolve
from tacit.errors import InvalidInputError, ModelLoadError
from tacit.fits.arrays import from_bytes
from tacit.fits.store import encode_data
from tacit.ppl import Normal, Poisson, plate

NAN = np.nan
ROWS = {
    "y": Field(("N", 2), missing=True),
    "n": Field(("N",), dtype="int", support="positive", missing=True),
    "x": Field(("N",)),
}
DATA = {"y": [[1.5, None], [None, 4.0]], "n": [None, 3], "x": [0, 1]}


def encoded(numbers):
    array = np.asarray(numbers, "<f8")
    content = base64.b64encode(array.tobytes()).decode()
    return {"dtype": "float64", "shape": list(array.shape), "data_b64": content}


def masked(numbers):
    return np.ma.masked_invalid(np.asarray(numbers, np.float64))


@pytest.mark.parametrize("form", [lambda numbers: numbers, np.asarray, encoded, masked])
def test_null_and_nan_say_that_a_number_is_missing(form):
    nans = {"y": [[1.5, NAN], [NAN, 4.0]], "n": [NAN, 3.0]}
    given = {**DATA, **{name: form(numbers) for name, numbers in nans.items()}}
    for data in (DATA, given):
        found = resolve(ROWS, data)
        assert found.missing["y"].tolist() == [[False, True], [True, False]]
        assert found.missing["n"].tolist() == [True, False]
        assert set(found.missing) == {"y", "n"}
        # What stands in their place is of the support.
        assert found.arrays["y"].tolist() == [[1.5, 0.0], [0.0, 4.0]]
        assert (found.arrays["n"].tolist(), found.arrays["n"].dtype) == ([1, 3], np.int32)
        assert not found.missing["y"].flags.writeable


def test_data_without_a_gap_are_what_they_were():
    whole = {"y": [[1, 2]], "n": [3], "x": [0]}
    plain = {name: Field(each.shape, each.dtype, each.support) for name, each in ROWS.items()}
    assert dict(resolve(ROWS, whole).missing) == {}
    assert encode_data(resolve(ROWS, whole).stored)[0] == encode_data(resolve(plain, whole).stored)[0]


def test_what_is_missing_is_stored_with_the_data():
    found = resolve(ROWS, DATA)
    content, _ = encode_data(found.stored)
    again = Dataset.from_stored(from_bytes(content), found.dims)
    assert set(again.arrays) == {"y", "n", "x"}
    for name in ROWS:
        np.testing.assert_array_equal(again.arrays[name], found.arrays[name])
    for name, gaps in found.missing.items():
        np.testing.assert_array_equal(again.missing[name], gaps)
    zeros = resolve(ROWS, {**DATA, "y": [[1.5, 0.0], [0.0, 4.0]]})
    assert encode_data(zeros.stored)[0] != content


@pytest.mark.parametrize(
    ("name", "value", "pointer", "says"),
    [
        ("x", [0, None], "/data/x/1", "x[1] is null; no value of this field may be missing."),
        ("x", [0, NAN], "/data/x/1", "in a series, all later ones would move."),
        ("y", [[1, np.inf], [None, 1]], "/data/y/0/1", "y[0, 1] is inf; only finite numbers can be fitted."),
        ("y", [[1, "a"], [None, 1]], "/data/y/0/1", "y[0, 1] is the string 'a'; write a number"),
        ("y", [[1, True], [None, 1]], "/data/y/0/1", "y[0, 1] is the boolean true; write 0 or 1."),
        ("y", [[1, 2], None], "/data/y/1", "y[1] is null; a list of numbers is wanted."),
        ("n", [None, 0], "/data/n/1", "n[1] is 0; it must be greater than 0."),
        ("n", [None, 1.5], "/data/n/1", "n[1] is 1.5; whole numbers are wanted"),
    ],
)
def test_what_is_wrong_beside_a_gap_is_named(name, value, pointer, says):
    with pytest.raises(InvalidInputError) as raised:
        resolve(ROWS, {**DATA, name: value})
    (error,) = raised.value.errors
    assert error.pointer == pointer
    assert says in error.detail


def two_kinds(N):
    level = Normal(0.0, 1.0, name="level")
    with plate("N", N):
        Normal(level, 1.0, name="y")
        Poisson(2.0, name="n")


def model(program=two_kinds, **changes):
    words = {"name": "two-kinds", "title": "T", "description": "D", "program": program}
    fields = {"y": Field(("N",), missing=True), "n": Field(("N",), "int", "nonnegative", missing=True)}
    return Model(**{**words, "data": fields, "example": {"y": [0.5, None, 1.0], "n": [1, 2, None]}, **changes})


def test_a_model_with_gaps_in_its_example_can_be_served_and_described():
    served = model()
    served.check()
    described = served.describe()
    assert described["example"]["data"] == {"y": [0.5, None, 1.0], "n": [1, 2, None]}
    assert [field["missing"] for field in described["observed"]] == [True, True]
    assert model(example={"y": np.array([0.5, NAN]), "n": [1, 2]}).describe()["example"]["data"]["y"] == [0.5, None]


def test_something_must_have_been_observed():
    model().resolve({"y": [None, None], "n": [1, None]})
    with pytest.raises(InvalidInputError, match="all of y, n is missing; send at least one number"):
        model().resolve({"y": [None, None], "n": [None, None]})


def given_all(x, N):
    level = Normal(0.0, 1.0, name="level")
    with plate("N", N):
        Normal(level * x, 1.0, name="y")


def one_number():
    level = Normal(0.0, 1.0, name="level")
    Normal(level, 1.0, name="y")


@pytest.mark.parametrize(
    ("program", "fields", "example", "says"),
    [
        (
            given_all,
            {"x": Field(("N",), missing=True), "y": Field(("N",))},
            {"x": [1.0], "y": [1.0]},
            "'x' is a parameter of the program, which needs all its values: leave missing=True out.",
        ),
        (one_number, {"y": Field(missing=True)}, {"y": 1.0}, "the field 'y' is the only number that is observed"),
    ],
)
def test_gaps_that_make_no_sense_are_refused_when_the_model_is_loaded(program, fields, example, says):
    with pytest.raises(ModelLoadError, match=says):
        model(program, data=fields, example=example).check()


def test_missing_is_a_yes_or_no():
    with pytest.raises(ModelLoadError, match="Field: missing is 'yes'; write True or False"):
        Field(("N",), missing="yes")
