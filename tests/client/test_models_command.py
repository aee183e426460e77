"""`tacit models new` and `tacit models check`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tacit.client.cli import main
from tacit.client.commands.exits import Exit
from tacit.settings import Settings
from tests.running import environment


def _run(*arguments: str, expect: int = 0) -> Result:
    result = CliRunner(catch_exceptions=False).invoke(main, ["models", *arguments])
    assert result.exit_code == expect, result.output
    return result


def test_a_new_model_passes_its_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "tacit models check frog_counts.py" in _run("new", "frog-counts").stdout
    text = Path("frog_counts.py").read_text()
    assert "File exists" in _run("new", "frog-counts", expect=1).stderr
    assert Path("frog_counts.py").read_text() == text
    assert "is not lower-case words" in _run("new", "Frogs", "-o", "other.py", expect=1).stderr
    shown = _run("check", "frog_counts.py", "--fits", "0").stdout
    assert "PROBLEM" not in shown
    assert "The picture is frog_counts-check.png." in shown
    assert f"TACIT_MODEL_PATH={tmp_path} tacit up" in shown
    assert shown.splitlines()[-1] == "  tacit fit frog-counts --example"
    assert Path("frog_counts-check.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_check_finds_what_the_first_compiled(tmp_path: Path) -> None:
    _run("new", "frog-counts", "-o", str(tmp_path / "frogs.py"))
    command = [sys.executable, "-m", "tacit.client.cli", "models", "check", "frogs.py", "--data-dir", "data"]
    command += ["--fits", "1", "--steps", "100", "--no-picture"]
    settings = Settings(data_dir=tmp_path / "elsewhere", redis_url=None, model_path=())
    env = {name: value for name, value in environment(settings).items() if name != "TACIT_JAX_CACHE_DIR"}
    compiled = []
    for _ in range(2):
        subprocess.run(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, timeout=250, check=True)
        compiled.append({path.name for path in (tmp_path / "data" / "jax-cache").glob("*-cache")})
    # Those that are kept on every machine: small ones, which take about as long as is worth keeping, may come later.
    large = [{name for name in each if name.startswith(("jit_chunk-", "jit_init-"))} for each in compiled]
    assert len(large[0]) >= 2
    assert large[1] == large[0]


def test_what_is_wrong_with_a_model_is_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("model = 1 / 0\n")
    shown = _run("check", str(path), expect=Exit.REFUSED).stdout
    assert shown.strip() == "PROBLEM  The file does not load: line 1: ZeroDivisionError: division by zero"
    body = json.loads(_run("check", str(path), "--json", expect=Exit.REFUSED).stdout)
    assert (body["passed"], body["picture"], body["findings"][0]["mark"]) == (False, None, "problem")


SLOW = """
import time
from pathlib import Path

for _ in range(1200):
    if Path("go").exists():
        break
    time.sleep(0.05)
model = 1 / 0
"""


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_what_goes_on_is_said_before_it_is_done(tmp_path: Path, terminal: bool) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "tacit.client.cli", "models", "check", "slow.py", "--data-dir", "data"]
    env = environment(Settings(data_dir=tmp_path / "data", redis_url=None, model_path=()))
    read, write = os.openpty() if terminal else os.pipe()
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=write) as process:
        os.close(write)
        said = ""
        while "Loading slow.py ..." not in said:
            # A terminal that nobody writes to any more is an error to read.
            piece = os.read(read, 1000)
            assert piece, said
            said += piece.decode()
        assert said.lstrip("\x1b[2m").startswith("Starting JAX ...")
        assert process.poll() is None, "it has said so while the file was still being loaded"
        (tmp_path / "go").touch()
        assert process.stdout is not None
        assert "ZeroDivisionError" in process.stdout.read().decode()
        assert process.wait() == Exit.REFUSED
    os.close(read)


def test_how_far_the_fits_are_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run("new", "frog-counts", "-o", str(tmp_path / "frogs.py"))
    found = _run("check", str(tmp_path / "frogs.py"), "--fits", "1", "--steps", "100", "--no-picture")
    assert "Fitting 1 made-up data sets, 100 steps each" in found.stderr
    assert "  1 of 1 done\n" in found.stderr
    assert "..." not in found.stdout
