"""Packages that only some answers need: imported when they are, and named when they are missing."""

import importlib
import warnings
from typing import Any

from tacit.client.errors import MissingPackageError


def needed(name: str, *, extra: str = "client") -> Any:
    """A package of an extra.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            # ArviZ announces its version to come to whoever imports it.
            warnings.simplefilter("ignore", FutureWarning)
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise MissingPackageError(f"This needs {name}: pip install 'tacit[{extra}]'.") from error
