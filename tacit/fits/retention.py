"""What is old enough to go: fits that ended long ago, and what crashes left of others."""

import logging
from datetime import timedelta
from typing import NamedTuple

from tacit.errors import NotFoundError, StoreError
from tacit.fits.ids import first_id_at
from tacit.fits.records import now
from tacit.fits.store import FitStore

_log = logging.getLogger(__name__)

# A fit is stored milliseconds after its first file. What is no fit after this long never will be.
_STORED_WITHIN = timedelta(hours=1)


class Collected(NamedTuple):
    """Ids of what was removed, or would be."""

    fits: list[str]
    remains: list[str]
    idempotency_keys: int


def collect(store: FitStore, *, older_than: timedelta, dry_run: bool = False) -> Collected:
    """Remove the fits that ended longer ago than `older_than`. One that has not ended is never touched.

    A fit whose records cannot be read stays, with a line in the log: nobody can say that it has ended.
    """
    cutoff = now() - older_than
    fits: list[str] = []
    remains: list[str] = []
    for fit_id in store.fit_ids(before=first_id_at(cutoff)):
        try:
            outcome = store.fit(fit_id).outcome
        except NotFoundError:
            if fit_id < first_id_at(now() - _STORED_WITHIN):
                remains.append(fit_id)
        except StoreError as error:
            _log.warning("fit %s stays: %s", fit_id, error)
        else:
            if outcome is not None and outcome.finished_at < cutoff:
                fits.append(fit_id)
    if not dry_run:
        for fit_id in (*fits, *remains):
            store.delete(fit_id)
    return Collected(fits, remains, 0 if dry_run else store.idempotency.expire())
