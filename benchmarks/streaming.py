"""What answers with many draws cost the API: its memory, and how long others wait meanwhile.

    python -m benchmarks.streaming [--draws 10000 1000000]

Starts an API on a folder of its own, puts finished fits of eight schools into the store, and asks for draws in every
form while another client asks for `/livez` every few milliseconds. `memory` is how far the peak of the process's
resident memory rose above what it was before the request, in MiB. `waited` is the longest that `/livez` took. Every row
is asked once beforehand, so that nothing is compiled meanwhile; a row of a hundred times the draws should show the same
memory.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from app.formats import FORMATS
from model_registry import load_registry
from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import Outcome, Status, arrays, open_store, records
from tacit.fits.summary import summarize
from tacit.settings import Settings

MIB = 2**20
WARM_DRAWS = 2_000


class Api:
    """A running `tacit api`, seen from outside."""

    def __init__(self, settings: Settings, process: "subprocess.Popen[bytes]") -> None:
        self.settings = settings
        self.pid = process.pid
        self.address = f"http://127.0.0.1:{settings.port}"
        self.client = httpx.Client(base_url=self.address, timeout=600, trust_env=False)

    def memory(self, name: str) -> int:
        """`VmRSS` (now) or `VmHWM` (most since it was last reset), in bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

    def reset_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def finished_fit(self, draws: int) -> str:
        """The path of a fit of eight schools with so many stored draws, as if a worker had made them."""
        body = load_registry().get("eight-schools").describe()["example"] | {"draws": draws}
        answer = self.client.post("/v1/fits", json=body, headers={"Cache-Control": "no-cache"})
        assert answer.status_code == 202, answer.text
        store, fit_id = open_store(self.settings), answer.json()["id"]
        random = np.random.default_rng(0)
        mu, offset = random.normal(size=draws), random.normal(size=(draws, 8))
        values = {"mu": mu, "tau": np.exp(mu), "theta_offset": offset, "theta": mu[:, None] + offset}
        posterior = {name: value.astype(np.float32) for name, value in values.items()}
        store.begin_attempt(store.fit(fit_id), worker="benchmark", device="cpu")
        files = {
            "posterior.safetensors": arrays.to_bytes(posterior),
            "summary.json": records.to_json_bytes(summarize({name: value[:1000] for name, value in posterior.items()})),
        }
        written = {name: store.put_artefact(fit_id, 1, name, data) for name, data in files.items()}
        outcome = Outcome(status=Status.SUCCEEDED, finished_at=records.now(), attempt=1, artefacts=written)
        assert store.finish(fit_id, outcome)
        return f"/v1/fits/{fit_id}"


@contextmanager
def running_api(folder: Path, *, most_draws: int) -> Iterator[Api]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = EmbeddedRedis(folder / "redis")
    server.start()
    settings = Settings(data_dir=folder / "data", redis_url=server.url, port=port, max_draws=most_draws)
    process = subprocess.Popen(
        [sys.executable, "-m", "tacit.client.cli", "api"], env=os.environ | settings.environment(), stderr=sys.stderr
    )
    try:
        api = Api(settings, process)
        while True:
            try:
                api.client.get("/livez")
                break
            except httpx.TransportError:
                assert process.poll() is None, "the API did not start"
                time.sleep(0.1)
        yield api
    finally:
        process.terminate()
        process.wait()
        server.stop()


class Onlooker(threading.Thread):
    """Asks for `/livez` again and again, and keeps how long each answer took."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._over = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60, trust_env=False) as client:
            while not self._over.wait(0.005):
                began = time.perf_counter()
                client.get("/livez").raise_for_status()
                self.seconds.append(time.perf_counter() - began)

    def stop(self) -> None:
        self._over.set()
        self.join()


def fetch(api: Api, request: dict[str, Any], form: str) -> int:
    """Read an answer and forget it; its size in bytes."""
    with api.client.stream(**request, headers={"Accept": form}) as answer:
        if answer.status_code != 200:
            raise SystemExit(answer.read().decode())
        return sum(map(len, answer.iter_raw()))


def requests(path: str, draws: int) -> dict[str, dict[str, Any]]:
    sigma = [10.0] * 8
    prior = {"inputs": {"sigma": sigma}, "draws": draws, "vars": ["mu", "theta", "y"]}
    return {
        "posterior": {"method": "GET", "url": f"{path}/posterior"},
        "posterior-predictive": {
            "method": "POST",
            "url": f"{path}/posterior-predictive",
            "json": {"draws": draws, "vars": ["theta", "y"], "log_likelihood": True},
        },
        "quantiles": {
            "method": "POST",
            "url": f"{path}/posterior-predictive",
            "json": {"draws": draws, "quantiles": [0.05, 0.95]},
        },
        "prior-predictive": {"method": "POST", "url": "/v1/models/eight-schools/prior-predictive", "json": prior},
    }


def measure(api: Api, path: str, draws: int) -> None:
    for name, request in requests(path, draws).items():
        for form in FORMATS.values():
            if name == "quantiles" and form.suffix != "json":
                continue
            api.reset_peak()
            before = api.memory("VmRSS")
            onlooker = Onlooker(api.address)
            onlooker.start()
            began = time.perf_counter()
            size = fetch(api, request, form.media_type)
            seconds = time.perf_counter() - began
            onlooker.stop()
            risen = (api.memory("VmHWM") - before) / MIB
            waits = np.sort(onlooker.seconds) * 1000 if onlooker.seconds else np.zeros(1)
            print(
                f"| {name} | {form.suffix} | {draws:,} | {size / MIB:,.1f} | {seconds:.2f} | {max(0, risen):.1f} "
                f"| {np.quantile(waits, 0.99):.0f} | {waits[-1]:.0f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, nargs="+", default=[10_000, 1_000_000])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running_api(Path(name), most_draws=max(given.draws)) as api:
        warm = api.finished_fit(WARM_DRAWS)
        for request in requests(warm, WARM_DRAWS).values():
            for form in FORMATS:
                fetch(api, request, form)
        print(f"resident before: {api.memory('VmRSS') / MIB:.0f} MiB\n")
        print("| answer | form | draws | MiB sent | seconds | memory | /livez p99 ms | waited ms |")
        print("|---|---|---|---|---|---|---|---|")
        for draws in given.draws:
            measure(api, api.finished_fit(draws), draws)


if __name__ == "__main__":
    main()
