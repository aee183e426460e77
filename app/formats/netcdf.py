"""Draws as NetCDF (that is, HDF5) with the groups that `arviz.from_netcdf` knows."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np

from app.formats.table import Array, Column, Group, Table, disk_errors

MEDIA_TYPE = "application/x-netcdf"
SUFFIX = "nc"

_PIECE = 256 * 1024  # bytes
_BLOCK = 2**16  # numbers that lie together in the file


def write(table: Table, folder: Path) -> Iterator[bytes]:
    """The file is made on the disk, because its parts point at one another, and sent when it is complete."""
    with disk_errors(), tempfile.TemporaryFile(dir=folder) as file:
        with h5netcdf.File(file, "w") as tree:
            for group in table.groups:
                _write_group(tree.create_group(group.name), group, table.attributes)
            variables: dict[str, Any] = {}
            for name, columns in groupby(sorted(table.columns, key=attrgetter("group")), key=attrgetter("group")):
                variables |= _begin_group(tree.create_group(name), list(columns), table)
            start = 0
            for part in table.merged():
                for label, rows in part.items():
                    index = slice(start, start + len(rows))
                    variables[label][(0, index) if table.row_axis == "draw" else index] = rows
                start += max(map(len, part.values()), default=0)
                yield b""
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def _begin_group(group: Any, columns: Sequence[Column], table: Table) -> dict[str, Any]:
    """Variables, by label, whose rows are still to be written."""
    group.attrs.update(table.attributes)
    leading = {"chain": 1, "draw": table.rows} if table.row_axis == "draw" else {table.row_axis: table.rows}
    sizes = dict(leading)
    for column in columns:
        sizes |= dict(zip(column.axes, column.shape, strict=True))
    _coordinates(group, sizes, {} if table.row_values is None else {table.row_axis: np.asarray(table.row_values)})
    made = {}
    for column in columns:
        rows = max(1, min(table.rows, _BLOCK // max(1, column.size)))
        chunks = (*(1 for _ in list(leading)[1:]), rows, *column.shape)
        variable = group.create_variable(
            column.name, (*leading, *column.axes), column.dtype, chunks=chunks, fillvalue=None
        )
        if table.failed is not None:
            variable.attrs["failed_draws"] = table.failed[column.label]
        made[column.label] = variable
    return made


def _write_group(group: Any, content: Group, attributes: Mapping[str, Any]) -> None:
    group.attrs.update(attributes)
    sizes: dict[str, int] = {}
    for array, axes in content.arrays.values():
        sizes |= dict(zip(axes, array.shape, strict=True))
    _coordinates(group, sizes, {})
    for name, (array, axes) in content.arrays.items():
        variable = group.create_variable(name, axes, data=array)
        if name in content.levels:
            first, names = content.levels[name]
            variable.attrs.update(_flags(first, names, array.dtype))


def _flags(first: int, names: Sequence[str], dtype: np.dtype[Any]) -> dict[str, Any]:
    """What the numbers of levels mean, as the CF conventions have it: words parted by blanks, so none may hold any."""
    values = np.arange(first, first + len(names), dtype=dtype)
    return {"flag_values": values, "flag_meanings": " ".join("_".join(name.split()) for name in names)}


def _coordinates(group: Any, sizes: Mapping[str, int], known: Mapping[str, Array]) -> None:
    """Every axis with numbers along it, 0, 1, ... unless others are known."""
    group.dimensions = dict(sizes)
    for name, size in sizes.items():
        values = known.get(name)
        variable = group.create_variable(name, (name,), np.dtype(np.int64) if values is None else values.dtype)
        for start in range(0, size, _BLOCK):
            stop = min(size, start + _BLOCK)
            variable[start:stop] = np.arange(start, stop) if values is None else values[start:stop]
