"""`tacit models new` and `tacit models check`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tacit.client.cli import main
from tacit.client.commands.exits import Exit


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


def test_what_is_wrong_with_a_model_is_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("model = 1 / 0\n")
    shown = _run("check", str(path), expect=Exit.REFUSED).stdout
    assert shown.strip() == "PROBLEM  The file does not load: line 1: ZeroDivisionError: division by zero"
    body = json.loads(_run("check", str(path), "--json", expect=Exit.REFUSED).stdout)
    assert (body["passed"], body["picture"], body["findings"][0]["mark"]) == (False, None, "problem")
