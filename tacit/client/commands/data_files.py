"""Data from files: JSON, CSV, npz, or whichever of them comes on standard input. The content says which it is.

JSON is an object with a member for each field. An npz file has an array for each field. CSV has a header line: a column
is the field of its name, and columns `x.1`, `x.2`, ... are those of the matrix `x`. That a field consists of other
columns can be said (`x=age,weight`).
"""

import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from tacit.client.answers import ModelField
from tacit.client.errors import UnsendableError

_ZIP = b"PK\x03\x04"
_DELIMITERS = ",;\t"


class Source(NamedTuple):
    """What a file or standard input holds."""

    name: str
    content: bytes


def read_fields(
    sources: Iterable[str], fields: Mapping[str, ModelField], columns: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """The fields in files.

    Args:
        sources: Paths; "-" is standard input.
        fields: What is wanted, by name: they say of tables which columns are a matrix.
        columns: Which columns of a table a field consists of, where that does not follow from their names.

    Raises:
        UnsendableError: A file cannot be read or understood, or two have the same field.
    """
    found: dict[str, Any] = {}
    for source in map(_open, sources):
        content = _fields_of(source, fields, columns)
        twice = found.keys() & content.keys()
        if twice:
            raise UnsendableError(f"{source.name}: {', '.join(sorted(twice))} came before, from another file.")
        found |= content
    return found


def _open(source: str) -> Source:
    if source == "-":
        return Source("standard input", sys.stdin.buffer.read())
    try:
        return Source(source, Path(source).read_bytes())
    except OSError as error:
        raise UnsendableError(f"{source} cannot be read: {error.strerror or error}.") from error


def _fields_of(
    source: Source, fields: Mapping[str, ModelField], columns: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    if not source.content.strip():
        raise UnsendableError(f"{source.name} is empty.")
    if source.content.startswith(_ZIP):
        return _npz(source)
    text = _text(source)
    return _json(source, text) if text.lstrip()[0] in "{[" else _table(source, text, fields, columns)


def _text(source: Source) -> str:
    try:
        return source.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnsendableError(f"{source.name} is neither npz nor text in UTF-8: {error}.") from error


def _npz(source: Source) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(source.content), allow_pickle=False) as archive:
            return dict(archive)
    except (ValueError, zipfile.BadZipFile) as error:
        raise UnsendableError(f"{source.name} is no npz file of numbers: {error}.") from error


def _json(source: Source, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UnsendableError(f"{source.name} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise UnsendableError(f'{source.name} is no object with a member for each field, such as {{"y": [1.5, 2.0]}}.')
    return content


def _table(
    source: Source, text: str, fields: Mapping[str, ModelField], columns: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    header, *lines = _rows(text)
    table = {name: number for number, name in enumerate(header)}
    if len(table) < len(header):
        raise UnsendableError(f"{source.name}: two columns have the same name; there are {', '.join(header)}.")
    chosen = _chosen(source, list(table), fields, columns)
    unused = [name for name in table if not any(name in names for names in chosen.values())]
    if unused:
        click.echo(f"{source.name}: columns that are not used: {', '.join(unused)}.", err=True)
    found = {}
    for field, names in chosen.items():
        levels = fields[field].level_names if field in fields else ()
        rows = [[_value(source, line, table[name], name, levels) for name in names] for line in lines]
        matrix = np.array(rows, dtype=object if levels else None)
        rank = len(fields[field].shape) if field in fields else min(len(names), 2)
        found[field] = matrix[:, 0] if rank == 1 and len(names) == 1 else matrix
    return found


class _Line(NamedTuple):
    number: int
    cells: list[str]


def _rows(text: str) -> tuple[Any, ...]:
    """The header, and the lines that are not empty."""
    first = text.lstrip().splitlines()[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=delimiter, skipinitialspace=True)
    header = [name.strip() for name in next(reader)]
    return header, *(_Line(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))


def _chosen(
    source: Source, header: list[str], fields: Mapping[str, ModelField], columns: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """The columns of each field that the table has."""
    chosen = {}
    for field in dict.fromkeys([*fields, *columns]):
        wanted = columns.get(field)
        if wanted is not None:
            missing = [name for name in wanted if name not in header]
            if missing:
                there = f"there is {', '.join(header)}.{_hint(missing[0], fields)}"
                raise UnsendableError(f"{source.name} has no column {missing[0]!r}; {there}")
            names = list(wanted)
        else:
            names = [name for name in header if name == field] or [
                name for name in header if name.startswith(f"{field}.")
            ]
        if names:
            chosen[field] = names
    if not chosen:
        wanted_fields = ", ".join(fields) or "none"
        raise UnsendableError(
            f"{source.name} has the columns {', '.join(header)}, and none is named like a field ({wanted_fields}); say "
            "which is which by --columns FIELD=COLUMN."
        )
    return chosen


def _hint(column: str, fields: Iterable[str]) -> str:
    """What to do where a column that is missing looks like a further field: `--columns x=a,y=b`."""
    further = column.partition("=")[0] in fields and "=" in column
    return f" Each field wants a --columns of its own: --columns {column}." if further else ""


def _value(source: Source, line: _Line, column: int, name: str, levels: Sequence[str]) -> float | str:
    """A number, or the name of a level of the field."""
    cell = line.cells[column].strip() if column < len(line.cells) else ""
    if cell in levels:
        return cell
    if levels and not _is_number(cell):
        raise UnsendableError(
            f"{source.name}, line {line.number}, column {name}: {cell[:40]!r} is not a level; there is "
            f"{', '.join(levels)}."
        )
    return _number(source, line, column, name)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(source: Source, line: _Line, column: int, name: str) -> float:
    cell = line.cells[column].strip() if column < len(line.cells) else ""
    try:
        return float(cell)
    except ValueError as error:
        what = f"{cell[:40]!r} is not a number" if cell else "there is no number"
        raise UnsendableError(
            f"{source.name}, line {line.number}, column {name}: {what}; leave lines with missing values out."
        ) from error
