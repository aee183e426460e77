from pathlib import Path

import pytest

from tacit.fits import Blobs, FitStore, LocalBlobs
from tacit.fits.s3 import S3Blobs
from tests.fits.places import StoredPath


@pytest.fixture(params=["local", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """An empty blob store of each kind."""
    if request.param == "local":
        return LocalBlobs(tmp_path / "store")
    bucket = request.getfixturevalue("s3_bucket")
    return S3Blobs(bucket, prefix="some/where", endpoint_url=request.getfixturevalue("s3_endpoint"))


@pytest.fixture
def store(blobs: Blobs) -> FitStore:
    """Fits in it."""
    return FitStore(blobs)


@pytest.fixture
def folder(blobs: Blobs) -> StoredPath:
    """What lies in it."""
    return StoredPath("", blobs)
