"""Draws as an Arrow IPC stream: a row is a draw, arrays are nested lists of fixed size; what was said is metadata."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from app.formats.sink import Sink
from app.formats.table import Array, Column, Table

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
SUFFIX = "arrows"


def write(table: Table, folder: Path) -> Iterator[bytes]:
    """A record batch for every part."""
    del folder
    sink = Sink()
    metadata = {name: json.dumps(value) for name, value in table.header.items()}
    schema = pa.schema([pa.field(column.label, _type(column)) for column in table.columns], metadata=metadata)
    with pa.ipc.new_stream(sink, schema) as writer:
        for part in table.merged():
            if part:
                arrays = [_array(part[column.label], column) for column in table.columns]
                writer.write_batch(pa.record_batch(arrays, schema=schema))
            yield sink.drain()
    yield sink.drain()


def _type(column: Column) -> pa.DataType:
    kind = pa.from_numpy_dtype(column.dtype)
    for size in reversed(column.shape):
        kind = pa.list_(kind, size)
    return kind


def _array(rows: Array, column: Column) -> pa.Array:
    array = pa.array(np.ascontiguousarray(rows).reshape(-1))
    for size in reversed(column.shape):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array
