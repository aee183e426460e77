"""Every kind of refusal, by the API itself, as an exception that carries its problem."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from app.main import create_app
from tacit.client import (
    ApiError,
    AsyncClient,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    LimitError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
    UnsendableError,
)
from tacit.fits import Scope, open_keys
from tacit.settings import Settings

DATA = {"x": [6, 3, 1]}


@asynccontextmanager
async def _asking(settings: Settings, *, api_key: str | None = None) -> AsyncIterator[AsyncClient]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        AsyncClient("http://localhost", api_key=api_key, retries=0, transport=httpx.ASGITransport(app)) as client,
    ):
        yield client


def _refusal(
    settings: Settings, ask: Callable[[AsyncClient], Awaitable[Any]], *, api_key: str | None = None
) -> ApiError:
    async def main() -> ApiError:
        async with _asking(settings, api_key=api_key) as client:
            try:
                await ask(client)
            except ApiError as error:
                return error
        pytest.fail("it was not refused")

    return anyio.run(main)


async def _ended(client: AsyncClient) -> Any:
    """A fit that has ended without results."""
    return await (await client.fit("poisson-rate", DATA)).cancel()


async def _retry_a_waiting_fit(client: AsyncClient) -> None:
    await (await client.fit("poisson-rate", DATA)).retry()


async def _results_of_a_cancelled_fit(client: AsyncClient) -> None:
    await (await _ended(client)).summary()


async def _reuse_a_key(client: AsyncClient) -> None:
    for x in ([1], [2]):
        await client.fit("poisson-rate", {"x": x}, idempotency_key="k")


@pytest.mark.parametrize(
    ("ask", "kind", "status", "code"),
    [
        (lambda client: client.model("poisson"), NotFoundError, 404, "not_found"),
        (lambda client: client.get("fit_1"), NotFoundError, 404, "not_found"),
        (lambda client: client.fit("poisson-rate", {"x": [1, -1]}), InvalidInputError, 422, "invalid_input"),
        (lambda client: client.validate("poisson-rate", {"y": [1]}), InvalidInputError, 422, "invalid_input"),
        (lambda client: client.fit("poisson-rate", DATA, draws=0), InvalidInputError, 422, "invalid_input"),
        (_reuse_a_key, InvalidInputError, 422, "idempotency_key_reused"),
        (_retry_a_waiting_fit, ConflictError, 409, "not_finished"),
        (_results_of_a_cancelled_fit, ConflictError, 409, "no_result"),
    ],
)
def test_refusals(settings: Settings, ask: Any, kind: type[ApiError], status: int, code: str) -> None:
    error = _refusal(settings, ask)
    assert type(error) is kind
    assert (error.status, error.code) == (status, code)
    assert error.problem.request_id.startswith("req_")
    assert f"[{status} {code}]" in str(error)


def test_all_that_is_wrong_is_said(settings: Settings) -> None:
    error = _refusal(settings, lambda client: client.fit("eight-schools", {"y": [1.0, 2.0], "sigma": [1.0, -1.0, 3.0]}))
    assert [each.pointer for each in error.problem.errors] == ["/data/sigma", "/data/sigma/data_b64"]
    assert all(each.detail in str(error) for each in error.problem.errors)


def test_keys_and_scopes(settings: Settings) -> None:
    _, token = open_keys(settings).create("reader", [Scope.READ])
    assert type(_refusal(settings, lambda client: client.models())) is UnauthorizedError
    error = _refusal(settings, lambda client: client.fit("poisson-rate", DATA), api_key=token)
    assert (type(error), error.code) == (ForbiddenError, "forbidden")


def test_too_much(settings: Settings) -> None:
    async def two_fits(client: AsyncClient) -> None:
        for _ in range(2):
            await client.fit("poisson-rate", DATA)

    error = _refusal(settings.model_copy(update={"max_queued_fits": 1}), two_fits)
    assert (type(error), error.code) == (LimitError, "too_many_fits")
    small = settings.model_copy(update={"max_body_bytes": 1024})
    error = _refusal(small, lambda client: client.fit("poisson-rate", {"x": list(range(1000))}))
    assert (type(error), error.status, error.code) == (InvalidInputError, 413, "too_large")


def test_a_service_without_its_redis(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    error = _refusal(away, lambda client: client.fit("poisson-rate", DATA))
    assert (type(error), error.code) == (UnavailableError, "unavailable")


def test_ids_that_are_none_never_leave(settings: Settings) -> None:
    async def main() -> None:
        async with _asking(settings) as client:
            with pytest.raises(UnsendableError, match="is not the id of a fit"):
                await client.get("../keys")

    anyio.run(main)
