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
    return LocalBlobs(settings.data_dir / "store")


def open_store(settings: Settings, *, changed: Changed | None = None) -> FitStore:
    """The fits in it; `changed` hears of what moves them on. Errors as `open_blobs`."""
    return FitStore(open_blobs(settings), changed=changed)


def open_keys(settings: Settings) -> ApiKeys:
    """The API keys in it; errors as `open_blobs`."""
    return ApiKeys(open_blobs(settings))
