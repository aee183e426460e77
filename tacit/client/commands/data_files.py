"""Data from files: JSON, CSV, npz, or whichever of them comes on standard input. The content says which it is.

JSON is an object with a member for each field. An npz file has an array for each field. CSV is read by `tacit.tables`:
a column is the field of its name, and columns `x.1`, `x.2`, ... are those of the matrix `x` (`suggested`). That a field
consists of other columns can be said (`x=age,weight`).
"""

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from tacit import tables
from tacit.client.answers import ModelField
from tacit.client.errors import UnsendableError
from tacit.errors import TableError


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
    if _is_npz(source.content):
        return _npz(source)
    try:
        text, note = tables.decode(source.content)
        if text.lstrip()[:1] in ("{", "["):
            if note:
                raise UnsendableError(f"{source.name} is JSON and not UTF-8: save it as UTF-8.")
            return _json(source, text, fields)
        return _table(source, tables.parse(text, notes=[note] if note else []), fields, columns)
    except TableError as error:
        raise UnsendableError(f"{source.name}: {error}") from error


def _is_npz(content: bytes) -> bool:
    """Whether this is a zip file of arrays, or of nothing."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return False
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return all(name.endswith(".npy") for name in archive.namelist())


def _npz(source: Source) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(source.content), allow_pickle=False) as archive:
            return dict(archive)
    except (ValueError, zipfile.BadZipFile) as error:
        raise UnsendableError(f"{source.name} is no npz file of numbers: {error}.") from error


def _json(source: Source, text: str, fields: Mapping[str, ModelField]) -> dict[str, Any]:
    """An object by field; or all that a request for a fit has; or, where there is one field, its numbers."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UnsendableError(f"{source.name} is not JSON: {error}.") from error
    if isinstance(content, list) and len(fields) == 1:
        return {next(iter(fields)): content}
    if not isinstance(content, dict):
        raise UnsendableError(f'{source.name} is no object with a member for each field, such as {{"y": [1.5, 2.0]}}.')
    is_request = isinstance(content.get("data"), dict) and isinstance(content.get("model"), str)
    return content["data"] if is_request else content


def _table(
    source: Source, table: tables.Table, fields: Mapping[str, ModelField], columns: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    chosen = _chosen(source, list(table.columns), fields, columns)
    used = {name for names in chosen.values() for name in names}
    unused = [name for name in table.columns if name not in used]
    notes = [*table.notes]
    if unused:
        notes.append(f"columns that are not used: {', '.join(unused)}.")
    found = {}
    for name, names in chosen.items():
        field = fields.get(name)
        own = [table.columns[column] for column in names]
        found[name] = _array(name, own, field)
        notes += [each.note(missing=field is not None and field.missing) for each in own]
    for note in filter(None, notes):
        click.echo(f"{source.name}: {note}", err=True)
    return found


def _array(name: str, columns: Sequence[tables.Column], field: ModelField | None) -> NDArray[Any]:
    """The array that columns make for a field: a list, or rows. What is missing is nan, or None beside names of levels.

    Raises:
        TableError: A cell is no value of the field, or the columns have different lengths.
    """
    levels = field.level_names if field is not None else ()
    lists = [column.values(levels, missing=field is not None and field.missing) for column in columns]
    if len(set(map(len, lists))) > 1:
        raise TableError(f"The columns of {name} have different numbers of values: complete their rows.")
    rank = len(field.shape) if field is not None else min(len(columns), 2)
    matrix = np.array(lists, dtype=object if levels else np.float64).T
    return matrix[:, 0] if rank == 1 and len(columns) == 1 else matrix


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
            names = suggested(field, header)
        if names:
            chosen[field] = names
    if not chosen:
        wanted_fields = ", ".join(fields) or "none"
        raise UnsendableError(
            f"{source.name} has the columns {', '.join(header)}, and none is named like a field ({wanted_fields}); say "
            "which is which by --columns FIELD=COLUMN."
        )
    return chosen


def suggested(field: str, header: Sequence[str]) -> list[str]:
    """The columns that a field suggests: its own, else `x.age, x.weight`, else `x[0], x[1]`, `x_1, x_2`, `x1, x2`."""
    if field in header:
        return [field]
    rests = {name: name.removeprefix(field) for name in header if name.startswith(field)}
    dotted = [name for name, rest in rests.items() if rest.startswith(".")]
    return dotted or [name for name, rest in rests.items() if re.fullmatch(r"[\[_ ]?[0-9]+\]?", rest)]


def _hint(column: str, fields: Iterable[str]) -> str:
    """What to do where a column that is missing looks like a further field: `--columns x=a,y=b`."""
    further = column.partition("=")[0] in fields and "=" in column
    return f" Each field wants a --columns of its own: --columns {column}." if further else ""
