"""What is written: columns of numbers whose rows are draws (or quantiles), in parts of a bounded size.

A part with no columns says "still at it": writers pass it on as no bytes, so that whoever drives them gets to breathe.
"""

import math
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tacit.errors import UnavailableError
from tacit.fits.summary import quantiles_of

Array = NDArray[Any]
Part = Mapping[str, Array]

VARS = "vars"
# Numbers that are handled together. Few enough that no other thread waits long for Python's lock.
PIECE = 2**15
_IN_MEMORY = 2**20  # bytes of a column that are kept in memory, before they go to the disk
_QUANTILE_BLOCK = 2**20  # numbers


class Column(NamedTuple):
    """One variable.

    Attributes:
        section: What its numbers are; the member of a JSON body that holds them, "vars" for what was asked for.
        group: The same in the words of ArviZ.
        dtype, shape: Of one row.
        axes: Names of the axes of a row.
    """

    name: str
    section: str
    group: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    axes: tuple[str, ...]

    @property
    def label(self) -> str:
        """Its name in parts and in files without groups."""
        return self.name if self.section == VARS else f"{self.section}/{self.name}"

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return math.prod(self.shape)

    @property
    def row_bytes(self) -> int:
        return self.size * self.dtype.itemsize


class Group(NamedTuple):
    """Arrays that do not depend on draws, such as data.

    Attributes:
        arrays: By name, with the names of their axes.
        levels: The names of the levels of whole numbers that have them, by the name of the array: the number of the
            first, and all names.
    """

    name: str
    arrays: Mapping[str, tuple[Array, tuple[str, ...]]]
    levels: Mapping[str, tuple[int, tuple[str, ...]]] = MappingProxyType({})


@dataclass(frozen=True)
class Table:
    """Columns, and where their rows come from.

    Attributes:
        header: What else there is to say; JSON.
        columns: Of all parts, in order.
        rows: How many there are.
        parts: Rows by the columns' labels, in order; can be gone through once.
        groups: What goes along in files that have room for it.
        row_axis: What a row is.
        row_values: What identifies the rows, where that is not their number.
        attributes: For files that have room for them.
        probabilities: The quantiles that are wanted in the place of the rows; see `quantiles`.
        failed: Beside quantiles: how many draws have a NaN, by the columns' labels.
    """

    header: Mapping[str, Any]
    columns: Sequence[Column]
    rows: int
    parts: Iterator[Part]
    groups: Sequence[Group] = ()
    row_axis: str = "draw"
    row_values: Sequence[float] | None = None
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    probabilities: Sequence[float] | None = None
    failed: Mapping[str, int] | None = None

    def merged(self) -> Iterator[Part]:
        """The parts, small ones made into larger ones: writing each costs something, however small it is."""
        kept: list[Part] = []
        for part in self.parts:
            if part:
                kept.append(part)
            if sum(rows.size for each in kept for rows in each.values()) >= PIECE:
                yield _concatenated(kept)
                kept = []
            else:
                yield {}
        if kept:
            yield _concatenated(kept)


def written(table: Table, write: "Write", folder: Path) -> Iterator[bytes]:
    """The bytes of a table, or of its quantiles where those are wanted; no bytes while it is still at it."""
    if table.probabilities is not None:
        table = yield from quantiles(table, table.probabilities, folder)
    yield from write(table, folder)


def quantiles(table: Table, probabilities: Sequence[float], folder: Path) -> Generator[bytes, None, Table]:
    """The quantiles of every column instead of its rows. Exact: all rows of one number at least are in memory.

    Each number's are those of the draws in which it is one: a simulation that fails gives NaN. An infinite draw is a
    value like others. Yields no bytes, again and again, while it is still at it.

    Returns:
        A table that says also how many draws have a NaN.
    """
    found = {}
    failed = {}
    for column, pieces in by_column(table, folder):
        failed[column.label] = 0
        with spooled(folder) as file:
            for piece in pieces:
                _keep(file, piece)
                failed[column.label] += int(np.isnan(piece).reshape(len(piece), column.size).any(axis=1).sum())
                yield b""
            for values in _quantiles(file, column, table.rows, probabilities):
                found[column.label] = values
                yield b""
    return replace(
        table,
        header={**table.header, "quantiles": list(probabilities), "failed_draws": failed},
        columns=[column._replace(dtype=np.dtype(np.float64)) for column in table.columns],
        rows=len(probabilities),
        parts=iter([found]),
        row_axis="quantile",
        row_values=probabilities,
        probabilities=None,
        failed=failed,
    )


def _quantiles(file: IO[bytes], column: Column, rows: int, probabilities: Sequence[float]) -> Iterator[Array]:
    """The quantiles, growing from block to block; the last that is given is complete."""
    result = np.empty((len(probabilities), column.size))
    width = max(1, _QUANTILE_BLOCK // rows)
    for left in range(0, column.size, width):
        right = min(column.size, left + width)
        block = np.empty((rows, right - left), column.dtype)
        start = 0
        for piece in _read(file, column):
            block[start : start + len(piece)] = piece.reshape(len(piece), -1)[:, left:right]
            start += len(piece)
        result[:, left:right] = quantiles_of(block, probabilities)
        yield result.reshape(-1, *column.shape)


def by_column(table: Table, folder: Path) -> Iterator[tuple[Column, Iterator[Array]]]:
    """Every column with its rows, in pieces; each must be gone through before the next is asked for.

    The first comes as it is made; the others wait meanwhile, on the disk when they are large.
    """
    first, *others = table.columns
    with ExitStack() as stack:
        waiting = {column.label: stack.enter_context(spooled(folder)) for column in others}

        def live() -> Iterator[Array]:
            for part in table.merged():
                for column in others if part else ():
                    _keep(waiting[column.label], part[column.label])
                yield from pieces(part[first.label]) if part else [np.empty((0, *first.shape), first.dtype)]

        yield first, live()
        for column in others:
            yield column, _read(waiting[column.label], column)


def _concatenated(parts: Sequence[Part]) -> Part:
    return {label: np.concatenate([part[label] for part in parts]) for label in parts[0]}


def pieces(rows: Array) -> Iterator[Array]:
    """The same rows, some at a time."""
    length = max(1, PIECE // max(1, math.prod(rows.shape[1:])))
    for start in range(0, len(rows), length):
        yield rows[start : start + length]


@contextmanager
def spooled(folder: Path) -> Iterator[IO[bytes]]:
    """A temporary file without a name, in memory while it is small."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder)) as file:
        yield file


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raise the disk's errors as `UnavailableError`."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"The draws cannot be put on the disk: {error.strerror or error}.") from error


def _keep(file: IO[bytes], rows: Array) -> None:
    with disk_errors():
        file.write(rows.tobytes())


def _read(file: IO[bytes], column: Column) -> Iterator[Array]:
    file.seek(0)
    length = max(1, PIECE // max(1, column.size))
    while data := file.read(length * column.row_bytes):
        yield np.frombuffer(data, column.dtype).reshape(-1, *column.shape)


Write = Callable[[Table, Path], Iterator[bytes]]
