"""Draws are made while they are sent: neither memory nor the service is held by their number."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from app.formats import FORMATS, VARS, Column, Part, Table
from tests.app.client import Client

JSON, NPZ, ARROW, NETCDF = FORMATS
COLUMNS = [Column(name, VARS, "prior", np.dtype(np.float32), (8,), ("J",)) for name in "ab"]
# More than anyone could wait for.
ENDLESS = {"inputs": {"sigma": [1.0] * 8}, "draws": 100_000_000}


def _rows(count: int) -> Iterator[Part]:
    for start in range(0, count, 256):
        yield {column.label: np.full((min(256, count - start), 8), 0.5, np.float32) for column in COLUMNS}


def _peak(form: str, rows: int, folder: Path) -> int:
    """The most memory in use while a table is written, in bytes, and not kept."""
    tracemalloc.start()
    try:
        size = sum(map(len, FORMATS[form].write(Table({}, COLUMNS, rows, _rows(rows)), folder)))
        assert size > 2 * rows * 8
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", FORMATS)
def test_memory_does_not_grow_with_the_number_of_draws(tmp_path: Path, form: str) -> None:
    _peak(form, 1000, tmp_path)  # what is loaded at the first use is not counted
    few, many = _peak(form, 50_000, tmp_path), _peak(form, 250_000, tmp_path)
    # 200,000 more rows are 12.8 million bytes.
    assert many < few + 500_000


def _left_alone(client: Client, form: str, *, after: int) -> int:
    """Bytes that were sent to a client that goes away after so many pieces."""
    pieces: list[bytes] = []
    enough = anyio.Event()
    if not after:
        enough.set()
    received: list[dict[str, Any]] = [{"type": "http.request", "body": json.dumps(ENDLESS).encode()}]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/models/eight-schools/prior-predictive",
        "raw_path": b"",
        "query_string": b"",
        "headers": [(b"accept", form.encode()), (b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        if received:
            return received.pop()
        if not enough.is_set():
            await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            pieces.append(message["body"])
        if len(pieces) >= after:
            enough.set()

    client.call(client.app, scope, receive, send)
    return sum(map(len, pieces))


@pytest.mark.parametrize("form", [JSON, NPZ, ARROW])
def test_a_client_that_goes_away_ends_the_work(shared: tuple[Client, Any], form: str) -> None:
    assert _left_alone(shared[0], form, after=3) > 0


def test_also_before_the_first_byte(shared: tuple[Client, Any]) -> None:
    assert _left_alone(shared[0], NETCDF, after=0) == 0
