"""Files of draws, read into memory."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tacit.client.packages import needed

# Beside the quantiles of a variable, under its name with this before it: how many of its draws have a NaN.
FAILED = "failed_draws/"

Arrays: TypeAlias = dict[str, NDArray[Any]]
# What the installed ArviZ calls inference data: `arviz.InferenceData` before its version 1.0, `xarray.DataTree` since.
# Both give a group by its name, as in `found.posterior["theta"]`, whose arrays are xarray's.
InferenceData: TypeAlias = Any


def arrays(path: Path) -> Arrays:
    """The arrays of an npz file."""
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def inference_data(path: Path) -> InferenceData:
    """The groups of a NetCDF file.

    Raises:
        MissingPackageError: ArviZ is not installed.
    """
    on_disk = needed("arviz").from_netcdf(str(path))
    in_memory = on_disk.load()
    on_disk.close()
    return in_memory
