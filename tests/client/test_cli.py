import os
import pty
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tacit.settings import Settings
from tests.running import environment


def _tacit(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tacit.client.cli", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_version() -> None:
    shown = _tacit("--version")
    assert (shown.returncode, shown.stdout.split()[-1]) == (0, version("tacit"))


@pytest.mark.parametrize("part", ["api", "worker"])
def test_a_part_alone_needs_a_server(part: str, tmp_path: Path) -> None:
    env = environment(Settings(data_dir=tmp_path, redis_url=None, model_path=()))
    shown = _tacit(part, env=env)
    assert shown.returncode == 1
    assert "set REDIS_URL, or start everything with `tacit up`" in shown.stderr


def test_settings_that_make_no_sense_are_named(tmp_path: Path) -> None:
    shown = _tacit("up", "--port", "70000", "--data-dir", str(tmp_path))
    assert shown.returncode == 1
    assert "setting port: Input should be less than or equal to 65535" in shown.stderr


@pytest.mark.parametrize("command", [["up"], ["worker"], ["keys", "list"]])
def test_a_misspelt_setting_is_named_before_anything_starts(command: list[str], tmp_path: Path) -> None:
    env = environment(Settings(data_dir=tmp_path / "data", redis_url=None, model_path=()))
    shown = _tacit(*command, env=env | {"TACIT_MODELPATH": "models", "TACIT_URL": "http://127.0.0.1:8000"})
    assert shown.returncode == 1
    assert "TACIT_MODELPATH is no setting (did you mean TACIT_MODEL_PATH?)" in shown.stderr
    assert not (tmp_path / "data").exists()


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path))
    made = _tacit("keys", "create", "--name", "nightly runs", "--scope", "read", *data)
    assert made.returncode == 0, made.stderr
    key_id = made.stderr.split()[0]
    assert made.stdout.startswith("tacit_")
    line = _tacit("keys", "list", *data).stdout.strip().split("\t")
    assert (line[0], line[1], line[2], *line[4:]) == (key_id, "read", key_id, "good", "nightly runs")
    assert _tacit("keys", "revoke", key_id, *data).stdout == f"{key_id} is revoked.\n"
    assert "\trevoked " in _tacit("keys", "list", *data).stdout
    unknown = _tacit("keys", "revoke", "key_1", *data)
    assert (unknown.returncode, unknown.stderr) == (1, "Error: There is no key 'key_1'.\n")


@pytest.mark.parametrize("part", ["up", "api"])
def test_the_network_is_refused_without_keys(part: str, tmp_path: Path) -> None:
    env = environment(Settings(data_dir=tmp_path, redis_url="redis://127.0.0.1:1", model_path=()))
    shown = _tacit(part, "--host", "0.0.0.0", "--port", "0", env=env)
    assert shown.returncode == 1
    assert "Make an API key first" in shown.stderr


def test_that_all_is_ready_stands_out_on_a_terminal_and_is_one_line_for_programs(tmp_path: Path) -> None:
    call = f"import pathlib, tacit.client.cli as cli; cli._announce('http://h', pathlib.Path({str(tmp_path)!r}))"
    line = f"Tacit is ready at http://h (data in {tmp_path}; Ctrl-C stops it)"
    command = [sys.executable, "-c", call]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == f"{line}\n"
    seen, terminal = pty.openpty()
    try:
        subprocess.run(command, stdout=terminal, timeout=60, check=True)
        shown = os.read(seen, 4096).decode().replace("\r\n", "\n")
    finally:
        os.close(terminal)
        os.close(seen)
    before, after = shown.split(line)
    assert ("\x1b[1m" in before, before.count("\n"), after.count("\n")) == (True, 1, 2)
