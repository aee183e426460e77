"""How soon a fit starts, and how soon it is cancelled.

    python -m benchmarks.response [--times 10]

Starts `tacit up` on a folder of its own. `begun` is the time from the acceptance of a fit to the record of its attempt,
when nothing waits before it; `first steps` from there to the report that its first 25 steps are made, in a process that
has fitted the same model with the same shapes before (so it is more than the time to the first step). Cancelling is
timed from before the request to the moment in the record that decides the fit: while it waits, right after it was
accepted, while it runs, and while it compiles a program that was never compiled. Meanwhile the worker's announcement,
which expires after ten seconds, is looked at every 50 ms.
"""

import argparse
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import redis

from tacit.embedded_redis import socket_path
from tacit.fits import FitStore, connections, keys, open_store, workers
from tacit.settings import Settings
from tests.running import Up, up, wait_for

BODY = {"model": "poisson-rate", "data": {"x": [8, 3, 5, 4, 6, 7, 3, 5, 4, 6]}, "draws": 200}
ENDLESS = 1_000_000
FIRST_WIDTH = 33  # of a ratio estimator that nobody asks for, so that it has to be compiled


class Announcements(threading.Thread):
    """Watches how old the announcement of the worker gets."""

    def __init__(self, connection: redis.Redis) -> None:
        super().__init__(daemon=True)
        self._connection = connection
        self._over = threading.Event()
        self.oldest_s = 0.0

    def run(self) -> None:
        (info,) = workers.live(self._connection)
        while not self._over.wait(0.05):
            left_ms = int(self._connection.pttl(keys.worker(info.name)))
            self.oldest_s = max(self.oldest_s, keys.WORKER_TTL_S - left_ms / 1000)

    def stop(self) -> None:
        self._over.set()
        self.join()


class Measurements:
    """Milliseconds by what was measured."""

    def __init__(self, service: Up, store: FitStore) -> None:
        self._service = service
        self._store = store
        self._seed = 0
        self.ms: defaultdict[str, list[float]] = defaultdict(list)

    def _post(self, **inference: int) -> str:
        self._seed += 1
        return str(self._service.post({**BODY, "inference": inference, "seed": self._seed})["id"])

    def start(self) -> None:
        """Fit once, and read from the events when it began to compute."""
        fit_id = self._post(steps=300)
        fit = self._service.wait_ended(fit_id)
        assert fit["status"] == "succeeded", fit
        items = self._service.client.get(f"/v1/fits/{fit_id}/events").json()["items"]
        began = _at(next(item for item in items if item["data"].get("status") == "running"))
        first = _at(next(item for item in items if item["type"] == "progress"))
        accepted = datetime.fromisoformat(fit["created_at"]).timestamp()
        self.ms["accepted to begun"].append(1000 * (began - accepted))
        self.ms["begun to first steps, warm"].append(1000 * (first - began))

    def cancel_waiting(self) -> None:
        running = self._post(steps=ENDLESS)
        self._service.wait_running(running)
        self._cancel("cancelled while it waits", self._post(steps=300))
        self._cancel("cancelled while it runs", running)

    def cancel_at_once(self) -> None:
        self._cancel("cancelled right after acceptance", self._post(steps=ENDLESS))

    def cancel_compiling(self, number: int) -> None:
        fit_id = self._post(steps=ENDLESS, width=FIRST_WIDTH + number)
        wait_for(lambda: self._service.fit(fit_id)["attempt"], what="the fit to begin")
        time.sleep(0.3)  # what compiles takes seconds, what precedes it takes less than this
        progress = self._service.fit(fit_id)["progress"]
        assert progress is None, f"it does not compile any more: {progress}"
        self._cancel("cancelled while it compiles", fit_id)
        self._service.wait_ended(self._post(steps=300))

    def _cancel(self, name: str, fit_id: str) -> None:
        asked = time.time()
        answer = self._service.client.post(f"/v1/fits/{fit_id}/cancel")
        assert answer.status_code in (200, 202), answer.text
        assert self._service.wait_ended(fit_id)["status"] == "cancelled"
        outcome = self._store.fit(fit_id).outcome
        assert outcome is not None
        self.ms[name].append(1000 * (outcome.finished_at.timestamp() - asked))


def _at(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["at"]).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name) / "data", redis_url=None)
        with up(settings, log=Path(name) / "log") as service:
            measurements = Measurements(service, open_store(settings))
            measurements.start()
            measurements.ms.clear()  # the first compiles
            announcements = Announcements(connections.quick(f"unix://{socket_path(settings.data_dir)}"))
            announcements.start()
            for number in range(given.times):
                steps: list[Callable[[], None]] = [
                    measurements.start,
                    measurements.cancel_waiting,
                    measurements.cancel_at_once,
                ]
                for step in steps:
                    step()
                measurements.cancel_compiling(number)
            announcements.stop()
    print("| milliseconds | times | median | longest |\n|---|---|---|---|")
    for what, values in measurements.ms.items():
        print(f"| {what} | {len(values)} | {median(values):.0f} | {max(values):.0f} |")
    print(f"\nThe worker's announcement was never older than {announcements.oldest_s:.1f} s.")


if __name__ == "__main__":
    main()
