"""What a model expects of its data: one `Field` for every array a user sends."""

from collections.abc import Callable
from dataclasses import dataclass
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

    @property
    def symbols(self) -> tuple[str, ...]:
        """The dimension symbols of the shape, in order."""
        return tuple(size for size in self.shape if isinstance(size, str))

    @property
    def numpy_dtype(self) -> type[np.generic]:
        """The dtype that the program sees."""
        return np.int32 if self.dtype == "int" else np.float32

    @property
    def stand_in(self) -> int:
        """A number of the support that stands where one is missing; it means nothing."""
        return 0 if SUPPORTS[self.support].contains(np.zeros(())) else 1


def _is_size(size: object) -> bool:
    if isinstance(size, str):
        return size.isidentifier()
    return isinstance(size, int) and not isinstance(size, bool) and size >= 1


def shape_words(shape: Shape) -> str:
    """A shape as people write it: "a number", "J values", "N by D values"."""
    return f"{' by '.join(map(str, shape))} values" if shape else "a number"
