"""Who asked for it is told of the end of a fit, whatever gets in between."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from tacit.fits import FitStore, records, webhooks
from tacit.fits.webhooks import DELIVERY, SIGNATURE, Hook, sign, verify
from tests.fits.builders import accept
from worker.webhooks import Deliverer

SECRET = "s" * 16
AT_ONCE = (0.0,) * 3


class Receiver:
    """A server that answers with the statuses it is given, the last one for ever, and keeps what it got."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.path, dict(self.headers.items()), body))
                statuses = receiver.statuses
                self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


class Asked(NamedTuple):
    """A fit of whose end the receiver is to be told."""

    store: FitStore
    fit_id: str

    def state(self) -> tuple[int, bool, bool, str]:
        (delivery,) = self.store.webhooks.deliveries(self.fit_id)
        return delivery.tries, delivery.ended, delivery.delivered, delivery.error or ""


@pytest.fixture
def asked(store: FitStore, receiver: Receiver) -> Asked:
    return _ask(store, f"http://127.0.0.1:{receiver.port}/hook?x=1")


def _ask(store: FitStore, url: str) -> Asked:
    fit_id = accept(store).id
    store.webhooks.add(fit_id, fit_id, _hook(url))
    return Asked(store, fit_id)


def _hook(url: str) -> Hook:
    return Hook(url=url, secret=SECRET, asked_at=records.now())


@pytest.fixture
def deliverer(store: FitStore) -> Deliverer:
    return Deliverer(store, private=True, backoff_s=AT_ONCE)


def test_the_end_is_told_once_and_signed(deliverer: Deliverer, asked: Asked, receiver: Receiver) -> None:
    deliverer.run()
    assert receiver.got == [], "it has not ended"
    assert asked.state() == (0, False, False, "")
    asked.store.cancelled(asked.fit_id)
    for _ in range(3):
        deliverer.run()
    ((path, headers, body),) = receiver.got
    assert path == "/hook?x=1"
    assert headers["Content-Type"] == "application/json"
    assert headers[DELIVERY] == asked.fit_id
    told = json.loads(body)
    assert (told["type"], told["fit"]["id"], told["fit"]["status"]) == ("fit.cancelled", asked.fit_id, "cancelled")
    assert verify(SECRET, body, headers[SIGNATURE])
    assert asked.state() == (1, True, True, "")


def test_the_secret_is_kept_no_longer_than_it_is_needed(
    deliverer: Deliverer, asked: Asked, receiver: Receiver, tmp_path: Any
) -> None:
    asked.store.cancelled(asked.fit_id)
    deliverer.run()
    assert len(receiver.got) == 1
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("answer", [500, 404, 302])
def test_what_was_not_taken_is_told_again_and_redirects_lead_nowhere(
    deliverer: Deliverer, asked: Asked, receiver: Receiver, answer: int
) -> None:
    receiver.statuses = [answer, answer, 204]
    asked.store.cancelled(asked.fit_id)
    deliverer.run()
    assert asked.state() == (1, False, False, f"The receiver answered {answer}.")
    for _ in range(4):
        deliverer.run()
    assert [path for path, _, _ in receiver.got] == ["/hook?x=1"] * 3
    assert len({body for _, _, body in receiver.got}) == 1
    assert len({headers[DELIVERY] for _, headers, _ in receiver.got}) == 1
    assert asked.state() == (3, True, True, "")


def test_tries_are_bounded(deliverer: Deliverer, asked: Asked, receiver: Receiver) -> None:
    receiver.statuses = [503]
    asked.store.cancelled(asked.fit_id)
    for _ in range(9):
        deliverer.run()
    assert len(receiver.got) == len(AT_ONCE) + 1
    assert asked.state() == (4, True, False, "The receiver answered 503.")
    assert asked.store.webhooks.pending() == []


def test_a_receiver_that_is_gone_for_good_is_left_alone(deliverer: Deliverer, asked: Asked, receiver: Receiver) -> None:
    receiver.statuses = [410]
    asked.store.cancelled(asked.fit_id)
    for _ in range(3):
        deliverer.run()
    assert len(receiver.got) == 1
    assert asked.state()[1:3] == (True, False)


def test_between_tries_it_waits(store: FitStore, asked: Asked, receiver: Receiver) -> None:
    receiver.statuses = [503]
    asked.store.cancelled(asked.fit_id)
    patient = Deliverer(store, private=True, backoff_s=(3600.0,))
    for _ in range(3):
        patient.run()
    assert len(receiver.got) == 1


def test_who_died_over_a_try_is_followed_by_another(
    deliverer: Deliverer, asked: Asked, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.store.cancelled(asked.fit_id)
    assert asked.store.webhooks.begin(asked.fit_id, asked.fit_id) is not None
    deliverer.run()
    assert receiver.got == [], "someone else is at it"
    monkeypatch.setattr(webhooks, "_TRY_TAKES", timedelta(0))
    deliverer.run()
    assert len(receiver.got) == 1
    assert asked.state() == (2, True, True, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.1.1", "2130706433"])
def test_addresses_that_are_not_public_are_not_reached(store: FitStore, receiver: Receiver, host: str) -> None:
    asked = _ask(store, f"http://{host}:{receiver.port}/")
    store.cancelled(asked.fit_id)
    Deliverer(store, private=False, backoff_s=AT_ONCE).run()
    assert receiver.got == []
    tries, _, _, error = asked.state()
    assert tries == 1
    assert "is not a public address" in error


def test_a_receiver_that_drips_is_cut_off(
    store: FitStore, deliverer: Deliverer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.webhooks._TOTAL_S", 0.0)
    asked = _ask(store, f"http://127.0.0.1:{receiver.port}/")
    store.cancelled(asked.fit_id)
    deliverer.run()
    assert "takes too long" in asked.state()[3]


def test_nobody_is_told_of_a_fit_that_was_deleted(deliverer: Deliverer, asked: Asked, receiver: Receiver) -> None:
    asked.store.cancelled(asked.fit_id)
    asked.store.delete(asked.fit_id)
    deliverer.run()
    assert receiver.got == []
    assert asked.store.webhooks.pending() == []


def test_a_hook_without_a_fit_is_dropped_in_time(deliverer: Deliverer, store: FitStore, asked: Asked) -> None:
    store.delete(asked.fit_id)
    store.webhooks.add(asked.fit_id, "new", _hook("http://x/"))
    old = _hook("http://x/").asked_at - timedelta(minutes=5)
    store.webhooks.add(asked.fit_id, "old", Hook(url="http://x/", secret=SECRET, asked_at=old))
    deliverer.run()
    assert store.webhooks.hooks(asked.fit_id) == ["new"]


def test_signatures() -> None:
    moment = int(time.time())
    good = sign(SECRET, b"{}", at=moment)
    assert verify(SECRET, b"{}", good)
    for secret, body, signature in [
        ("t" * 16, b"{}", good),
        (SECRET, b"{ }", good),
        (SECRET, b"{}", good.replace(f"t={moment}", f"t={moment + 1}")),
        (SECRET, b"{}", sign(SECRET, b"{}", at=moment - 3600)),
        (SECRET, b"{}", "t=soon,v1=00"),
        (SECRET, b"{}", ""),
    ]:
        assert not verify(secret, body, signature)
