"""How many fits of one owner run at once."""

from collections.abc import Callable

import pytest
from rq import Queue

from tacit.fits import FitStore, Outcome, Priority, Status, keys, records, workers
from tacit.fits.workers import WorkerInfo
from tests.fits.builders import accept
from worker.housekeeping import Reconciler
from worker.transport import requeue, waiting
from worker.turns import Turns


@pytest.fixture
def turns(store: FitStore, queue: Queue) -> Turns:
    return Turns(queue, store, device="cpu", most=2)


@pytest.fixture
def live(queue: Queue) -> Callable[..., None]:
    def announce(*names: str) -> None:
        for name in names:
            info = WorkerInfo(name=name, host="h", pid=1, child_pid=2, queue="tacit:cpu", device="cpu")
            workers.announce(queue.connection, info)

    return announce


def test_fits_beyond_the_limit_are_held_and_others_pass(
    turns: Turns, store: FitStore, queue: Queue, live: Callable[..., None]
) -> None:
    live("a", "b", "c", "d")
    ann, bob, nobody = "key_a", "key_b", None
    first, second, third, low, high = (
        accept(store, owner=ann, priority=priority)
        for priority in (Priority.NORMAL, Priority.NORMAL, Priority.NORMAL, Priority.LOW, Priority.HIGH)
    )
    assert [turns.take(each, worker=name) for each, name in ((first, "a"), (second, "b"), (third, "c"))] == [1, 1, 0]
    assert turns.take(accept(store, owner=bob), worker="c")
    assert turns.take(accept(store, owner=nobody), worker="d")
    assert not turns.take(low, worker="e")
    assert not turns.take(high, worker="e")
    assert turns.held() == {third.id, low.id, high.id}
    turns.put_back()
    assert waiting(queue) == set(), "there is no room yet"
    turns.give_back(worker="c")
    assert waiting(queue) == set(), "that was bob's"
    turns.give_back(worker="a")
    assert waiting(queue) == {high.id}
    assert turns.take(high, worker="a")
    turns.give_back(worker="b")
    assert waiting(queue) == {high.id, third.id}
    assert turns.held() == {low.id}


def test_a_worker_that_died_holds_nobody_up(
    turns: Turns, store: FitStore, queue: Queue, live: Callable[..., None]
) -> None:
    live("a", "b")
    fits = [accept(store) for _ in range(3)]
    assert [turns.take(each, worker=name) for each, name in zip(fits, "abc", strict=True)] == [True, True, False]
    reconciler = Reconciler(store, queue, turns, device="cpu")
    requeue(queue, fits[0])
    requeue(queue, fits[1])
    reconciler.run()
    reconciler.run()
    assert fits[2].id not in waiting(queue), "what is held is not lost"
    queue.connection.delete(keys.worker("a"))  # as when it expires
    reconciler.run()
    assert fits[2].id in waiting(queue)
    assert turns.take(fits[2], worker="c")


def test_what_was_held_is_found_after_a_wipe(
    turns: Turns, store: FitStore, queue: Queue, live: Callable[..., None]
) -> None:
    live("a", "b")
    fits = [accept(store) for _ in range(3)]
    for each, name in zip(fits, "abc", strict=True):
        turns.take(each, worker=name)
    queue.connection.delete(keys.RUNNING, keys.held("cpu"))
    reconciler = Reconciler(store, queue, turns, device="cpu")
    reconciler.run()
    reconciler.run()
    assert waiting(queue) == {each.id for each in fits}


def test_what_was_decided_or_deleted_meanwhile_is_not_put_back(
    turns: Turns, store: FitStore, queue: Queue, live: Callable[..., None]
) -> None:
    live("a", "b")
    one, two, decided, deleted = (accept(store) for _ in range(4))
    for each, name in ((one, "a"), (two, "b"), (decided, "c"), (deleted, "c")):
        turns.take(each, worker=name)
    store.finish(decided.id, Outcome(status=Status.CANCELLED, finished_at=records.now()))
    store.delete(deleted.id)
    turns.give_back(worker="a")
    turns.give_back(worker="b")
    assert waiting(queue) == turns.held() == set()
