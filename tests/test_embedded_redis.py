import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tacit.embedded_redis import EmbeddedRedis, find_server, running_url, socket_path
from tacit.errors import UnavailableError
from tacit.fits import connections

_OWNER = """
import sys, time
from pathlib import Path
from tacit.embedded_redis import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]))
server.start()
print(server.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path)
    yield server
    server.stop()


def _client(server: EmbeddedRedis) -> redis.Redis:
    return connections.quick(server.url)


def test_it_keeps_what_it_acknowledged_when_killed(server: EmbeddedRedis, tmp_path: Path) -> None:
    server.start()
    with _client(server) as client:
        client.set("a", "1")
    server.process.kill()
    server.process.wait()
    assert running_url(tmp_path) is None
    server.start()
    assert running_url(tmp_path) == server.url
    with _client(server) as client:
        assert client.get("a") == b"1"


def test_only_its_owner_can_reach_it(server: EmbeddedRedis, tmp_path: Path) -> None:
    server.start()
    path = socket_path(tmp_path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    with _client(server) as client:
        assert client.config_get("port") == {"port": "0"}


def test_an_open_folder_is_refused(server: EmbeddedRedis, tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir(mode=0o777)
    (tmp_path / "redis").chmod(0o777)
    with pytest.raises(UnavailableError, match="closed to others"):
        server.start()


@pytest.mark.parametrize("hangs", [False, True], ids=["alive", "hung"])
def test_a_server_left_behind_is_ended_and_its_data_kept(
    server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr("tacit.embedded_redis._STOP_GRACE_S", 0.5)
    # Whoever started it has forgotten it.
    left = EmbeddedRedis(tmp_path)
    left.start()
    with _client(left) as client:
        client.set("a", "1")
    if hangs:
        os.kill(left.process.pid, signal.SIGSTOP)
    server.start()
    assert left.process.wait(timeout=5) in (0, -signal.SIGKILL)
    with _client(server) as client:
        assert client.get("a") == b"1"


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_it_dies_with_its_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout as shown:
        pid = int(shown.readline())
        descriptor = os.pidfd_open(pid)
        owner.kill()
        owner.wait()
    try:
        assert select.select([descriptor], [], [], 5)[0], "the server still lives"
    finally:
        os.close(descriptor)


def test_a_file_it_cannot_load_is_set_aside(server: EmbeddedRedis, tmp_path: Path) -> None:
    server.start()
    with _client(server) as client:
        client.set("a", "1")
    server.stop()
    for path in (tmp_path / "redis").glob("appendonlydir/*.aof"):
        path.write_bytes(b"this is no append-only file")
    server.start()
    with _client(server) as client:
        assert client.get("a") is None
    aside = list((tmp_path / "redis").glob("unreadable-*/appendonlydir/*.aof"))
    assert [path.read_bytes() for path in aside] == [b"this is no append-only file"]


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    server = EmbeddedRedis(folder)
    try:
        server.start()
        assert len(os.fsencode(socket_path(folder))) <= 100
        assert running_url(folder) == server.url
    finally:
        server.stop()
        socket_path(folder).parent.rmdir()


def test_a_server_on_the_path_is_preferred_if_recent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = find_server()
    for name, version in (("redis-server", "6.0.16"), ("valkey-server", "8.1.0")):
        fake = tmp_path / name
        fake.write_text(f"#!/bin/sh\necho 'server v={version} sha=0'\n")
        fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_server() == tmp_path / "valkey-server"
    (tmp_path / "valkey-server").unlink()
    assert find_server() == ours
