"""Draws as an archive that `numpy.load` opens: one array per variable, draws along axis 0.

Beside quantiles of `y` there is the number `failed_draws/y`.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.formats.sink import Sink
from app.formats.table import Table, by_column

MEDIA_TYPE = "application/x-npz"
SUFFIX = "npz"


def write(table: Table, folder: Path) -> Iterator[bytes]:
    """Nothing is compressed: draws are noise."""
    sink = Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for column, pieces in by_column(table, folder):
            # The date is fixed, so that the same draws are the same bytes.
            with archive.open(zipfile.ZipInfo(f"{column.label}.npy"), "w", force_zip64=True) as entry:
                shape = (table.rows, *column.shape)
                header = {"descr": column.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(entry, header)
                for piece in pieces:
                    entry.write(piece.tobytes())
                    yield sink.drain()
        for label, count in (table.failed or {}).items():
            with archive.open(zipfile.ZipInfo(f"failed_draws/{label}.npy"), "w") as entry:
                np.lib.format.write_array(entry, np.array(count, np.int64), version=(1, 0), allow_pickle=False)
    yield sink.drain()
