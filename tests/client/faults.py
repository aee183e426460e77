"""A server that does not do what it should: it answers requests by a list of what to do, and remembers them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Act = Callable[["Handler"], None]


class Seen(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Does the next thing of the list."""

    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        server.seen.append(Seen(self.command, self.path, headers, body))
        server.acts.pop(0)(self)

    do_GET = do_POST = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Faulty(NamedTuple):
    address: str
    seen: list[Seen]
    acts: list[Act]


@contextmanager
def faulty(*acts: Act) -> Iterator[Faulty]:
    """A running server; every one of the acts has to be called for."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.acts = [], list(acts)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Faulty(f"http://127.0.0.1:{server.server_address[1]}", server.seen, server.acts)
        assert not server.acts, "it was not asked as often as expected"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def say(status: int, body: Any = b"", **headers: str) -> Act:
    """Answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def act(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return act


def refuse(status: int, code: str, **headers: str) -> Act:
    """Answer with a problem."""
    return say(status, {"status": status, "title": "No", "detail": "Not now.", "code": code, "errors": []}, **headers)


def cut(*, after: bytes = b"") -> Act:
    """Say something, and hang up in the middle of it; without, hang up before any answer."""

    def act(handler: Handler) -> None:
        if after:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.send_header("Content-Length", str(len(after) + 1))
            handler.end_headers()
            handler.wfile.write(after)
        handler.close_connection = True

    return act
