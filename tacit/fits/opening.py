"""Opens what the settings name: the fits, and the API keys beside them."""

from tacit.fits.api_keys import ApiKeys
from tacit.fits.blobs import Blobs, LocalBlobs
from tacit.fits.store import Changed, FitStore
from tacit.settings import Settings


def open_blobs(settings: Settings) -> Blobs:
    """The blob store of the settings.

    Raises:
        UnavailableError: It cannot be opened.
    """
    if settings.s3_bucket is None:
        return LocalBlobs(settings.data_dir / "store")
    from tacit.fits.s3 import S3Blobs  # heavy, and seldom wanted

    return S3Blobs(settings.s3_bucket, prefix=settings.s3_prefix, endpoint_url=settings.s3_endpoint_url)


def open_store(settings: Settings, *, changed: Changed | None = None) -> FitStore:
    """The fits in it; `changed` hears of what moves them on. Errors as `open_blobs`."""
    return FitStore(open_blobs(settings), changed=changed)


def open_keys(settings: Settings) -> ApiKeys:
    """The API keys in it; errors as `open_blobs`."""
    return ApiKeys(open_blobs(settings))
