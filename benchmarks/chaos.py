"""Whether fits survive: clients ask for fits while every part of the service is killed again and again.

    python -m benchmarks.chaos [--seed 1] [--fits 200] [--clients 20] [--kills 20] [--wipes 3]

The fits are made once in peace. Then a service on another folder gets the same requests from clients that repeat what
was not answered, under the same `Idempotency-Key`, while at random moments its computing process, its worker, its API
and its server are killed with -9 and its Redis is emptied. In the end every request has to stand for exactly one fit,
which succeeded, never went back from a state to an earlier one, and has the draws of the peaceful run, bit for bit.
The exit status says so. Linux only: it looks for processes in /proc.

How long a part needs to start differs from machine to machine. So the random waits between two disturbances pass ten
times more slowly while nothing is computed: parts that are just starting are hit, but not they alone.
"""

import argparse
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis

from tacit.embedded_redis import socket_path
from tacit.fits import FitStore, Status, connections, keys, open_store, workers
from tacit.settings import Settings
from tests.running import Up, alive, children, up
from worker.transport import open_queue, requeue

DATA = {"x": [8, 3, 5, 4, 6, 7, 3, 5, 4, 6]}
PARTS = ("computing process", "worker", "API", "server")
WIPE = "Redis wiped"
RANK = {"queued": 0, "running": 1, "succeeded": 2, "failed": 2, "cancelled": 2}
# Nothing is disturbed any more: whatever has not ended this long after the last kill is stuck.
STUCK_S = 300.0
POLL_S = 0.3
# How fast the wait for the next disturbance passes while nothing is computed.
SLOWLY = 0.1
LOOK_S = 0.05
# A part that cannot be killed for so long does not start by itself.
IDLE_S = 30.0


def bodies(count: int, steps: int) -> list[dict[str, Any]]:
    """The requests: cheap fits that differ by their seed."""
    common = {"model": "poisson-rate", "data": DATA, "inference": {"steps": steps}, "draws": 200}
    return [{**common, "seed": seed} for seed in range(count)]


@dataclass
class Asked:
    """A request, and what its client knows of the fit that it became."""

    body: dict[str, Any]
    key: str
    due: float
    fit_id: str | None = None
    status: str = "queued"
    problems: list[str] = field(default_factory=list)

    def saw(self, fit: dict[str, Any]) -> None:
        """Note where the fit stands; it may stay there or go on."""
        if RANK[fit["status"]] < RANK[self.status] or (RANK[self.status] == 2 and fit["status"] != self.status):
            self.problems.append(f"went from {self.status} to {fit['status']}")
        self.status = fit["status"]

    @property
    def ended(self) -> bool:
        return RANK[self.status] == 2


class Client(threading.Thread):
    """Asks for fits, each when so many disturbances are over, and follows them; repeats what was not answered."""

    def __init__(
        self, service: Up, asked: list[Asked], killer: "Killer", chance: random.Random, over: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self._http = service.new_client()
        self._asked = asked
        self._killer = killer
        self._chance = chance
        self._over = over
        self.answers: Counter[str] = Counter()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with self._http:
                self._follow()
        except Exception as error:
            self.error = error

    def _follow(self) -> None:
        turns: Iterator[Asked] = itertools.cycle(self._asked)
        while not self._over.is_set() and not all(asked.ended for asked in self._asked):
            for asked in self._asked:
                if asked.fit_id is None and self._killer.done.total() >= asked.due:
                    self._ask(asked)
            asked = next(turns)
            if asked.fit_id is not None and not asked.ended:
                asked.saw(self._until_answered("GET", f"/v1/fits/{asked.fit_id}"))
            self._over.wait(POLL_S * self._chance.uniform(0.5, 1.5))

    def _ask(self, asked: Asked) -> None:
        # Without no-cache a request that was made into two fits would be hidden by the search for twins.
        headers = {"Idempotency-Key": asked.key, "Cache-Control": "no-cache"}
        fit = self._until_answered("POST", "/v1/fits", json=asked.body, headers=headers)
        asked.fit_id = fit["id"]
        asked.saw(fit)

    def _until_answered(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The answer, at last; every try that had none is counted by its reason."""
        while True:
            try:
                answer = self._http.request(method, path, **request)
            except httpx.TransportError as error:
                self.answers[f"{method}: {type(error).__name__}"] += 1
            else:
                self.answers[f"{method}: {answer.status_code}"] += 1
                if answer.status_code in (200, 202):
                    found: dict[str, Any] = answer.json()
                    return found
                if answer.status_code not in (409, 429, 503):
                    raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
            if self._over.wait(self._chance.uniform(0.1, 1.0)):
                raise AssertionError(f"{method} {path} was never answered")


class Killer:
    """Kills parts of a running service, and wipes its Redis."""

    def __init__(self, service: Up, settings: Settings, chance: random.Random) -> None:
        self._service, self._settings = service, settings
        self._server = connections.quick(f"unix://{socket_path(settings.data_dir)}")
        self._chance = chance
        self._killed: set[int] = set()
        self.done: Counter[str] = Counter(dict.fromkeys((*PARTS, WIPE), 0))

    def disturb(self, planned: list[str], *, gap_s: float) -> None:
        """Do all that is planned, at random moments that are `gap_s` apart on average."""
        for what in planned:
            left = self._chance.expovariate(1 / gap_s)
            while left > 0:
                time.sleep(LOOK_S)
                left -= LOOK_S * (1 if self._is_at_work() else SLOWLY)
            since = time.monotonic()
            while not self._does(what):  # it is down just now
                time.sleep(self._chance.uniform(0.05, 0.5))
                if time.monotonic() - since > IDLE_S:
                    self._wake()
                    since = time.monotonic()
            self.done[what] += 1

    def _wake(self) -> None:
        """An idle worker whose computing process was killed starts another with its next job: one for a fit that has
        ended, which it drops."""
        store = open_store(self._settings)
        fits = map(store.fit, filter(store.exists, store.fit_ids()))
        fit = next((fit for fit in fits if fit.status is Status.SUCCEEDED), None)
        if fit is not None:
            with suppress(redis.RedisError):
                requeue(open_queue(self._server, "cpu"), fit.request)

    def _is_at_work(self) -> bool:
        """Whether a computing process lives that is between two fits, or gets on with one."""
        try:
            living = [info for info in workers.live(self._server) if alive(info.child_pid)]
            return any(info.fit is None or self._server.exists(keys.progress(info.fit)) for info in living)
        except redis.RedisError:
            return False

    def _does(self, what: str) -> bool:
        if self._service.process.poll() is not None:
            raise AssertionError("the service ended")
        try:
            return bool(self._server.flushall()) if what == WIPE else self._kill(what)
        except (redis.RedisError, OSError):
            return False

    def _kill(self, part: str) -> bool:
        running = children(self._service.process.pid)
        if part == "computing process":
            pid = children(running["worker"]).get("worker.child") if "worker" in running else None
        else:
            pid = running.get(part.lower())
        if pid is None or pid in self._killed or not alive(pid):
            return False
        os.kill(pid, signal.SIGKILL)
        self._killed.add(pid)
        return True


def draws(service: Up, fit_id: str) -> bytes:
    """The stored draws of a fit, as the canonical text of exact numbers."""
    answer = service.client.get(f"/v1/fits/{fit_id}/posterior")
    assert answer.status_code == 200, answer.text
    return json.dumps(answer.json()["vars"], sort_keys=True).encode()


def in_peace(settings: Settings, requests: list[dict[str, Any]]) -> tuple[list[bytes], float]:
    """The draws of every request when nothing is disturbed, and the seconds that a fit took."""
    with up(settings, log=settings.data_dir.parent / "log") as service:
        began = time.monotonic()
        ids = [service.post(body)["id"] for body in requests]
        ended = [wait_ended(service, fit_id) for fit_id in ids]
        assert all(fit["status"] == "succeeded" for fit in ended), ended
        seconds = time.monotonic() - began
        return [draws(service, fit_id) for fit_id in ids], seconds / len(ids)


def wait_ended(service: Up, fit_id: str) -> dict[str, Any]:
    """The fit when it has ended, without asking all the time."""
    while True:
        answer = service.client.get(f"/v1/fits/{fit_id}", params={"wait": 20})
        assert answer.status_code == 200, answer.text
        fit: dict[str, Any] = answer.json()
        if RANK[fit["status"]] == 2:
            return fit


def plan(given: argparse.Namespace, chance: random.Random) -> list[str]:
    """Everything that is to be done to the service, in random order."""
    planned = [part for part in PARTS for _ in range(given.kills)] + [WIPE] * given.wipes
    chance.shuffle(planned)
    return planned


def in_chaos(
    settings: Settings, given: argparse.Namespace, requests: list[dict[str, Any]], peaceful: list[bytes]
) -> bool:
    """Disturb a service, and print what became of the fits; whether all is well."""
    chance = random.Random(given.seed)
    # A checkpoint after every chunk; three kills before the first one are bad luck here, and no fault of the fit.
    settings = settings.model_copy(update={"checkpoint_s": 0, "max_attempts": 100})
    planned = plan(given, chance)
    asked = [Asked(body, f"chaos-{n}", chance.uniform(0, 0.9 * len(planned))) for n, body in enumerate(requests)]
    over = threading.Event()
    with up(settings, log=settings.data_dir.parent / "log") as service:
        began = time.monotonic()
        seeds = [chance.random() for _ in range(given.clients)]
        killer = Killer(service, settings, chance)
        clients = [
            Client(service, asked[n :: given.clients], killer, random.Random(seeds[n]), over)
            for n in range(given.clients)
        ]
        for client in clients:
            client.start()
        killer.disturb(planned, gap_s=given.gap)
        disturbed_s = time.monotonic() - began
        for client in clients:
            client.join(max(0.0, began + disturbed_s + STUCK_S - time.monotonic()))
        over.set()
        for client in clients:
            client.join()
        settled_s = time.monotonic() - began - disturbed_s
        wrong = [str(client.error) for client in clients if client.error is not None]
        wrong += verdicts(service, open_store(settings), asked, peaceful)
        with connections.quick(f"unix://{socket_path(settings.data_dir)}") as server:
            if server.llen(keys.queue_list("cpu")):
                wrong.append("the queue is not empty")
    report(given, killer.done, clients, asked, open_store(settings), disturbed_s, settled_s)
    print("\n".join(f"- WRONG: {each}" for each in wrong) or "Nothing was wrong.")
    return not wrong


def verdicts(service: Up, store: FitStore, asked: list[Asked], peaceful: list[bytes]) -> list[str]:
    """What is wrong with the fits, in words."""
    wrong = [f"seed {each.body['seed']}: {problem}" for each in asked for problem in each.problems]
    for each, expected in zip(asked, peaceful, strict=True):
        name = f"seed {each.body['seed']}, {each.fit_id}"
        if each.fit_id is None:
            wrong.append(f"{name}: never accepted")
            continue
        fit = service.fit(each.fit_id)
        if fit["status"] != "succeeded":
            wrong.append(f"{name}: {fit['status']} ({each.status} to its client), {fit['error']}")
        elif draws(service, each.fit_id) != expected:
            wrong.append(f"{name}: other draws than in peace")
        events = [event["type"] for event in all_events(service, each.fit_id)]
        if events.count("terminal") != 1 or events[-1] != "terminal":
            wrong.append(f"{name}: it did not end once, but as {events}")
        headers = {"Idempotency-Key": each.key, "Cache-Control": "no-cache"}
        again = service.client.post("/v1/fits", json=each.body, headers=headers)
        if again.json().get("id") != each.fit_id:
            wrong.append(f"{name}: its key now stands for {again.text}")
    known = {each.fit_id for each in asked}
    # What a killed API had begun to store and never accepted is no fit; `tacit gc` removes it.
    strangers = [fit_id for fit_id in store.fit_ids() if fit_id not in known and store.exists(fit_id)]
    wrong += [f"{fit_id}: nobody was told of this fit" for fit_id in strangers]
    wrong += [f"{fit_id}: marked as unfinished" for fit_id in store.open_fits()]
    if len(known) != len(asked):
        wrong.append(f"{len(asked)} requests stand for {len(known)} fits")
    return wrong


def all_events(service: Up, fit_id: str) -> list[dict[str, Any]]:
    answer = service.client.get(f"/v1/fits/{fit_id}/events", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def report(
    given: argparse.Namespace,
    done: Counter[str],
    clients: list[Client],
    asked: list[Asked],
    store: FitStore,
    disturbed_s: float,
    settled_s: float,
) -> None:
    """Print the figures as Markdown."""
    fits = [store.fit(each.fit_id) for each in asked if each.fit_id is not None]
    attempts = Counter(len(fit.attempts) for fit in fits)
    resumed = sum(fit.outcome is not None and fit.outcome.first_step > 0 for fit in fits)
    answers: Counter[str] = sum((client.answers for client in clients), Counter())
    waits = sorted((fit.outcome.finished_at - fit.request.created_at).total_seconds() for fit in fits if fit.outcome)
    succeeded = sum(fit.status is Status.SUCCEEDED for fit in fits)
    rows = {
        "seed": given.seed,
        "fits asked for, by clients": f"{given.fits}, {given.clients}",
        **{f"kill -9 of the {part}": done[part] for part in PARTS},
        "Redis wiped (FLUSHALL)": done[WIPE],
        "disturbed for": f"{disturbed_s:.0f} s; all had ended {settled_s:.0f} s later",
        "answers to clients": ", ".join(f"{name} x {count}" for name, count in sorted(answers.items())),
        "fits accepted, succeeded": f"{len(fits)}, {succeeded}",
        "fits by number of attempts": ", ".join(f"{n}: {count}" for n, count in sorted(attempts.items())),
        "fits that ended from a checkpoint": resumed,
        "from acceptance to end": f"median {waits[len(waits) // 2]:.1f} s, longest {waits[-1]:.1f} s" if waits else "",
    }
    print("| | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    print()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--kills", type=int, default=20, help="of each part")
    parser.add_argument("--wipes", type=int, default=3)
    parser.add_argument("--gap", type=float, default=3.0, help="seconds between two disturbances, on average")
    parser.add_argument("--steps", type=int, default=400, help="of each fit")
    parser.add_argument("--folder", type=Path, help="keep data and logs here; else they are removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        peace, chaos = (_settings(folder, name) for name in ("peace", "chaos"))
        requests = bodies(given.fits, given.steps)
        peaceful, seconds = in_peace(peace, requests)
        print(f"In peace a fit takes {seconds:.2f} s.\n", flush=True)
        return 0 if in_chaos(chaos, given, requests, peaceful) else 1


def _settings(folder: Path, name: str) -> Settings:
    """A fresh data folder; what the first service has compiled, the second need not compile again."""
    (folder / name).mkdir(parents=True)
    return Settings(data_dir=folder / name / "data", jax_cache_dir=folder / "jax-cache", redis_url=None, model_path=())


if __name__ == "__main__":
    sys.exit(main())
