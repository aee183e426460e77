"""How long `GET /v1/fits/{id}` takes while many ask, many follow events, and fits run.

    python -m benchmarks.load [--pollers 1000] [--streams 200] [--every 5] [--seconds 60] [--seed 1]

Starts `tacit up` on a folder of its own and keeps it busy with fits, one running and some waiting. Each poller asks for
one of them, at random, and again `--every` seconds after it was answered. Each stream follows the events of a fit to
its end, then those of another. A poll that is not answered by 200, a stream that breaks off before its `terminal`
event or tells ids that do not grow, is a failure, and the exit status says so.

Clients and service share the machine: what the clients compute, others wait for. So they speak HTTP by hand.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tacit.settings import Settings
from tests.running import up

BODY = {"model": "poisson-rate", "data": {"x": [8, 3, 5, 4, 6, 7, 3, 5, 4, 6]}, "draws": 200}
UNFINISHED = 10


class Connection:
    """One keep-alive connection; opened again when the server, which closes idle ones, has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.close()
        self._reader, self._writer = await asyncio.open_connection(*self._address, limit=2**20)
        return self._reader, self._writer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def request(self, method: str, path: str, *, accept: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
        """Ask; the status and the headers of the answer, whose body is still to be read."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._address[0]}", f"Accept: {accept}"]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        message = "\r\n".join([*lines, "", ""]).encode() + body
        reused = self._reader is not None and not self._reader.at_eof()
        try:
            return await self._exchange(message, fresh=not reused)
        except (asyncio.IncompleteReadError, ConnectionError):
            if not reused:
                raise
            return await self._exchange(message, fresh=True)

    async def _exchange(self, message: bytes, *, fresh: bool) -> tuple[int, dict[str, str]]:
        if fresh:
            await self.open()
        assert self._reader is not None
        assert self._writer is not None
        self._writer.write(message)
        await self._writer.drain()
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers

    async def json(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Ask for JSON; the status and what was answered."""
        encoded = b"" if body is None else json.dumps(body).encode()
        status, headers = await self.request(method, path, accept="application/json", body=encoded)
        assert self._reader is not None
        return status, json.loads(await self._reader.readexactly(int(headers["content-length"])))

    async def chunk(self) -> bytes:
        """The next part of an answer that is sent in chunks; nothing at its end."""
        assert self._reader is not None
        size = int(await self._reader.readline(), 16)
        return (await self._reader.readexactly(size + 2))[:-2]


@dataclass
class Seen:
    """What the clients have seen."""

    poll_s: list[float] = field(default_factory=list)
    stream_first_s: list[float] = field(default_factory=list)
    events: int = 0
    streams_ended: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)


class Load:
    """Clients of a running service."""

    def __init__(self, address: str, given: argparse.Namespace) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        assert parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self._given = given
        self._chance = random.Random(given.seed)
        self._fits: list[str] = []
        self._over = asyncio.Event()
        self.made = 0
        self.seen = Seen()

    async def run(self) -> None:
        """Load the service for a while, then cancel what is left and see everything end."""
        filled = asyncio.Event()
        feeder = asyncio.create_task(self._feed(filled))
        await filled.wait()
        tasks = [asyncio.create_task(self._stream()) for _ in range(self._given.streams)]
        tasks += [asyncio.create_task(self._poll()) for _ in range(self._given.pollers)]
        await asyncio.sleep(self._given.seconds)
        self._over.set()
        await asyncio.gather(feeder, *tasks)

    async def _feed(self, filled: asyncio.Event) -> None:
        """Keep some fits unfinished; cancel them when all is over."""
        connection = Connection(self._host, self._port)
        while not self._over.is_set():
            for fit_id in list(self._fits):
                _, fit = await connection.json("GET", f"/v1/fits/{fit_id}")
                if fit["status"] not in ("queued", "running"):
                    self._fits.remove(fit_id)
            while len(self._fits) < UNFINISHED:
                body = {**BODY, "inference": {"steps": self._given.steps}, "seed": self.made}
                status, fit = await connection.json("POST", "/v1/fits", body)
                assert status == 202, fit
                self._fits.append(fit["id"])
                self.made += 1
            filled.set()
            await self._pause(1.0)
        for fit_id in self._fits:
            await connection.json("POST", f"/v1/fits/{fit_id}/cancel")
        connection.close()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    async def _poll(self) -> None:
        connection = Connection(self._host, self._port)
        await self._pause(self._chance.uniform(0, self._given.every))
        while not self._over.is_set():
            began = time.perf_counter()
            try:
                status, fit = await connection.json("GET", f"/v1/fits/{self._chance.choice(self._fits)}")
            except (OSError, asyncio.IncompleteReadError) as error:
                self.seen.failures[f"poll: {type(error).__name__}"] += 1
                connection.close()
            else:
                self.seen.poll_s.append(time.perf_counter() - began)
                if status != 200:
                    self.seen.failures[f"poll: {status}"] += 1
                else:
                    self.seen.statuses[fit["status"]] += 1
            await self._pause(self._given.every)
        connection.close()

    async def _stream(self) -> None:
        while not self._over.is_set():
            connection = Connection(self._host, self._port)
            # The oldest fit is the one that runs.
            fit_id = self._fits[0] if self._chance.random() < self._given.running else self._chance.choice(self._fits)
            try:
                await self._follow(connection, f"/v1/fits/{fit_id}/events")
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                self.seen.failures[f"stream: {type(error).__name__} {error}"] += 1
            connection.close()

    async def _follow(self, connection: Connection, path: str) -> None:
        began = time.perf_counter()
        status, _ = await connection.request("GET", path, accept="text/event-stream")
        if status != 200:
            raise ValueError(f"status {status}")
        last, text, first = 0, "", True
        while chunk := await connection.chunk():
            *events, text = (text + chunk.decode()).split("\n\n")
            for event in events:
                fields = dict(line.partition(": ")[::2] for line in event.splitlines())
                if "id" not in fields:
                    continue
                if first:
                    self.seen.stream_first_s.append(time.perf_counter() - began)
                    first = False
                if int(fields["id"]) <= last:
                    raise ValueError("ids do not grow")
                last = int(fields["id"])
                self.seen.events += 1
                if fields["event"] == "terminal":
                    self.seen.streams_ended += 1
                    return
        raise ValueError("it ended without a terminal event")


def processor_s(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(given: argparse.Namespace, load: Load, seconds: float, computed_s: float) -> None:
    """Print the figures as Markdown."""
    seen = load.seen
    each_ms = 1000 * computed_s / (len(seen.poll_s) + seen.events)
    rows = {
        "seed": given.seed,
        "pollers, streams": f"{given.pollers:,}, {given.streams}",
        "a poller asks again after": f"{given.every:g} s",
        "streams on the fit that runs": f"{given.running:.0%} and those that meet it by chance",
        "seconds": f"{seconds:.0f}",
        "fits accepted meanwhile": load.made,
        "polls, per second": f"{len(seen.poll_s):,}, {len(seen.poll_s) / seconds:.0f}",
        "`GET /v1/fits/{id}`": _milliseconds(seen.poll_s),
        "events told, streams ended": f"{seen.events:,}, {seen.streams_ended}",
        "first event of a stream": _milliseconds(seen.stream_first_s),
        "processor time of the API": f"{computed_s:.0f} s; {each_ms:.1f} ms for each poll or event told",
        "failures": ", ".join(f"{name} x {count}" for name, count in seen.failures.items()) or 0,
    }
    print("| | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


def _milliseconds(seconds: list[float]) -> str:
    median, p99, most = 1000 * np.quantile(seconds, [0.5, 0.99, 1])
    return f"median {median:.0f} ms, p99 {p99:.0f} ms, longest {most:.0f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pollers", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--every", type=float, default=5.0, help="seconds from an answer to the next question")
    parser.add_argument("--running", type=float, default=0.0, help="share of streams that choose the running fit")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--steps", type=int, default=4000, help="of each fit")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(data_dir=folder / "data", redis_url=None)
        with up(settings, log=folder / "log") as service:
            load = Load(service.address, given)
            api = service.child("api")
            began, before_s = time.monotonic(), processor_s(api)
            asyncio.run(load.run())
            report(given, load, time.monotonic() - began, processor_s(api) - before_s)
    return 1 if load.seen.failures else 0


if __name__ == "__main__":
    sys.exit(main())
