"""What a model expects of its data: one `Field` for every array a user sends."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from tacit.errors import ModelLoadError

Shape = tuple[str | int, ...]


class Support(NamedTuple):
    """A set of numbers: as words, as a test element by element, and as the keywords of JSON Schema."""

    words: str
    contains: Callable[[np.ndarray], np.ndarray]
    schema: dict[str, Any]


SUPPORTS: dict[str, Support] = {
    "real": Support("any finite number", np.isfinite, {}),
    "positive": Support("greater than 0", lambda x: x > 0, {"exclusiveMinimum": 0}),
    "nonnegative": Support("0 or greater", lambda x: x >= 0, {"minimum": 0}),
    "unit_interval": Support("between 0 and 1", lambda x: (x >= 0) & (x <= 1), {"minimum": 0, "maximum": 1}),
    "boolean": Support("0 or 1", lambda x: (x == 0) | (x == 1), {"enum": [0, 1]}),
}


@dataclass(frozen=True)
class Field:
    """One array of a model's data.

    Args:
      shape: the size of each axis: a dimension symbol such as "N", the same size wherever it stands in the model, or a
        fixed number. `()` is a scalar.
      dtype: "float" (float32 in the program) or "int" (int32): counts, labels, indices.
      support: which numbers are meaningful, one of `SUPPORTS`. Data outside it are refused before anything runs.
      description: what the numbers are, for the people who send them.
      unit: their unit, where they have one.
      levels: of an index, how many levels there are: 3 admits 0, 1 and 2, as JAX counts, or 1, 2 and 3 with
        `support="positive"`. Or their names, ("control", "low", "high"): users send names or numbers, the program gets
        the numbers. The dtype is "int".
      minimum, maximum: the least and the greatest number that may be sent.
      origin: a number that is subtracted in double precision before the numbers become float32, such as 1.7e9 for Unix
        times. The program gets the difference; `support` is of the difference, `minimum` and `maximum` of what is sent.
      missing: whether numbers may be missing: null, or nan in an array. Only of an observed field. The posterior is
        then that given the numbers that are there.

    Raises:
      ModelLoadError: an argument is not one of those above.
    """

    shape: Shape = ()
    dtype: Literal["float", "int"] = "float"
    support: str = "real"
    description: str = ""
    unit: str = ""
    levels: int | tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    origin: float = 0.0
    missing: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple):
            raise ModelLoadError(f'Field: shape is {self.shape!r}; write a tuple, such as ("N",) or ().')
        for size in self.shape:
            if not _is_size(size):
                raise ModelLoadError(
                    f'Field: shape has {size!r}; an axis is a dimension symbol such as "N" or a number from 1 up.'
                )
        if self.dtype not in ("float", "int"):
            raise ModelLoadError(f'Field: dtype is {self.dtype!r}; write "float" or "int".')
        if self.support not in SUPPORTS:
            raise ModelLoadError(f"Field: support is {self.support!r}; write one of {', '.join(SUPPORTS)}.")
        if not isinstance(self.missing, bool):
            raise ModelLoadError(f"Field: missing is {self.missing!r}; write True or False.")
        if self.levels is not None:
            _check_levels(self)
            object.__setattr__(self, "dtype", "int")
        _check_bounds(self)
        if not _is_number(self.origin) or (self.dtype == "int" and self.origin != math.floor(self.origin)):
            wanted = "whole number, as the field is" if self.dtype == "int" else "finite number"
            raise ModelLoadError(f"Field: origin is {self.origin!r}; write a {wanted}, such as 1.7e9.")
        if not self._admitted:
            raise ModelLoadError(f"Field: no number is {self.words}; mend support, minimum or maximum.")

    @property
    def symbols(self) -> tuple[str, ...]:
        """The dimension symbols of the shape, in order."""
        return tuple(size for size in self.shape if isinstance(size, str))

    @property
    def numpy_dtype(self) -> type[np.generic]:
        """The dtype that the program sees."""
        return np.int32 if self.dtype == "int" else np.float32

    @property
    def level_names(self) -> tuple[str, ...]:
        """The names of the levels, in the order of their numbers; none where they have no names."""
        return self.levels if isinstance(self.levels, tuple) else ()

    @property
    def lowest(self) -> float | None:
        """The least number that may be sent, as far as `levels` or `minimum` say."""
        return self.minimum if self.levels is None else self._first_level

    @property
    def highest(self) -> float | None:
        """The greatest number that may be sent, as far as `levels` or `maximum` say."""
        if self.levels is None:
            return self.maximum
        count = self.levels if isinstance(self.levels, int) else len(self.levels)
        return self._first_level + count - 1

    @property
    def _first_level(self) -> int:
        return 1 if self.support == "positive" else 0

    @property
    def words(self) -> str:
        """Which numbers may be sent: "greater than 0, at most 10", "one of control, low, high"."""
        if self.level_names:
            return f"one of {', '.join(self.level_names)} (or {self.lowest:g} to {self.highest:g})"
        if self.levels is not None:
            return f"a whole number from {self.lowest:g} to {self.highest:g}"
        words = SUPPORTS[self.support].words
        if self.origin:
            words += f" after {plain(self.origin)} is subtracted"
        low = [f"at least {plain(self.minimum)}"] if self.minimum is not None else []
        high = [f"at most {plain(self.maximum)}"] if self.maximum is not None else []
        return ", ".join([words, *low, *high])

    def within(self, numbers: np.ndarray) -> np.ndarray:
        """Which numbers, as they are sent, keep to `levels`, `minimum` and `maximum`: booleans of the same shape."""
        inside = np.ones(np.shape(numbers), dtype=bool)
        if self.lowest is not None:
            inside &= numbers >= self.lowest
        if self.highest is not None:
            inside &= numbers <= self.highest
        return inside

    def as_sent(self, array: np.ndarray) -> np.ndarray:
        """Numbers of the program in the terms of those who send them: the origin is added, in double precision."""
        return restored(array, self.origin)

    @property
    def resolved(self) -> "Field":
        """The field of arrays that are resolved already: nothing of them is subtracted again."""
        return replace(self, levels=None, minimum=None, maximum=None, origin=0.0)

    @property
    def stand_in(self) -> float:
        """A number that the field admits, less its origin: it stands where one is missing, and means nothing."""
        return self._admitted[0]

    @property
    def _admitted(self) -> list[float]:
        """Some of the numbers that the field admits, less its origin; none only where it admits none."""
        rounded = (math.ceil, math.floor) if self.dtype == "int" else (float, float)
        bounds = [
            to(bound) for to, bound in zip(rounded, (self.lowest, self.highest), strict=True) if bound is not None
        ]
        # Each with what is sent for it: with a large origin, what is 1 more than that may be the same number.
        tried = [(0, self.origin), (1, self.origin + 1), *((bound - self.origin, bound) for bound in bounds)]
        contains = SUPPORTS[self.support].contains
        return [less for less, sent in tried if contains(np.float64(less)) and self.within(np.float64(sent)).all()]


def restored(array: np.ndarray, origin: float) -> np.ndarray:
    """`array` plus an origin that was subtracted: float64 or int64; unchanged where the origin is 0."""
    if not origin:
        return array
    wide = np.int64 if np.issubdtype(array.dtype, np.integer) else np.float64
    return array.astype(wide) + wide(origin)


def plain(number: float) -> str:
    """A number in as many digits as it takes to tell it from all others: 1700000001, 0.1, 1e-46."""
    return str(int(number)) if number == int(number) and abs(number) < 2**63 else repr(float(number))


def _check_levels(field: Field) -> None:
    levels = field.levels
    if isinstance(levels, tuple):
        if len(set(levels)) < max(1, len(levels)) or not all(isinstance(each, str) and each.strip() for each in levels):
            raise ModelLoadError(f"Field: levels is {levels!r}; write names that differ, none of them empty.")
        wrong = [each for each in levels if each != each.strip() or set(each) & set(",;\t\n") or _reads_as_number(each)]
        if wrong:
            raise ModelLoadError(
                f"Field: the level {wrong[0]!r} could not stand in a table: it reads like a number, or has a comma, a "
                "semicolon, or space around it. Write words, or only how many levels there are."
            )
    elif not isinstance(levels, int) or isinstance(levels, bool) or levels < 1:
        raise ModelLoadError(f'Field: levels is {levels!r}; write how many there are, or ("control", "low", "high").')
    if field.minimum is not None or field.maximum is not None or field.origin:
        raise ModelLoadError("Field: levels say which numbers there are; leave out minimum, maximum and origin.")
    if field.support not in ("real", "nonnegative", "positive"):
        raise ModelLoadError(
            f"Field: support is {field.support!r} beside levels, which are counted from 0, or from 1 with "
            'support="positive"; leave support out.'
        )


def _check_bounds(field: Field) -> None:
    for name, bound in (("minimum", field.minimum), ("maximum", field.maximum)):
        if bound is not None and not _is_number(bound):
            raise ModelLoadError(f"Field: {name} is {bound!r}; write a finite number.")
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        raise ModelLoadError(f"Field: minimum is {field.minimum!r}, above maximum, {field.maximum!r}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _reads_as_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _is_size(size: object) -> bool:
    if isinstance(size, str):
        return size.isidentifier()
    return isinstance(size, int) and not isinstance(size, bool) and size >= 1


def shape_words(shape: Shape) -> str:
    """A shape as people write it: "a number", "J values", "N by D values"."""
    return f"{' by '.join(map(str, shape))} values" if shape else "a number"
