"""From what a user sent to an array of numbers: nested lists, NumPy arrays, scalars, or base64.

`parse` answers for form only (is it a rectangular array of numbers of the wanted rank?); `model_registry.resolution`
answers for the numbers and for how the fields fit together. Lists are read a level at a time, with the loops in C, and
searched element by element only once something is known to be wrong.
"""

import base64
import binascii
import itertools
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from model_registry.fields import Field, shape_words
from tacit.errors import FieldError, InvalidInputError

# Little-endian on the wire.
ENCODED_DTYPES = {"float32": "<f4", "float64": "<f8", "int32": "<i4", "int64": "<i8"}
MAX_VALUES = 2**27
MAX_RANK = 8
# What can be done about a missing value where none may be.
NO_GAPS = (
    "The author of the model can allow it of what is observed: Field(missing=True). As the model is, leave out the "
    "datum, in every field it belongs to, but only where the order of the data says nothing: in a series, all later "
    "ones would move."
)


class Parsed(NamedTuple):
    """Numbers of one field, and where they were sent.

    Attributes:
      numbers: float64, with the rank of the field; may be empty or non-finite; nan where a null was sent that may be.
      pointer: the JSON pointer to the field.
      encoded: whether they came in base64, where a single number has no pointer of its own.
      rest: what float64 has no room for, of numbers beyond 2**53: to be added to `numbers`. None where it has.
    """

    numbers: np.ndarray
    pointer: str
    encoded: bool = False
    rest: np.ndarray | None = None

    def pointer_to(self, index: Iterable[int]) -> str:
        """The JSON pointer to one number, or to the text that holds it."""
        return at(self.pointer, "data_b64") if self.encoded else at(self.pointer, *index)


def at(pointer: str, *steps: object) -> str:
    """`pointer` extended by the names and indices `steps`, escaped as RFC 6901 asks."""
    return pointer + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def spot(name: str, index: Iterable[int]) -> str:
    """How a sentence names one number: `y[3]`, `x[3, 1]`, `tau`."""
    inside = ", ".join(map(str, index))
    return f"{name}[{inside}]" if inside else name


def refuse(pointer: str, detail: str) -> NoReturn:
    """Raises an InvalidInputError about one place."""
    raise InvalidInputError([FieldError(pointer, detail)])


def parse(name: str, field: Field, value: Any, *, pointer: str) -> Parsed:
    """The numbers of one field.

    Args:
      name: the field's name, for the sentences.
      value: a number, a nested list, an array, or `{"dtype", "shape", "data_b64"}`.
      pointer: the JSON pointer to `value`.

    Raises:
      InvalidInputError: `value` is not a rectangular array of numbers of the field's rank.
    """
    if isinstance(value, Mapping):
        return _parse_encoded(name, field, value, pointer)
    if np.ma.isMaskedArray(value) and value.dtype.kind in "iuf":
        value = value.astype(np.float64).filled(np.nan)
    if hasattr(value, "__array__") and not isinstance(value, np.generic):
        array = np.asarray(value)
        if not (field.level_names and array.dtype.kind in "UO"):
            return _parse_array(name, field, array, pointer)
        value = array.tolist()
    return _parse_lists(name, field, value, pointer)


def _parse_array(name: str, field: Field, array: np.ndarray, pointer: str) -> Parsed:
    if array.dtype.kind not in "iuf":
        refuse(pointer, f"{name} is an array of dtype {array.dtype}; send real numbers (floats or integers).")
    _check_rank(name, field, array.ndim, pointer)
    _check_size(name, array.shape, pointer)
    with np.errstate(over="ignore"):  # a long double may overflow; it is refused later, as not finite
        numbers = array.astype(np.float64)
    return Parsed(numbers, pointer, rest=_rest(array.ravel(), numbers) if array.dtype.kind in "iu" else None)


def _rest(values: Sequence[Any] | np.ndarray, numbers: np.ndarray) -> np.ndarray | None:
    """What float64 leaves out of whole numbers. Beyond the largest float32 it does not matter: they are refused."""
    large = np.flatnonzero((np.abs(numbers) >= 2**53) & (np.abs(numbers) < 2**128))
    rest = np.zeros(numbers.shape)
    for position in large:
        value = values[position]
        if isinstance(value, int | np.integer):
            rest.flat[position] = int(value) - int(numbers.flat[position])
    return rest if rest.any() else None


def _check_rank(name: str, field: Field, rank: int, pointer: str) -> None:
    if rank != len(field.shape):
        refuse(
            pointer,
            f"{name} has {_axes(rank)}; send {_axes(len(field.shape))}: {shape_words(field.shape)}.",
        )


def _axes(rank: int) -> str:
    return "no axis (a number)" if rank == 0 else "1 axis" if rank == 1 else f"{rank} axes"


def _check_size(name: str, shape: Sequence[int], pointer: str) -> None:
    if math.prod(shape) > MAX_VALUES:
        refuse(pointer, f"{name} has {math.prod(shape)} values; send at most {MAX_VALUES}.")


def _parse_lists(name: str, field: Field, value: Any, pointer: str) -> Parsed:
    """Numbers of nested lists, flattened level by level."""
    shape: list[int] = []
    level = [value]
    for depth in range(len(field.shape)):
        _check_sequences(name, field, level, shape, pointer)
        lengths = set(map(len, level))
        if len(lengths) > 1:
            _refuse_ragged(name, level, shape, pointer)
        shape.append(lengths.pop())
        level = list(itertools.chain.from_iterable(level))
        if not level:
            return Parsed(np.zeros([*shape, *[0] * (len(field.shape) - depth - 1)]), pointer)
    _check_size(name, shape, pointer)
    if field.level_names:
        level = _numbered(field, level)
    if not all(_is_element(field, kind) for kind in set(map(type, level))):
        _refuse_element(name, field, level, shape, pointer)
    numbers = _to_float64(level).reshape(shape)
    return Parsed(numbers, pointer, rest=_rest(level, numbers))


def _numbered(field: Field, level: list[Any]) -> list[Any]:
    """Names of levels as their numbers; everything else stays."""
    first = 0 if field.lowest is None else int(field.lowest)
    codes: dict[Any, int] = {name: number for number, name in enumerate(field.level_names, first)}
    return [codes.get(each, each) if isinstance(each, str) else each for each in level]


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _is_number(kind: type) -> bool:
    return kind is float or kind is int or issubclass(kind, (np.integer, np.floating))


def _is_element(field: Field, kind: type) -> bool:
    return _is_number(kind) or (field.missing and kind is type(None))


def _check_sequences(name: str, field: Field, level: list[Any], shape: list[int], pointer: str) -> None:
    """Every element of a level above the last must be a list."""
    if set(map(type, level)) <= {list, tuple} or all(map(_is_sequence, level)):
        return
    first = next(i for i, element in enumerate(level) if not _is_sequence(element))
    element, index = level[first], _unravel(first, shape)
    if not _is_number(type(element)):
        refuse(at(pointer, *index), f"{spot(name, index)} is {_kind(element)}; a list of numbers is wanted.")
    if not any(map(_is_sequence, level)):
        _check_rank(name, field, len(shape), pointer)
    refuse(
        at(pointer, *index),
        f"{spot(name, index)} is a number where its neighbours are lists; send {shape_words(field.shape)}.",
    )


def _refuse_ragged(name: str, level: list[Any], shape: list[int], pointer: str) -> NoReturn:
    wanted = len(level[0])
    first = next(i for i, row in enumerate(level) if len(row) != wanted)
    index = _unravel(first, shape)
    refuse(
        at(pointer, *index),
        f"{spot(name, index)} has {_values(len(level[first]))} where {spot(name, _unravel(0, shape))} has {wanted}; "
        "make all of them equally long.",
    )


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _refuse_element(name: str, field: Field, level: list[Any], shape: list[int], pointer: str) -> NoReturn:
    """Says which element of the last level is not a number."""
    first = next(i for i, element in enumerate(level) if not _is_element(field, type(element)))
    element, index = level[first], _unravel(first, shape)
    if not _is_sequence(element):
        refuse(at(pointer, *index), f"{spot(name, index)} is {_kind(element)}; {_remedy(element, field)}")
    if all(map(_is_sequence, level)):
        _check_rank(name, field, _depth(level[0], len(shape)), pointer)
    refuse(
        at(pointer, *index),
        f"{spot(name, index)} is a list where a number is wanted; send {shape_words(field.shape)}.",
    )


def _depth(value: Any, depth: int) -> int:
    """How many axes a nested list seems to have, by its first elements; not deeper than any sane array."""
    while _is_sequence(value) and depth < MAX_RANK:
        depth += 1
        value = value[0] if len(value) else None
    return depth


def _unravel(position: int, shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(position, tuple(shape))) if shape else ()


def _kind(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return f"the boolean {str(bool(value)).lower()}"
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    if value is None:
        return "null"
    return "an object" if isinstance(value, Mapping) else f"of type {type(value).__name__}"


def _remedy(value: Any, field: Field) -> str:
    if value is None:
        return f"no value of this field may be missing. {NO_GAPS}"
    if field.level_names:
        return f"it must be {field.words}."
    if isinstance(value, (bool, np.bool_)):
        return "write 0 or 1."
    if isinstance(value, str):
        return "write a number, without quotes."
    return "a number is wanted."


def _to_float64(numbers: list[Any]) -> np.ndarray:
    """None becomes nan."""
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:
        # Python's integers are unbounded. What overflows float64 is out of range later on, whatever it exactly was.
        limit = int(sys.float_info.max)
        clipped = [max(-limit, min(limit, n)) if isinstance(n, int) else n for n in numbers]
        return np.array(clipped, dtype=np.float64)


def _parse_encoded(name: str, field: Field, value: Mapping[str, Any], pointer: str) -> Parsed:
    """Numbers of `{"dtype": "float32", "shape": [8], "data_b64": "..."}`: C order, little-endian."""
    errors = [
        FieldError(at(pointer, key), f"{name} lacks {key!r}; an encoded array has dtype, shape and data_b64.")
        for key in ("dtype", "shape", "data_b64")
        if key not in value
    ]
    errors += [
        FieldError(at(pointer, key), f"{name} has the unknown key {str(key)[:40]!r}; remove it.")
        for key in value
        if key not in ("dtype", "shape", "data_b64")
    ]
    if errors:
        raise InvalidInputError(errors)
    dtype = _encoded_dtype(value["dtype"], at(pointer, "dtype"))
    shape = _encoded_shape(name, field, value["shape"], at(pointer, "shape"))
    expected = math.prod(shape) * dtype.itemsize
    content = _decoded(name, value["data_b64"], expected, at(pointer, "data_b64"))
    array = np.frombuffer(content, dtype=dtype).reshape(shape)
    return _parse_array(name, field, array, pointer)._replace(encoded=True)


def _encoded_dtype(dtype: Any, pointer: str) -> np.dtype:
    if not isinstance(dtype, str) or dtype not in ENCODED_DTYPES:
        refuse(pointer, f"dtype is {str(dtype)[:40]!r}; write one of {', '.join(ENCODED_DTYPES)}.")
    return np.dtype(ENCODED_DTYPES[dtype])


def _encoded_shape(name: str, field: Field, shape: Any, pointer: str) -> tuple[int, ...]:
    sizes = list(shape) if isinstance(shape, (list, tuple)) else [None]
    if not all(type(size) is int and 0 <= size <= MAX_VALUES for size in sizes):
        refuse(pointer, f"shape is {str(shape)[:40]}; write a list of sizes, such as [8].")
    _check_rank(name, field, len(sizes), pointer)
    _check_size(name, sizes, pointer)
    return tuple(sizes)


def _decoded(name: str, text: Any, expected: int, pointer: str) -> bytes:
    if not isinstance(text, str):
        refuse(pointer, f"data_b64 is {_kind(text)}; send the array's bytes as a base64 string.")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        refuse(
            pointer, f"data_b64 of {name} is not base64; use the standard alphabet with padding, without line breaks."
        )
    if len(content) != expected:
        refuse(
            pointer,
            f"data_b64 of {name} holds {len(content)} bytes; its dtype and shape ask for {expected}.",
        )
    return content
