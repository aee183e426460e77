"""Calls an app in this process, without a network, through all of its layers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio.to_thread
import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI


class Client:
    """A client for tests that are not asynchronous; the app runs in an event loop of another thread."""

    def __init__(self, portal: BlockingPortal, client: httpx.AsyncClient, app: FastAPI) -> None:
        self._portal = portal
        self._client = client
        self.app = app

    def call(self, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """What a function gives that runs in the event loop of the app."""
        return self._portal.call(function, *args)

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self._portal.call(partial(self._client.request, method, path, **given))

    def gather(self, paths: Sequence[str], *, then: Callable[[], None]) -> list[httpx.Response]:
        """GET many paths at once; when all requests have been sent, do something, then wait for the answers."""

        async def ask() -> list[httpx.Response]:
            tasks = [asyncio.create_task(self._client.get(path)) for path in paths]
            await asyncio.sleep(0)
            await anyio.to_thread.run_sync(then)
            return await asyncio.gather(*tasks)

        return self._portal.call(ask)

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)

    def delete(self, path: str, **given: Any) -> httpx.Response:
        return self.request("DELETE", path, **given)


@contextmanager
def open_client(app: FastAPI) -> Iterator[Client]:
    """Start the app, and a client of it."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        portal.wrap_async_context_manager(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
        ) as client,
    ):
        yield Client(portal, client, app)
