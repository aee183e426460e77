"""Draws as JSON: nested lists whose first axis is the draws, null for what is not finite."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pydantic_core

from app.formats.table import Array, Table, by_column

MEDIA_TYPE = "application/json"
SUFFIX = "json"


def write(table: Table, folder: Path) -> Iterator[bytes]:
    """`{...header, "vars": {name: rows}}`; columns of another section follow in an object of that name."""
    # Held back until there are rows to send with it: an error before that can still be told.
    lead = _text(table.header)[:-1]
    for name, columns in groupby(by_column(table, folder), key=lambda found: found[0].section):
        lead += b"," + _text(name) + b":{"
        for column, pieces in columns:
            yield from _rows(lead + _text(column.name) + b":[", pieces)
            lead = b"],"
        lead = b"]}"
    yield lead + b"}"


def _rows(lead: bytes, pieces: Iterator[Array]) -> Iterator[bytes]:
    for piece in pieces:
        yield lead + _text(piece.tolist())[1:-1] if len(piece) else b""
        lead = b"," if len(piece) else lead


def _text(value: object) -> bytes:
    return pydantic_core.to_json(value, inf_nan_mode="null")
