"""Every way data can be wrong: where the error points, and which sentence says the fix."""

import base64
import math

import numpy as np
import pytest

from model_registry.fields import Field
from model_registry.parsing import MAX_VALUES
from model_registry.resolution import MAX_UNKNOWN, resolve
from tacit.errors import InvalidInputError

SCHOOLS = {"y": Field(("J",)), "sigma": Field(("J",), support="positive", description="standard errors")}
REGRESSION = {"x": Field(("N", "D")), "y": Field(("N",))}
COUNTS = {"x": Field(("N",), dtype="int", support="nonnegative")}


def errors_of(fields, data, **options):
    with pytest.raises(InvalidInputError) as raised:
        resolve(fields, data, **options)
    return [tuple(error) for error in raised.value.errors]


def encoded(numbers, dtype="float32", **changes):
    array = np.asarray(numbers, dtype=np.dtype(dtype).newbyteorder("<"))
    body = {"dtype": dtype, "shape": list(array.shape), "data_b64": base64.b64encode(array.tobytes()).decode()}
    return {key: value for key, value in (body | changes).items() if value is not ...}


def test_lists_become_read_only_arrays_of_the_program_s_types():
    dataset = resolve(SCHOOLS | {"n": Field(("J",), dtype="int")}, {"n": [1, 2.0], "sigma": (1, 2), "y": [0.5, -1]})
    assert list(dataset.arrays) == ["y", "sigma", "n"]
    assert [array.dtype for array in dataset.arrays.values()] == [np.float32, np.float32, np.int32]
    assert dataset.arrays["y"].tolist() == [0.5, -1.0]
    assert dataset.arrays["n"].tolist() == [1, 2]
    assert dict(dataset.dims) == {"J": 2}
    assert all(array.flags.c_contiguous and not array.flags.writeable for array in dataset.arrays.values())
    with pytest.raises(TypeError):
        dataset.dims["J"] = 3


def test_the_caller_s_array_is_neither_shared_nor_frozen():
    mine = np.arange(3, dtype=np.float32)
    dataset = resolve({"y": Field(("N",))}, {"y": mine})
    mine[0] = 7.0
    assert dataset.arrays["y"].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint64", ">f8", ">i4"])
def test_arrays_of_any_real_dtype_and_order_are_taken(dtype, order):
    array = np.asarray([[1, 2, 3], [4, 5, 6]], dtype=dtype, order=order)
    resolved = resolve({"x": Field(("N", "D"))}, {"x": array}).arrays["x"]
    assert resolved.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert resolved.flags.c_contiguous


@pytest.mark.parametrize("value", [2, 2.0, np.float64(2), np.int8(2), np.array(2), encoded(2.0)])
def test_scalars(value):
    resolved = resolve({"tau": Field()}, {"tau": value}).arrays["tau"]
    assert resolved.shape == ()
    assert resolved == 2.0


def test_lists_of_arrays_are_lists():
    assert resolve({"x": Field(("N", "D"))}, {"x": [np.arange(2), [2, 3]]}).arrays["x"].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_encoded_arrays(dtype):
    resolved = resolve(REGRESSION, {"x": encoded([[1, 2], [3, 4], [5, 6]], dtype), "y": [0, 0, 0]})
    assert resolved.arrays["x"].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert dict(resolved.dims) == {"N": 3, "D": 2}


@pytest.mark.parametrize(
    ("value", "pointer", "says"),
    [
        # Form.
        ([1.0, [2.0]], "/data/y/1", "y[1] is a list where a number is wanted; send J values."),
        ([[1.0], [2.0]], "/data/y", "y has 2 axes; send 1 axis: J values."),
        ([[]], "/data/y", "y has 2 axes; send 1 axis: J values."),
        (3.0, "/data/y", "y has no axis (a number); send 1 axis: J values."),
        (np.zeros((2, 2)), "/data/y", "y has 2 axes; send 1 axis: J values."),
        ("1, 2", "/data/y", "y is the string '1, 2'; a list of numbers is wanted."),
        (None, "/data/y", "y is null; a list of numbers is wanted."),
        (True, "/data/y", "y is the boolean true; a list of numbers is wanted."),
        ([], "/data/y", "y is empty; send J values, at least one along each axis."),
        (np.zeros(0), "/data/y", "y is empty; send J values, at least one along each axis."),
        (encoded([]), "/data/y", "y is empty; send J values, at least one along each axis."),
        # Things that are no numbers.
        ([1.0, "2"], "/data/y/1", "y[1] is the string '2'; write a number, without quotes."),
        ([1, True], "/data/y/1", "y[1] is the boolean true; write 0 or 1."),
        ([np.bool_(False), 1], "/data/y/0", "y[0] is the boolean false; write 0 or 1."),
        ([1, None], "/data/y/1", "y[1] is null; no value of this field may be missing. The author of the model can"),
        ([1, {}], "/data/y/1", "y[1] is an object; a number is wanted."),
        ([1, 1j], "/data/y/1", "y[1] is of type complex; a number is wanted."),
        (np.array([True]), "/data/y", "y is an array of dtype bool; send real numbers (floats or integers)."),
        (np.array(["1"]), "/data/y", "y is an array of dtype <U1; send real numbers"),
        (np.array([1j]), "/data/y", "y is an array of dtype complex128; send real numbers"),
        (np.array([1, None]), "/data/y", "y is an array of dtype object; send real numbers"),
        # Numbers that cannot be used.
        ([1, math.nan], "/data/y/1", "y[1] is nan; no value of this field may be missing."),
        ([-math.inf, 1], "/data/y/0", "y[0] is -inf; only finite numbers can be fitted"),
        (np.array([1, np.inf]), "/data/y/1", "y[1] is inf; only finite numbers can be fitted"),
        (encoded([1, np.nan]), "/data/y/data_b64", "y[1] is nan; no value of this field may be missing."),
        ([0.0, 1e39], "/data/y/1", "y[1] is 1e+39; it must be at most 3.4e+38 in size (float32): use a larger unit."),
        ([-(10**400), 1], "/data/y/0", "it must be at most 3.4e+38 in size (float32): use a larger unit."),
    ],
)
def test_a_bad_vector_is_refused(value, pointer, says):
    (error,) = errors_of({"y": Field(("J",))}, {"y": value})
    assert error[0] == pointer
    assert says in error[1]


@pytest.mark.parametrize(
    ("value", "pointer", "says"),
    [
        ([[1, 2], [3]], "/data/x/1", "x[1] has 1 value where x[0] has 2; make all of them equally long."),
        ([[1], [2, 3, 4]], "/data/x/1", "x[1] has 3 values where x[0] has 1; make all of them equally long."),
        ([[1, 2], 3], "/data/x/1", "x[1] is a number where its neighbours are lists; send N by D values."),
        ([[1, 2], "a"], "/data/x/1", "x[1] is the string 'a'; a list of numbers is wanted."),
        ([1, 2], "/data/x", "x has 1 axis; send 2 axes: N by D values."),
        ([[[1]]], "/data/x", "x has 3 axes; send 2 axes: N by D values."),
        ([[1, 2], [3, [4]]], "/data/x/1/1", "x[1, 1] is a list where a number is wanted"),
        ([[1, 2], [3, None]], "/data/x/1/1", "x[1, 1] is null"),
        ([[1, 2], [3, math.inf]], "/data/x/1/1", "x[1, 1] is inf"),
        ([[], []], "/data/x", "x is empty"),
        ([], "/data/x", "x is empty"),
    ],
)
def test_a_bad_matrix_is_refused(value, pointer, says):
    (error,) = errors_of({"x": Field(("N", "D"))}, {"x": value})
    assert error[0] == pointer
    assert says in error[1]


def test_a_list_nested_beyond_all_sense_is_refused_without_recursion():
    value = []
    for _ in range(100_000):
        value = [value]
    ((pointer, says),) = errors_of({"y": Field(("N",))}, {"y": value})
    assert pointer == "/data/y"
    assert "send 1 axis" in says
    while value:  # freeing it is recursive in CPython only beyond what the interpreter can unwind
        value = value[0]


@pytest.mark.parametrize(
    ("field", "value", "pointer", "says"),
    [
        (Field(("N",), "int"), [1, 2.5], "/data/v/1", "v[1] is 2.5; whole numbers are wanted"),
        (Field(("N",), "int"), [1, math.nan], "/data/v/1", "v[1] is nan; no value"),
        (Field(("N",), "int"), [2**31], "/data/v/0", "must lie between -2147483648 and 2147483647 (int32)."),
        (Field(("N",), "int"), [-(2**31) - 1], "/data/v/0", "v[0] is -2.14748365e+09; it must lie between"),
        (Field(("N",), "int"), [0, 10**400], "/data/v/1", "must lie between"),
        (Field(("N",), "int", "nonnegative"), [3, -1], "/data/v/1", "v[1] is -1; it must be 0 or greater."),
        (Field(("N",), "int", "boolean"), [0, 1, 2], "/data/v/2", "v[2] is 2; it must be 0 or 1."),
        (Field(("N",), support="positive"), [1.0, 0.0], "/data/v/1", "v[1] is 0; it must be greater than 0."),
        (Field(("N",), support="positive"), [1e-50], "/data/v/0", "is 1e-50; it is 0 in float32 and must be greater"),
        (Field(("N",), support="positive"), [1e-40], "/data/v/0", "use a smaller unit."),
        (
            Field(("N",), support="unit_interval"),
            [0, 1, 1.01],
            "/data/v/2",
            "v[2] is 1.01; it must be between 0 and 1.",
        ),
        (Field(support="positive"), -2, "/data/v", "v is -2; it must be greater than 0."),
        (Field((3,)), [1, 2, 3, 4], "/data/v", "v has 4 values; 3 are wanted."),
        (Field(("N", 2)), [[1, 2, 3]], "/data/v", "v has 3 columns; 2 are wanted."),
        (Field(("K", "K")), [[1, 2, 3], [4, 5, 6]], "/data/v", "v has 3 columns where v has 2 rows: both are K."),
        (
            Field(("K", "L", "K")),
            np.ones((2, 2, 3)),
            "/data/v",
            "v has 3 along axis 2 where v has 2 along axis 0: both are",
        ),
    ],
)
def test_numbers_that_do_not_fit_the_field(field, value, pointer, says):
    (error,) = errors_of({"v": field}, {"v": value})
    assert error[0] == pointer
    assert says in error[1]


def test_the_first_offender_is_named_and_the_others_counted():
    ((pointer, says),) = errors_of(COUNTS, {"x": [0, -1, 5, -2, -3]})
    assert pointer == "/data/x/1"
    assert says == "x[1] is -1; it must be 0 or greater. (2 more like it.)"


def test_limits_of_int32_and_float32_are_inside():
    limits = [2**31 - 1, -(2**31)]
    assert resolve({"v": Field(("N",), "int")}, {"v": limits}).arrays["v"].tolist() == limits
    largest = float(np.finfo(np.float32).max)
    assert resolve({"v": Field(("N",))}, {"v": [largest, -largest, 1e-45]}).arrays["v"][0] == np.float32(largest)


@pytest.mark.parametrize(
    ("fields", "data", "expected"),
    [
        (
            SCHOOLS,
            {"y": [1] * 8, "sigma": [1] * 7},
            ("/data/sigma", "sigma has 7 values where y has 8: both are J."),
        ),
        (SCHOOLS, {"y": [1, 2], "sigma": [1]}, ("/data/sigma", "sigma has 1 value where y has 2: both are J.")),
        (REGRESSION, {"x": [[1, 2]] * 3, "y": [1] * 4}, ("/data/y", "y has 4 values where x has 3 rows: both are N.")),
        (
            {"x": Field(("N", "D")), "w": Field(("N", "D"))},
            {"x": [[1, 2]], "w": [[1, 2, 3]]},
            ("/data/w", "w has 3 columns where x has 2: both are D."),
        ),
        (
            SCHOOLS,
            {"y": [1] * 8, "sigma": encoded([1] * 7)},
            ("/data/sigma", "sigma has 7 values where y has 8: both are J."),
        ),
    ],
)
def test_fields_that_disagree_about_a_dimension(fields, data, expected):
    assert errors_of(fields, data) == [expected]


def test_missing_and_unknown_fields():
    assert errors_of(SCHOOLS, {"y": [1.0], "sigmas": [1.0]}) == [
        ("/data/sigmas", "'sigmas' is not a field of this model: did you mean sigma?"),
        ("/data/sigma", "sigma is missing: send J values (standard errors)."),
    ]
    assert errors_of(COUNTS, {"x": [1], "a/b~c": 1}) == [
        ("/data/a~1b~0c", "'a/b~c' is not a field of this model: remove it; this model has the field x.")
    ]


def test_many_unknown_fields_are_counted_not_listed():
    errors = errors_of(COUNTS, {"x": [1]} | {f"field_{i}": 0 for i in range(1000)})
    assert len(errors) == MAX_UNKNOWN + 1
    assert errors[-1] == ("/data", f"{1000 - MAX_UNKNOWN} more fields are unknown; this model has the field x.")


@pytest.mark.parametrize("data", [None, [1, 2], "y", 3])
def test_data_that_are_no_object(data):
    assert errors_of(SCHOOLS, data) == [("/data", "data must be an object with the fields y, sigma.")]


def test_everything_wrong_is_said_at_once():
    fields = REGRESSION | SCHOOLS | {"n": Field(("J",), "int")}
    data = {"y": [1, math.nan], "sigma": [1, -1, 1], "x": [[1, 2], [3]], "n": [0.5, 1], "extra": 1}
    pointers = [pointer for pointer, _ in errors_of(fields, data)]
    assert sorted(pointers) == [
        "/data/extra",
        "/data/n/0",
        "/data/sigma",
        "/data/sigma/1",
        "/data/x/1",
        "/data/y/1",
    ]


def test_the_pointer_starts_where_the_data_stand():
    assert errors_of(COUNTS, {"x": [-1]}, pointer="/datasets/3")[0][0] == "/datasets/3/x/0"


@pytest.mark.parametrize(
    ("value", "pointer", "says"),
    [
        (
            encoded([1, 2]) | {"dtype": "float16"},
            "/data/y/dtype",
            "write one of float32, float64, int32, int64.",
        ),
        (encoded([1, 2]) | {"dtype": "object"}, "/data/y/dtype", "dtype is 'object'; write one of"),
        (encoded([1, 2]) | {"dtype": [1]}, "/data/y/dtype", "write one of"),
        (encoded([1, 2], shape=[3]), "/data/y/data_b64", "holds 8 bytes; its dtype and shape ask for 12."),
        (encoded([1, 2], shape=[1]), "/data/y/data_b64", "holds 8 bytes; its dtype and shape ask for 4."),
        (encoded([1, 2], shape=[2, 1]), "/data/y/shape", "y has 2 axes; send 1 axis"),
        (encoded([1, 2], shape=[-2]), "/data/y/shape", "write a list of sizes, such as [8]."),
        (encoded([1, 2], shape=[True]), "/data/y/shape", "write a list of sizes"),
        (encoded([1, 2], shape=[2.0]), "/data/y/shape", "write a list of sizes"),
        (encoded([1, 2], shape=2), "/data/y/shape", "write a list of sizes"),
        (encoded([1, 2], shape=[10**30]), "/data/y/shape", "write a list of sizes"),
        (encoded([1, 2], data_b64="*"), "/data/y/data_b64", "is not base64; use the standard alphabet"),
        (encoded([1, 2], data_b64="AAAA\n"), "/data/y/data_b64", "without line breaks"),
        (encoded([1, 2], data_b64="éé"), "/data/y/data_b64", "is not base64"),
        (encoded([1, 2], data_b64=[1, 2]), "/data/y/data_b64", "send the array's bytes as a base64 string."),
        (encoded([1, 2], data_b64=...), "/data/y/data_b64", "y lacks 'data_b64'"),
        (encoded([1, 2], order="F"), "/data/y/order", "y has the unknown key 'order'; remove it."),
    ],
)
def test_a_bad_encoded_array_is_refused(value, pointer, says):
    errors = errors_of({"y": Field(("N",))}, {"y": value})
    assert errors[0][0] == pointer
    assert says in errors[0][1]


def test_an_encoded_array_may_not_ask_for_more_memory_than_it_brings():
    side = int(MAX_VALUES**0.5) + 1
    ((pointer, says),) = errors_of({"x": Field(("N", "D"))}, {"x": encoded([[1.0]], shape=[side, side])})
    assert pointer == "/data/x/shape"
    assert f"send at most {MAX_VALUES}" in says
