"""Numbers keep as float32 what they said as they were sent, or are refused."""

import base64

import numpy as np
import pytest

from model_registry.fields import Field
from model_registry.resolution import resolve
from tacit.errors import InvalidInputError

RNG = np.random.default_rng(0)
UNIX = 1.7e9
NANOSECONDS = 1_700_000_000_000_000_000
BURSTS = 1.7e12 + RNG.integers(0, 3e10, 20)


def resolved(values, **options):
    array = np.asarray(values)
    return resolve({"v": Field(("N", "D")[: array.ndim], **options)}, {"v": values}).arrays["v"]


def refusal(values, **options):
    with pytest.raises(InvalidInputError) as raised:
        resolved(values, **options)
    ((pointer, detail),) = raised.value.errors
    return pointer, detail


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(UNIX + np.arange(60), id="seconds"),
        pytest.param((UNIX + np.arange(60)).tolist(), id="seconds in a list"),
        pytest.param(UNIX + RNG.permutation(60), id="seconds in any order"),
        pytest.param(np.append(UNIX + np.arange(60), 0.0), id="seconds and an outlier"),
        pytest.param(1.7e12 + 37 * np.arange(60), id="milliseconds"),
        pytest.param(np.sort(np.concatenate([BURSTS, BURSTS + 4, BURSTS + 8])), id="bursts within a year"),
        pytest.param(NANOSECONDS + np.arange(60), id="nanoseconds, int64"),
        pytest.param([NANOSECONDS + i for i in range(60)], id="nanoseconds, whole numbers of JSON"),
        pytest.param([20240101 + day for day in range(28)], id="dates"),
        pytest.param(2460000.5 + np.arange(100) / 1440, id="Julian days"),
        pytest.param(2020 + np.arange(8760) / 8760, id="hours in years"),
        pytest.param(1e6 + 0.1 * np.arange(1000), id="tenths after a million"),
        pytest.param([1234567890, 9876543210, 9876543211], id="labels"),
        pytest.param(np.concatenate([1e9 + RNG.permutation(30), 2e9 + RNG.permutation(30)]), id="two runs of labels"),
        pytest.param([UNIX + 1] * 30 + [UNIX + 2] * 30, id="two values, repeated"),
        pytest.param(5812345 + np.round(RNG.uniform(0, 20, 50), 2), id="metres north"),
        pytest.param(5812345 + np.round(np.cumsum(RNG.normal(size=200)), 2), id="a walk in metres"),
        pytest.param(
            np.column_stack([np.ones(50), UNIX + np.arange(50), RNG.normal(size=50)]), id="one column of three"
        ),
        pytest.param((UNIX + np.arange(50))[None], id="one row"),
        pytest.param(UNIX + RNG.integers(0, 3e7, (40, 1)) + np.arange(50), id="rows that begin at different times"),
    ],
)
def test_numbers_whose_differences_are_lost_are_refused(values):
    pointer, detail = refusal(values)
    assert pointer.startswith("/data/v/")
    assert "in float32, which keeps about 7 digits" in detail
    assert "send differences from a nearby number" in detail
    assert "Field(origin=" in detail


def test_the_refusal_gives_an_example_and_the_fix():
    assert refusal([UNIX, UNIX + 1, UNIX + 2]) == (
        "/data/v/0",
        "v[0] = 1700000000 and v[1] = 1700000001 both become 1700000000 in float32, which keeps about 7 digits: too "
        "few for numbers that differ by so little. If the model allows it, send differences from a nearby number "
        "(v - 1700000000), or number labels from 0. The model's author can let the field subtract it: "
        "Field(origin=1700000000).",
    )


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_encoded_arrays_are_looked_at_too(dtype):
    array = (UNIX + np.arange(9)).astype(dtype)
    content = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
    pointer, detail = refusal_of_encoded({"dtype": dtype, "shape": [9], "data_b64": content})
    assert pointer == "/data/v/data_b64"
    assert "both become 1700000000" in detail


def refusal_of_encoded(body):
    with pytest.raises(InvalidInputError) as raised:
        resolve({"v": Field(("N",))}, {"v": body})
    return tuple(raised.value.errors[0])


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0.1, 0.2, 0.3], id="tenths"),
        pytest.param(1700000123.0, id="a single number"),
        pytest.param([UNIX + 1] * 9, id="a constant"),
        pytest.param([0.1 + 0.2, 0.3, 0.3], id="a constant up to arithmetic"),
        pytest.param(np.concatenate([np.linspace(0, 1, 11), np.arange(11) * 0.1]), id="equal up to arithmetic"),
        pytest.param([2.0**40, 2.0**41, 2.0**42 + 2.0**20], id="large and exact"),
        pytest.param([2**60, 2**61, 2**62], id="large, whole and exact"),
        pytest.param([0.1] * 30 + [0.7] * 30, id="repeated"),
        pytest.param(RNG.normal(size=100_000), id="many"),
        pytest.param(np.sort(RNG.normal(size=100_000)), id="many, sorted"),
        pytest.param(RNG.standard_cauchy(10_000), id="heavy tails"),
        pytest.param(np.exp(10 * RNG.normal(size=10_000)), id="many magnitudes"),
        pytest.param([1e30, 1.0, 2.0], id="one is huge"),
        pytest.param(293.15 + RNG.normal(size=10_000), id="kelvin"),
        pytest.param(np.round(293.15 + np.cumsum(RNG.choice([-3e-4, 0, 3e-4], 1000)), 4), id="kelvin in four decimals"),
        pytest.param(101325 + RNG.normal(0, 100, 500), id="pascal"),
        pytest.param(np.round(52.5 + RNG.uniform(0, 0.1, (1000, 2)), 7), id="degrees within a town"),
        pytest.param(1950 + np.arange(840) / 12, id="months in years"),
        pytest.param(UNIX + 86400 * np.arange(365), id="days in seconds"),
        pytest.param(np.cumsum(RNG.exponential(size=100_000)), id="times of many events"),
        pytest.param(np.exp(-(np.linspace(0, 40, 100) ** 2) / 2), id="tails that end in 0"),
        pytest.param(np.column_stack([np.ones(50), 2000 + np.arange(50), RNG.normal(size=50)]), id="a design"),
    ],
)
def test_ordinary_numbers_are_taken(values):
    assert (resolved(values) == np.asarray(values).astype(np.float32)).all()


@pytest.mark.parametrize(
    "values", [1e-46, [1e-46, 0.5, 1.0], [-1e-40, -1.0], [1e-46, 0.0, 2e-46], [1e-39, -1e-39, 2e-39]]
)
def test_numbers_that_become_0_are_refused(values):
    _, detail = refusal(values)
    assert "0 in float32, which ends at 1.2e-38" in detail
    assert "Use a smaller unit" in detail


def test_a_number_next_to_0_where_there_is_a_0_is_taken():
    assert resolved([1e-46, 0.0, 1.0]).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("dtype", ["float", "int"])
@pytest.mark.parametrize(
    ("values", "origin"),
    [
        (UNIX + np.arange(60), UNIX),
        (1.7e12 + np.arange(60), 1.7e12),
        (NANOSECONDS + np.arange(60), NANOSECONDS),
        ([NANOSECONDS + i for i in range(60)], float(NANOSECONDS)),
    ],
)
def test_an_origin_is_subtracted_before_anything_is_rounded(values, origin, dtype):
    assert resolved(values, origin=origin, dtype=dtype).tolist() == list(range(60))


def test_an_origin_that_is_not_near_does_not_help():
    _, detail = refusal(UNIX + np.arange(60), origin=1e9)
    assert "less 1000000000 both become 700000000" in detail


def test_support_is_of_the_difference_and_bounds_are_of_what_is_sent():
    field = {"origin": 2000.0, "support": "positive", "maximum": 2030.0}
    assert resolved([2001.5, 2030.0], **field).tolist() == [1.5, 30.0]
    assert refusal([2001.0, 1999.0], **field) == (
        "/data/v/1",
        "v[1] is 1999; it must be greater than 0 after 2000 is subtracted, at most 2030.",
    )
    assert refusal([2001.0, 2031.0], **field)[0] == "/data/v/1"


def test_whole_numbers_are_held_against_int32_after_the_origin():
    assert refusal([2**31 + 5], dtype="int")[1].startswith("v[0] is 2.14748365e+09; it must lie between -2147483648")
    assert resolved([2**31 + 5], dtype="int", origin=2**31).tolist() == [5]
    assert "between -2147482648 and 2147484647 (int32)" in refusal([2**40], dtype="int", origin=1000)[1]


def test_what_was_subtracted_is_added_again_in_double_precision():
    sent = UNIX + np.arange(5)
    field = Field(("N",), origin=UNIX)
    assert field.as_sent(resolved(sent, origin=UNIX)).tolist() == sent.tolist()
    assert Field(("N",)).as_sent(np.float32([0.1])).dtype == np.float32
    assert Field(("N",), "int", origin=2**40).as_sent(np.int32([3])).tolist() == [2**40 + 3]
    assert resolve({"v": field.resolved}, {"v": np.float32([3.0])}).arrays["v"].tolist() == [3.0]


def with_gaps(values):
    """The same numbers, and as many missing ones among them, at places that say nothing."""
    array = np.asarray(values, np.float64)
    found = np.full((2 * len(array), *array.shape[1:]), np.nan)
    places = np.sort(np.random.default_rng(1).permutation(len(found))[: len(array)])
    found[places] = array
    return found


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(UNIX + np.arange(60), id="seconds"),
        pytest.param(np.append(UNIX + np.arange(60), 0.0), id="seconds and an outlier"),
        pytest.param([UNIX, UNIX + 1], id="two"),
        pytest.param([1e-46, 0.5, 1.0], id="one becomes 0"),
        pytest.param(np.column_stack([RNG.normal(size=50), UNIX + np.arange(50)]), id="one column of two"),
    ],
)
def test_gaps_hide_no_loss(values):
    pointer, detail = refusal(with_gaps(values), missing=True)
    assert "in float32" in detail
    assert "nan" not in detail
    assert np.isfinite(with_gaps(values)[tuple(map(int, pointer.split("/")[3:]))])


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([UNIX], id="a single number"),
        pytest.param(UNIX + 86400 * np.arange(365), id="days in seconds"),
        pytest.param(1950 + np.arange(840) / 12, id="months in years"),
        pytest.param([2.0**40, 2.0**40, 2.0**40 + 2.0**18], id="large and exact"),
        pytest.param(np.column_stack([RNG.normal(size=50), np.full(50, np.nan)]), id="a column of nothing"),
    ],
)
def test_gaps_are_no_loss(values):
    sent = with_gaps(values)
    found = resolve({"v": Field(("N", "D")[: sent.ndim], missing=True)}, {"v": sent})
    assert (found.missing["v"] == np.isnan(sent)).all()


def test_gaps_are_left_out_after_the_origin_is_subtracted():
    field = Field(("N",), origin=UNIX, support="positive", minimum=UNIX + 5, missing=True)
    found = resolve({"v": field}, {"v": [UNIX + 7, None, UNIX + 8]})
    assert found.arrays["v"].tolist() == [7, 5, 8]
    whole = Field(("N",), "int", origin=NANOSECONDS, missing=True)
    found = resolve({"v": whole}, {"v": [NANOSECONDS + 1, None, NANOSECONDS + 3]})
    assert found.arrays["v"].tolist() == [1, 0, 3]
