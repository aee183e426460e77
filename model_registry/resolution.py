"""Data as a user sent them, checked against a model's fields: all that is wrong is said at once, nothing is guessed.

No JAX here: the front end refuses bad data before anything is queued.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from model_registry.fields import SUPPORTS, Field, plain, shape_words
from model_registry.parsing import NO_GAPS, Parsed, at, parse, spot
from model_registry.precision import Loss, loss
from tacit.errors import FieldError, InvalidInputError

INT32 = np.iinfo(np.int32)
FLOAT32 = np.finfo(np.float32)
# Unknown fields beyond these are counted, not listed.
MAX_UNKNOWN = 20
# What ends the name of an array that says which numbers of a field are missing; no field is named so.
MISSING = ".missing"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Data that fit a model.

    Attributes:
      arrays: every field by name, in the model's order: float32 or int32, C-contiguous, read-only, less its origin.
        Where a number is missing stands the field's `stand_in`.
      dims: the size of every dimension symbol.
      missing: by field with gaps, which of its numbers are missing: booleans of its shape.
    """

    arrays: Mapping[str, np.ndarray]
    dims: Mapping[str, int]
    missing: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def stored(self) -> dict[str, np.ndarray]:
        """All of it but the sizes, as arrays by name."""
        return {**self.arrays, **{f"{name}{MISSING}": gaps for name, gaps in self.missing.items()}}

    @classmethod
    def from_stored(cls, stored: Mapping[str, np.ndarray], dims: Mapping[str, int]) -> "Dataset":
        """The data set of `stored`."""
        return cls(
            {name: array for name, array in stored.items() if not name.endswith(MISSING)},
            dims,
            {name.removesuffix(MISSING): array for name, array in stored.items() if name.endswith(MISSING)},
        )


def resolve(fields: Mapping[str, Field], data: Any, *, pointer: str = "/data") -> Dataset:
    """Arrays of the right types and shapes, or every reason why not.

    Args:
      fields: what is wanted, by name.
      data: by name: a number, a nested list, a NumPy array, or `{"dtype", "shape", "data_b64"}`; of a field with
        `missing`, None or nan for a number that is.
      pointer: where `data` stands in the request; pointers of errors begin with it.

    Raises:
      InvalidInputError: with one entry for each thing that is wrong.
    """
    if not isinstance(data, Mapping):
        raise InvalidInputError([FieldError(pointer, f"data must be an object with {_listed(fields)}.")])
    errors = _unknown_fields(fields, data, pointer)
    parsed: dict[str, Parsed] = {}
    for name, field in fields.items():
        where = at(pointer, name)
        if name not in data:
            errors.append(FieldError(where, f"{name} is missing: send {_wanted(field)}."))
            continue
        try:
            parsed[name] = parse(name, field, data[name], pointer=where)
        except InvalidInputError as error:
            errors.extend(error.errors)
    dims, mismatches = _dims(fields, parsed)
    errors += mismatches
    gaps = {name: _gaps(fields[name], each) for name, each in parsed.items()}
    arrays = {name: _cast(fields[name], each, gaps[name]) for name, each in parsed.items()}
    for name, each in parsed.items():
        errors += _value_errors(name, fields[name], each, arrays[name], gaps[name])
    if errors:
        raise InvalidInputError(errors)
    missing = {name: each for name, each in gaps.items() if each.any()}
    return Dataset(MappingProxyType(arrays), MappingProxyType(dims), MappingProxyType(missing))


def _listed(fields: Mapping[str, Field]) -> str:
    return ("the field " if len(fields) == 1 else "the fields ") + ", ".join(fields)


def _wanted(field: Field) -> str:
    words = shape_words(field.shape)
    return f"{words} ({field.description})" if field.description else words


def _unknown_fields(fields: Mapping[str, Field], data: Mapping[Any, Any], pointer: str) -> list[FieldError]:
    unknown = [name for name in data if name not in fields]
    errors = [_unknown_field(name, fields, pointer) for name in unknown[:MAX_UNKNOWN]]
    if len(unknown) > MAX_UNKNOWN:
        more = len(unknown) - MAX_UNKNOWN
        errors.append(FieldError(pointer, f"{more} more fields are unknown; this model has {_listed(fields)}."))
    return errors


def _unknown_field(name: Any, fields: Mapping[str, Field], pointer: str) -> FieldError:
    shown = str(name)[:40]
    near = get_close_matches(shown, list(fields), n=1)
    fix = f"did you mean {near[0]}?" if near else f"remove it; this model has {_listed(fields)}."
    return FieldError(at(pointer, name), f"{shown!r} is not a field of this model: {fix}")


def _dims(fields: Mapping[str, Field], parsed: Mapping[str, Parsed]) -> tuple[dict[str, int], list[FieldError]]:
    """The size of each symbol, by the first field that has it, and how other fields disagree with that."""
    first: dict[str, Axis] = {}
    errors = []
    for name, each in parsed.items():
        if each.numbers.size == 0:
            continue
        for number, symbol in enumerate(fields[name].shape):
            axis = Axis(name, number, each.numbers.shape)
            if isinstance(symbol, int):
                if axis.size != symbol:
                    errors.append(FieldError(each.pointer, f"{axis}; {symbol} are wanted."))
                continue
            other = first.setdefault(symbol, axis)
            if axis.size != other.size:
                detail = f"{axis} where {other.beside(axis)}: both are {symbol}."
                errors.append(FieldError(each.pointer, detail))
    return {symbol: axis.size for symbol, axis in first.items()}, errors


class Axis(NamedTuple):
    """One axis of a field's data; as a string it says how long it is: "y has 8 values", "x has 3 columns"."""

    field: str
    number: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return self.shape[self.number]

    @property
    def noun(self) -> str:
        if len(self.shape) > 2:
            return f" along axis {self.number}"
        noun = ("row", "column")[self.number] if len(self.shape) == 2 else "value"
        return f" {noun}" if self.size == 1 else f" {noun}s"

    def beside(self, other: "Axis") -> str:
        """The same, after a sentence about `other`: the noun is left out where it would be repeated."""
        alike = self.number == other.number and len(self.shape) == len(other.shape)
        return str(self).removesuffix(self.noun) if alike else str(self)

    def __str__(self) -> str:
        return f"{self.field} has {self.size}{self.noun}"


def _shifted(field: Field, parsed: Parsed) -> np.ndarray:
    """The numbers less the field's origin, in double precision."""
    with np.errstate(invalid="ignore"):
        shifted = parsed.numbers - field.origin
    return shifted if parsed.rest is None else shifted + parsed.rest


def _gaps(field: Field, parsed: Parsed) -> np.ndarray:
    """Which numbers are missing that may be: booleans, read-only."""
    gaps = np.asarray(np.isnan(parsed.numbers) & field.missing)
    gaps.flags.writeable = False
    return gaps


def _cast(field: Field, parsed: Parsed, gaps: np.ndarray) -> np.ndarray:
    """A fresh array of the program's dtype. Numbers that do not survive the cast are refused by `_value_errors`."""
    numbers = np.where(gaps, field.stand_in, _shifted(field, parsed))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        array = np.array(numbers, dtype=field.numpy_dtype, order="C", copy=True)
    array.flags.writeable = False
    return array


def _value_errors(name: str, field: Field, parsed: Parsed, array: np.ndarray, gaps: np.ndarray) -> Iterator[FieldError]:
    """What is wrong with the numbers that are there: the first offender, and how many more there are."""
    numbers = parsed.numbers
    if numbers.size == 0:
        yield FieldError(parsed.pointer, f"{name} is empty; send {_wanted(field)}, at least one along each axis.")
        return
    for unfit, says in _tests(field, parsed, array):
        bad = unfit & ~gaps
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            more = int(bad.sum()) - 1
            others = f" ({more} more like it.)" if more else ""
            sentence = says.format(spot=spot(name, index), number=f"{numbers[index]:.9g}")
            yield FieldError(parsed.pointer_to(index), sentence + others)
            return
    # Beside an origin, what float64 has no room for is no longer left out.
    rest = None if field.origin else parsed.rest
    lost = loss(_shifted(field, parsed) if rest is None else numbers, rest, array) if field.dtype == "float" else None
    if lost is not None:
        yield _loss_error(name, field, parsed, array, lost)


def _loss_error(name: str, field: Field, parsed: Parsed, array: np.ndarray, lost: Loss) -> FieldError:
    """What float32 loses, by an example, and what the user and the model's author can do about it."""
    places = [tuple(int(i) for i in np.unravel_index(position, array.shape)) for position in lost.pair]
    sent = [_exactly(parsed, place) for place in places]
    used = [plain(float(array[place])) if abs(array[place]) >= FLOAT32.tiny else "0" for place in places]
    named = [f"{spot(name, place)} = {number}" for place, number in zip(places, sent, strict=True)]
    less = f" less {plain(field.origin)}" if field.origin else ""
    if lost.vanishes:
        fix = "Use a smaller unit, so that the numbers become larger; or send 0 where that is what is meant."
        becomes = f"become{'s' * (len(places) == 1)} {' and '.join(dict.fromkeys(used))}"
        detail = f"{' and '.join(named)}{less} {becomes} in float32, which ends at {FLOAT32.tiny:.2g}. {fix}"
    else:
        become = f"both become {used[0]}" if used[0] == used[1] else f"become {used[0]} and {used[1]}"
        detail = (
            f"{' and '.join(named)}{less} {become} in float32, which keeps about 7 digits: too few for numbers that "
            f"differ by so little. If the model allows it, send differences from a nearby number ({name} - {sent[0]}), "
            f"or number labels from 0. The model's author can let the field subtract it: Field(origin={sent[0]})."
        )
    return FieldError(parsed.pointer_to(places[0]), detail)


def _exactly(parsed: Parsed, place: tuple[int, ...]) -> str:
    """A number as it was sent."""
    number = float(parsed.numbers[place])
    if parsed.rest is not None and parsed.rest[place]:
        return str(int(number) + int(parsed.rest[place]))
    return plain(number)


def _tests(field: Field, parsed: Parsed, array: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    """Masks of unfit numbers, each with its sentence; the first that has any ends the search."""
    numbers = parsed.numbers
    yield np.isnan(numbers), f"{{spot}} is {{number}}; no value of this field may be missing. {NO_GAPS}"
    yield np.isinf(numbers), "{spot} is {number}; only finite numbers can be fitted."
    shifted = _shifted(field, parsed)
    support = SUPPORTS[field.support]
    if field.dtype == "int":
        yield (
            numbers != np.floor(numbers),
            "{spot} is {number}; whole numbers are wanted: this is a count, a label or an index.",
        )
        if field.levels is not None:
            yield ~field.within(numbers), f"{{spot}} is {{number}}; it must be {_quoted(field.words)}."
        low, high = (plain(limit + field.origin) for limit in (INT32.min, INT32.max))
        yield (
            (shifted < INT32.min) | (shifted > INT32.max),
            f"{{spot}} is {{number}}; it must lie between {low} and {high} (int32).",
        )
    else:
        yield (
            ~np.isfinite(array),
            f"{{spot}} is {{number}}; it must be at most {FLOAT32.max:.3g} in size (float32): use a larger unit.",
        )
        vanishes = (shifted > 0) & (array < FLOAT32.tiny)
        if not support.contains(np.zeros(())):
            yield (
                vanishes,
                f"{{spot}} is {{number}}; it is 0 in float32 and must be {support.words}: use a smaller unit.",
            )
    yield (
        ~(support.contains(array) & field.within(numbers)),
        f"{{spot}} is {{number}}; it must be {_quoted(field.words)}.",
    )


def _quoted(words: str) -> str:
    """Words for a sentence that `format` fills in: names of levels may hold braces."""
    return words.replace("{", "{{").replace("}", "}}")
