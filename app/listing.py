"""Pages of fits. Reads the store: call it in a thread."""

import logging
from typing import NamedTuple

from app.schemas.fits import ListQuery
from tacit.errors import NotFoundError, StoreError
from tacit.fits import Fit, FitStore
from tacit.fits.ids import first_id_at

_log = logging.getLogger(__name__)

# Fits that one request may look at: a rare filter over a large store gives short pages, not slow ones.
_MOST_READ = 500


class Page(NamedTuple):
    """Some fits, and where the next page begins."""

    fits: list[Fit]
    next_cursor: str | None


def find_page(store: FitStore, query: ListQuery, *, owner: str | None = None, most_read: int = _MOST_READ) -> Page:
    """The fits that a query asks for, latest first; those of one owner only, unless that is None.

    The cursor is the last id that was looked at. Fits that are added later sort before it: they move nothing.
    """
    oldest = first_id_at(query.created_after) if query.created_after else ""
    ids = [fit_id for fit_id in store.fit_ids(before=query.cursor, owner=owner) if fit_id > oldest]
    found: list[Fit] = []
    for number, fit_id in enumerate(ids, start=1):
        fit = _read(store, fit_id)
        if fit is not None and _matches(fit, query):
            found.append(fit)
        if len(found) == query.limit or number == most_read:
            return Page(found, fit_id if number < len(ids) else None)
    return Page(found, None)


def _matches(fit: Fit, query: ListQuery) -> bool:
    request = fit.request
    return (
        query.model in (None, request.model, f"{request.model}@{request.version}")
        and query.status in (None, fit.status)
        and (query.tag is None or query.tag in request.tags)
        and (query.created_after is None or request.created_at > query.created_after)
    )


def _read(store: FitStore, fit_id: str) -> Fit | None:
    """A fit; None when it is gone, or so damaged that nothing can be said of it."""
    try:
        return store.fit(fit_id)
    except NotFoundError:
        return None
    except StoreError as error:
        _log.error("fit %s is left out of a list: %s", fit_id, error)
        return None
