from datetime import timedelta

import pytest

from tacit.fits import FitStore, Outcome, Status, new_fit_id, records, retention
from tests.fits.builders import accept
from tests.fits.places import StoredPath

_OLD = timedelta(days=40)


def _ended(store: FitStore, *, accepted: timedelta, ended: timedelta) -> str:
    moment = records.now()
    fit_id = accept(store, id=new_fit_id(moment - accepted), created_at=moment - accepted).id
    store.finish(fit_id, Outcome(status=Status.CANCELLED, finished_at=moment - ended))
    return fit_id


def test_only_fits_that_ended_long_ago_go(store: FitStore) -> None:
    old = _ended(store, accepted=_OLD, ended=_OLD)
    late = _ended(store, accepted=_OLD, ended=timedelta(days=1))
    new = _ended(store, accepted=timedelta(0), ended=timedelta(0))
    moment = records.now() - _OLD
    waiting = accept(store, id=new_fit_id(moment), created_at=moment).id
    running = accept(store, id=new_fit_id(moment), created_at=moment).id
    store.begin_attempt(store.fit(running), worker="w", device="cpu")
    tried = retention.collect(store, older_than=timedelta(days=30), dry_run=True)
    assert (tried.fits, len(store.fit_ids())) == ([old], 5)
    assert retention.collect(store, older_than=timedelta(days=30)).fits == [old]
    assert set(store.fit_ids()) == {late, new, waiting, running}
    assert set(store.open_fits()) == {waiting, running}


def test_remains_go_and_damaged_fits_stay(
    store: FitStore, folder: StoredPath, caplog: pytest.LogCaptureFixture
) -> None:
    remains = _ended(store, accepted=_OLD, ended=_OLD)
    (folder / "fits" / remains / "request.json").unlink()
    beginning = new_fit_id()
    (folder / "fits" / beginning / "data.safetensors").write_bytes(b"")
    damaged = _ended(store, accepted=_OLD, ended=_OLD)
    (folder / "fits" / damaged / "outcome.json").write_bytes(b"{")
    found = retention.collect(store, older_than=timedelta(0))
    assert (found.fits, found.remains) == ([], [remains])
    assert set(store.fit_ids()) == {damaged, beginning}
    assert f"fit {damaged} stays" in caplog.text
