import threading

import numpy as np
import pytest

from tacit.errors import NotFoundError, StoreError
from tacit.fits import Attempt, FitFailure, FitStore, Outcome, Status, arrays, new_fit_id, records
from tests.fits.builders import ARRAYS, accept, make_request
from tests.fits.places import StoredPath


def _succeed(store: FitStore, fit_id: str, *, attempt: int = 1, draws: int = 4) -> bool:
    data = arrays.to_bytes({"mu": np.arange(float(draws))})
    written = store.put_artefact(fit_id, attempt, "posterior.safetensors", data)
    outcome = Outcome(
        status=Status.SUCCEEDED,
        finished_at=records.now(),
        attempt=attempt,
        artefacts={"posterior.safetensors": written},
    )
    return store.finish(fit_id, outcome)


def test_what_was_accepted_is_read_back(store: FitStore) -> None:
    request = accept(store)
    fit = store.fit(request.id)
    assert fit.request == request
    assert fit.status is Status.QUEUED
    data = store.data(request)
    assert data.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert data[name].dtype == array.dtype
        np.testing.assert_array_equal(data[name], array)


@pytest.mark.parametrize("fit_id", [pytest.param(new_fit_id(), id="well-formed"), "fit_x", "../../etc/passwd", ""])
def test_unknown_fits_are_not_found(store: FitStore, fit_id: str) -> None:
    with pytest.raises(NotFoundError, match="There is no fit"):
        store.fit(fit_id)


def test_status_follows_the_records(store: FitStore) -> None:
    request = accept(store)
    attempt = store.begin_attempt(store.fit(request.id), worker="w", device="cpu")
    assert attempt is not None
    assert attempt.number == 1
    assert store.fit(request.id).status is Status.RUNNING
    store.end_attempt(request.id, 1, code="worker_died", message="It died.", counts=True)
    fit = store.fit(request.id)
    assert fit.status is Status.RUNNING, "a status never moves back"
    assert [end.message for end in fit.ends] == ["It died."]
    second = store.begin_attempt(fit, worker="w", device="cpu")
    assert second is not None
    assert second.number == 2
    assert _succeed(store, request.id, attempt=2)
    assert store.fit(request.id).status is Status.SUCCEEDED


def test_only_one_worker_begins_an_attempt(store: FitStore) -> None:
    fit = store.fit(accept(store).id)
    begun: list[Attempt | None] = []
    barrier = threading.Barrier(8)

    def begin(number: int) -> None:
        barrier.wait()
        begun.append(store.begin_attempt(fit, worker=f"w{number}", device="cpu"))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([attempt for attempt in begun if attempt is not None]) == 1
    assert len(store.fit(fit.request.id).attempts) == 1


def test_the_first_outcome_stays(store: FitStore) -> None:
    request = accept(store)
    assert _succeed(store, request.id)
    failure = FitFailure(code="timeout", message="Too late.")
    late = Outcome(status=Status.FAILED, finished_at=records.now(), error=failure)
    assert not store.finish(request.id, late)
    assert store.fit(request.id).status is Status.SUCCEEDED


def test_overlapping_attempts_do_not_mix(store: FitStore) -> None:
    request = accept(store)
    assert _succeed(store, request.id, attempt=2)
    # The slower attempt writes other draws afterwards, and loses.
    store.put_artefact(request.id, 1, "posterior.safetensors", arrays.to_bytes({"mu": np.ones(4)}))
    fit = store.fit(request.id)
    np.testing.assert_array_equal(store.arrays(fit, "posterior.safetensors")["mu"], np.arange(4.0))


def test_interrupted_attempts_do_not_count(store: FitStore) -> None:
    request = accept(store)
    for number, counts in ((1, False), (2, True)):
        store.begin_attempt(store.fit(request.id), worker="w", device="cpu")
        store.end_attempt(request.id, number, code="x", message="x", counts=counts)
    store.begin_attempt(store.fit(request.id), worker="w", device="cpu")
    assert store.fit(request.id).spent_attempts() == 2


def test_attempts_that_got_further_do_not_count(store: FitStore) -> None:
    request = accept(store)
    for number in (1, 2, 3):
        store.begin_attempt(store.fit(request.id), worker="w", device="cpu")
        store.end_attempt(request.id, number, code="x", message="x", counts=True)
    assert store.furthest_attempt(request.id) == 0
    store.put_checkpoint(request.id, 2, 25, _state(25))
    assert store.furthest_attempt(request.id) == 2
    assert store.fit(request.id).spent_attempts(2) == 1


def test_a_wish_to_cancel_shows_until_the_fit_is_decided(store: FitStore) -> None:
    request = accept(store)
    assert not store.cancel_requested(request.id)
    store.request_cancel(request.id)
    asked = store.fit(request.id)
    store.request_cancel(request.id)
    assert store.fit(request.id) == asked
    assert asked.status is Status.CANCELLING
    # It may come too late: the outcome alone decides.
    assert _succeed(store, request.id)
    assert not store.cancelled(request.id)
    assert store.fit(request.id).status is Status.SUCCEEDED


def test_the_current_attempt_is_the_one_that_has_not_ended(store: FitStore) -> None:
    request = accept(store)
    assert store.fit(request.id).current_attempt is None
    attempt = store.begin_attempt(store.fit(request.id), worker="w", device="cpu")
    assert store.fit(request.id).current_attempt == attempt
    store.end_attempt(request.id, 1, code="x", message="x", counts=True)
    assert store.fit(request.id).current_attempt is None
    store.begin_attempt(store.fit(request.id), worker="w", device="cpu")
    store.cancelled(request.id)
    assert store.fit(request.id).current_attempt is None


def test_open_fits_are_those_without_outcome(store: FitStore) -> None:
    first, second, third = accept(store), accept(store), accept(store)
    _succeed(store, second.id)
    assert store.open_fits() == sorted([first.id, third.id])


def test_a_crash_between_outcome_and_mark_is_mended(store: FitStore, folder: StoredPath) -> None:
    request = accept(store)
    _succeed(store, request.id)
    mark = folder / "open" / request.id
    mark.write_bytes(b"")
    assert store.open_fits() == []
    assert not mark.exists()


def test_a_fit_that_was_not_accepted_is_not_open(store: FitStore, folder: StoredPath) -> None:
    request = accept(store)
    (folder / "fits" / request.id / "request.json").unlink()
    assert store.open_fits() == []


def test_accepting_twice_is_refused(store: FitStore) -> None:
    request = accept(store)
    with pytest.raises(StoreError, match="already"):
        accept(store, id=request.id)


@pytest.mark.parametrize("damage", [b"", b"other bytes"])
def test_damaged_artefacts_are_named(store: FitStore, folder: StoredPath, damage: bytes) -> None:
    request = accept(store)
    _succeed(store, request.id)
    path = folder / "fits" / request.id / "result" / "0001" / "posterior.safetensors"
    path.write_bytes(damage)
    with pytest.raises(StoreError, match=r"posterior\.safetensors is damaged"):
        store.arrays(store.fit(request.id), "posterior.safetensors")
    with pytest.raises(StoreError, match=r"posterior\.safetensors is damaged"):
        store.array_file(store.fit(request.id), "posterior.safetensors")


def test_results_are_read_by_rows_whatever_their_size(store: FitStore, folder: StoredPath) -> None:
    request = accept(store)
    _succeed(store, request.id, draws=2**20 + 1)
    fit = store.fit(request.id)
    file = store.array_file(fit, "posterior.safetensors")
    np.testing.assert_array_equal(
        file.rows("mu", 2**20 - 1, 2**20 + 1), store.arrays(fit, "posterior.safetensors")["mu"][-2:]
    )
    path = folder / "fits" / request.id / "result" / "0001" / "posterior.safetensors"
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(StoreError, match=r"posterior\.safetensors is damaged"):
        store.array_file(fit, "posterior.safetensors")


def test_missing_artefacts_are_named(store: FitStore, folder: StoredPath) -> None:
    request = accept(store)
    (folder / "fits" / request.id / "data.safetensors").unlink()
    with pytest.raises(StoreError, match=r"data\.safetensors is missing"):
        store.data(request)


def test_damaged_records_are_named(store: FitStore, folder: StoredPath) -> None:
    request = accept(store)
    (folder / "fits" / request.id / "request.json").write_bytes(b'{"id": 1}')
    with pytest.raises(StoreError, match=r"request\.json is damaged"):
        store.fit(request.id)


def test_artefacts_are_named_by_the_outcome_alone(store: FitStore) -> None:
    request = accept(store)
    store.put_artefact(request.id, 1, "posterior.safetensors", b"")
    with pytest.raises(NotFoundError, match=r"no posterior\.safetensors"):
        store.artefact(store.fit(request.id), "posterior.safetensors")


def test_records_refuse_what_they_do_not_know(store: FitStore) -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        make_request(urgency=3)


def _checkpoints(folder: StoredPath, fit_id: str) -> list[StoredPath]:
    return (folder / "fits" / fit_id / "checkpoint").files()


def _state(step: int) -> arrays.Arrays:
    return {"[1].loc": np.full(3, step, dtype=np.float32), "key": np.uint32(step) + np.zeros((), np.uint32)}


def test_only_the_newest_checkpoint_is_kept(store: FitStore, folder: StoredPath) -> None:
    fit_id = accept(store).id
    assert store.checkpoint(fit_id) is None
    # An attempt that began anew is newer than one that got further.
    for attempt, step in ((1, 25), (1, 125), (2, 7)):
        store.put_checkpoint(fit_id, attempt, step, _state(step))
        found = store.checkpoint(fit_id)
        assert found is not None
        np.testing.assert_array_equal(found["[1].loc"], _state(step)["[1].loc"])
        assert found["key"].shape == ()
        assert len(_checkpoints(folder, fit_id)) == 1


def test_an_attempt_that_is_late_takes_no_newer_checkpoint_away(store: FitStore, folder: StoredPath) -> None:
    fit_id = accept(store).id
    store.put_checkpoint(fit_id, 2, 50, _state(50))
    store.put_checkpoint(fit_id, 1, 900, _state(900))
    found = store.checkpoint(fit_id)
    assert found is not None
    assert found["key"] == 50


@pytest.mark.parametrize("cut", [0, 20, -1])
def test_a_damaged_checkpoint_is_passed_over(
    store: FitStore, folder: StoredPath, caplog: pytest.LogCaptureFixture, cut: int
) -> None:
    fit_id = accept(store).id
    store.put_checkpoint(fit_id, 1, 25, _state(25))
    (older,) = _checkpoints(folder, fit_id)
    content = older.read_bytes()
    store.put_checkpoint(fit_id, 1, 125, _state(125))
    (newer,) = _checkpoints(folder, fit_id)
    newer.write_bytes(newer.read_bytes()[:cut])
    assert store.checkpoint(fit_id) is None
    assert f"{newer.name} is damaged" in caplog.text
    # As after a crash between the writing of one and the removal of the other.
    older.write_bytes(content)
    found = store.checkpoint(fit_id)
    assert found is not None
    assert found["key"] == 25


def test_a_fit_that_succeeded_needs_no_checkpoint(store: FitStore, folder: StoredPath) -> None:
    fit_id = accept(store).id
    store.put_checkpoint(fit_id, 1, 25, _state(25))
    _succeed(store, fit_id)
    assert _checkpoints(folder, fit_id) == []


def test_a_deleted_fit_is_gone_and_stays_gone(store: FitStore, folder: StoredPath) -> None:
    request = accept(store)
    _succeed(store, request.id)
    fit = store.fit(request.id)
    store.delete(request.id)
    assert store.fit_ids() == store.open_fits() == []
    assert not (folder / "fits" / request.id).exists()
    with pytest.raises(NotFoundError):
        store.fit(request.id)
    # Whoever held it sees that it is gone, not that it is damaged.
    with pytest.raises(NotFoundError):
        store.artefact(fit, "posterior.safetensors")
    with pytest.raises(NotFoundError):
        store.data(request)
    # Who still computes it finds that nobody wants it.
    assert store.cancel_requested(request.id)
    assert not _succeed(store, request.id)
    with pytest.raises(NotFoundError):
        store.fit(request.id)


def test_a_fit_that_is_being_deleted_is_whole_or_gone(store: FitStore) -> None:
    seen: list[Status] = []
    errors: list[Exception] = []
    ids = [accept(store).id for _ in range(50)]
    for fit_id in ids:
        store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
        _succeed(store, fit_id)

    def read() -> None:
        for fit_id in ids:
            try:
                while True:
                    fit = store.fit(fit_id)
                    seen.append(fit.status)
                    store.artefact(fit, "posterior.safetensors")
            except NotFoundError:
                continue
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for fit_id in ids:
        store.delete(fit_id)
    reader.join()
    assert errors == []
    assert set(seen) == {Status.SUCCEEDED}
