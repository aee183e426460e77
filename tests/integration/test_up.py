"""`tacit up`: starts all, stops all, and outlives the death of any part."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from tacit.embedded_redis import socket_path
from tacit.fits import FitStore, Status, connections, keys
from tacit.settings import Settings
from tests.running import Up, alive, children, environment, kill, started, up, wait_for

POISSON = {"model": "poisson-rate", "data": {"x": [8, 3, 5, 4, 6, 7, 3, 5, 4, 6]}, "draws": 100, "seed": 1}
SHORT = {**POISSON, "inference": {"steps": 1000}}
# Long enough to be caught in the act, short enough to be run twice.
MIDDLE = {**POISSON, "inference": {"steps": 2500}}


class Surviving(NamedTuple):
    """A service, and the settings it runs on."""

    service: Up
    settings: Settings


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture(scope="module")
def surviving(tmp_path_factory: pytest.TempPathFactory, jax_cache: Path) -> Iterator[Surviving]:
    """A service whose parts are killed one after the other."""
    folder = tmp_path_factory.mktemp("surviving")
    settings = Settings(data_dir=folder / "data", jax_cache_dir=jax_cache, redis_url=None, model_path=(), port=0)
    with up(settings, log=folder / "log", reconcile_s=0.5) as service:
        yield Surviving(service, settings)


def _server(surviving: Surviving) -> redis.Redis:
    return connections.quick(f"unix://{socket_path(surviving.settings.data_dir)}")


def _processes(service: Up) -> list[int]:
    """Every process of a service."""
    direct = children(service.process.pid)
    return [service.process.pid, *direct.values(), *children(direct["worker"]).values()]


def test_ctrl_c_stops_everything(settings: Settings, log: Path) -> None:
    with up(settings, log=log) as service:
        processes = _processes(service)
        assert len(processes) == 5
        kill(service.process.pid, signal.SIGINT)
        assert service.process.wait(timeout=20) == 0
        assert not [pid for pid in processes if alive(pid)]


def test_streams_end_well_when_the_service_stops(settings: Settings, log: Path) -> None:
    with up(settings, log=log) as service:
        fit_id = service.post(MIDDLE)["id"]
        path, headers = f"/v1/fits/{fit_id}/events", {"accept": "text/event-stream"}
        with service.new_client() as client, client.stream("GET", path, headers=headers) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            kill(service.process.pid, signal.SIGINT)
            # A stream that is cut off instead would raise here.
            assert [line for line in lines if line.startswith("event:")]
        assert service.process.wait(timeout=20) == 0


def test_sigterm_stops_everything_and_a_running_fit_goes_on_later(
    settings: Settings, store: FitStore, log: Path
) -> None:
    with up(settings, log=log, stop_grace_s=0.2) as service:
        fit_id = service.post(MIDDLE)["id"]
        service.wait_running(fit_id)
        processes = _processes(service)
    assert service.process.returncode == 0
    assert not [pid for pid in processes if alive(pid)]
    fit = store.fit(fit_id)
    assert [(end.code, end.counts) for end in fit.ends] == [("interrupted", False)]
    with up(settings, log=log) as service:
        ended = service.wait_ended(fit_id)
        assert (ended["status"], ended["attempt"]) == ("succeeded", 2)
        assert ended["warnings"][-1] == "Attempt 1 ended early: The worker was stopped."


def test_a_second_up_says_who_is_first(settings: Settings, log: Path) -> None:
    with up(settings, log=log) as service:
        command = [sys.executable, "-m", "tacit.client.cli", "up", "--port", "0"]
        env = environment(settings, redis_url=None)
        second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 1
        assert f"in use by another `tacit up` (pid {service.process.pid})" in second.stderr
        port = service.address.rpartition(":")[2]
        command = [*command[:-1], port, "--data-dir", str(settings.data_dir.parent / "other")]
        third = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert third.returncode == 1
        assert f"Cannot listen on 127.0.0.1 port {port}: Address already in use." in third.stderr


def test_what_a_killed_up_accepted_the_next_one_does(settings: Settings, log: Path) -> None:
    with up(settings, log=log) as service:
        running, waiting = (service.post(body)["id"] for body in (MIDDLE, SHORT))
        service.wait_running(running)
        processes = _processes(service)
        kill(service.process.pid)
        service.process.wait()
        wait_for(lambda: not [pid for pid in processes if alive(pid)], what="the children to die with their parent")
    with up(settings, log=log) as service:
        fit = service.wait_ended(running)
        assert (fit["status"], fit["attempt"]) == ("succeeded", 2)
        assert service.wait_ended(waiting)["status"] == "succeeded"


def test_a_killed_worker_is_replaced_and_its_fit_done(surviving: Surviving) -> None:
    service = surviving.service
    fit_id = service.post(MIDDLE)["id"]
    service.wait_running(fit_id)
    worker = service.child("worker")
    computing = children(worker)["worker.child"]
    kill(worker)
    wait_for(lambda: not alive(computing), what="the computing process to die with its worker")
    fit = service.wait_ended(fit_id)
    assert (fit["status"], fit["attempt"]) == ("succeeded", 2)


def test_a_killed_api_is_replaced_while_clients_wait(surviving: Surviving) -> None:
    service = surviving.service
    fit_id = service.post(MIDDLE)["id"]
    service.wait_running(fit_id)
    before = service.child("api")
    kill(before)
    wait_for(lambda: not alive(before), what="the API to die")
    # The listening socket lives on: this request waits for the next API instead of being refused.
    with service.new_client() as client:
        assert client.get(f"/v1/fits/{fit_id}").status_code == 200
    assert service.child("api") != before
    fit = service.wait_ended(fit_id)
    assert (fit["status"], fit["attempt"]) == ("succeeded", 1)


def test_a_killed_server_is_replaced_and_nothing_is_lost(surviving: Surviving) -> None:
    service = surviving.service
    running, waiting = (service.post(body)["id"] for body in (MIDDLE, SHORT))
    service.wait_running(running)
    before = service.child("server")
    kill(before)
    wait_for(lambda: children(service.process.pid).get("server", before) != before, what="another server")
    for fit_id in (running, waiting):
        fit = service.wait_ended(fit_id)
        assert (fit["status"], fit["attempt"]) == ("succeeded", 1)


def test_wiping_redis_loses_no_accepted_fit(surviving: Surviving) -> None:
    service = surviving.service
    fits = [service.post(body)["id"] for body in (MIDDLE, SHORT, SHORT)]
    service.wait_running(fits[0])
    with _server(surviving) as connection:
        connection.flushdb()
    for fit_id in fits:
        assert service.wait_ended(fit_id)["status"] == "succeeded"
    with _server(surviving) as connection:
        wait_for(lambda: not connection.exists(keys.queue_list("cpu")), what="the queue to be empty")


def test_a_part_that_cannot_start_ends_the_whole(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "store").write_text("no folder")
    command = [sys.executable, "-m", "tacit.client.cli", "up", "--port", "0"]
    env = environment(settings, redis_url=None)
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "its messages are above" in ended.stderr
    assert "The store cannot open" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_api_that_is_told_to_stop_ends_well(settings: Settings, log: Path, number: signal.Signals) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with started("api", "--port", str(port), env=environment(settings), log=log) as process:
        wait_for(lambda: "Uvicorn running" in log.read_text(), what="the API to listen")
        kill(process.pid, number)
        assert process.wait(timeout=20) == 0, log.read_text()


def test_an_external_server_is_used_when_named(settings: Settings, log: Path, store: FitStore) -> None:
    assert settings.redis_url is not None
    with up(settings, log=log, redis_url=settings.redis_url) as service:
        assert set(children(service.process.pid)) == {"api", "worker"}
        fit_id = service.post(SHORT)["id"]
        assert service.wait_ended(fit_id)["status"] == "succeeded"
    assert not socket_path(settings.data_dir).exists()
    assert store.fit(fit_id).status is Status.SUCCEEDED
