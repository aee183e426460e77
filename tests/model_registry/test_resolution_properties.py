"""What holds of `resolve` for all data, not only for chosen ones."""

import base64

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_registry.fields import Field
from model_registry.resolution import resolve
from tacit.errors import InvalidInputError

# The same examples every time, however slow the machine.
relaxed = settings(derandomize=True, deadline=None)

SYMBOLS = ("A", "B", "C")
# Subnormal numbers are 0 to XLA.
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, max_side=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def floats(shape_strategy=SHAPES):
    return hnp.arrays(np.float32, shape_strategy, elements=FINITE)


def encode(array):
    content = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data_b64": content}


@relaxed
@given(floats())
def test_nested_lists_resolve_to_the_same_numbers(array):
    field = Field(SYMBOLS[: array.ndim])
    dataset = resolve({"v": field}, {"v": array.tolist()})
    np.testing.assert_array_equal(dataset.arrays["v"], array)
    assert dataset.arrays["v"].dtype == np.float32
    assert tuple(dataset.dims[symbol] for symbol in field.shape) == array.shape


@relaxed
@given(hnp.arrays(np.int32, SHAPES))
def test_integers_resolve_to_the_same_numbers(array):
    dataset = resolve({"v": Field(SYMBOLS[: array.ndim], dtype="int")}, {"v": array.tolist()})
    np.testing.assert_array_equal(dataset.arrays["v"], array)
    assert dataset.arrays["v"].dtype == np.int32


@relaxed
@given(
    floats()
    | hnp.arrays(np.float64, SHAPES, elements=FINITE)
    | hnp.arrays(np.int64, SHAPES, elements=st.integers(-9, 9))
)
def test_base64_arrays_and_lists_are_the_same(array):
    fields = {"v": Field(SYMBOLS[: array.ndim])}
    as_list, as_text, as_array = (resolve(fields, {"v": v}) for v in (array.tolist(), encode(array), array))
    np.testing.assert_array_equal(as_list.arrays["v"], as_text.arrays["v"])
    np.testing.assert_array_equal(as_list.arrays["v"], as_array.arrays["v"])
    assert as_list.dims == as_text.dims == as_array.dims


@relaxed
@given(
    floats(hnp.array_shapes(min_dims=1, max_dims=2, max_side=5)), st.sampled_from([np.nan, np.inf, -np.inf]), st.data()
)
def test_one_non_finite_number_is_found_wherever_it_is(array, bad, data):
    index = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
    array = array.copy()
    array[index] = bad
    with pytest.raises(InvalidInputError) as raised:
        resolve({"v": Field(SYMBOLS[: array.ndim])}, {"v": array.tolist()})
    assert [error.pointer for error in raised.value.errors] == ["/data/v" + "".join(f"/{i}" for i in index)]


@relaxed
@given(st.integers(1, 6), st.integers(1, 6))
def test_two_fields_of_one_dimension_resolve_exactly_if_they_agree(first, second):
    fields = {"a": Field(("N",)), "b": Field(("N",))}
    data = {"a": [0.0] * first, "b": [0.0] * second}
    if first == second:
        assert resolve(fields, data).dims["N"] == first
    else:
        with pytest.raises(InvalidInputError, match="both are N"):
            resolve(fields, data)


@relaxed
@given(st.dictionaries(st.sampled_from(["x", "y", "z"]), JSON) | JSON)
def test_any_json_at_all_resolves_or_is_refused_with_pointers_into_it(data):
    fields = {"x": Field(("N", "D")), "y": Field(("N",), dtype="int", support="nonnegative")}
    problems = []
    try:
        arrays = resolve(fields, data).arrays
    except InvalidInputError as error:
        problems, arrays = error.errors, {}
    assert problems or arrays.keys() == fields.keys()
    assert all(np.isfinite(array).all() and array.size for array in arrays.values())
    assert [each for each in problems if not leads_into(data, each.pointer)] == []


def leads_into(data, pointer):
    """Whether all of a pointer but its last step (which may be what is missing) exists in the request."""
    at = {"data": data}
    for step in pointer.split("/")[1:-1]:
        at = at[int(step)] if isinstance(at, list) else at[step.replace("~1", "/").replace("~0", "~")]
    return isinstance(at, dict | list)
