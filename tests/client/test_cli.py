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
