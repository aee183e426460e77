"""What docs/client.md and docs/cli.md show runs."""

import re
from pathlib import Path

import pytest

from tacit.client.commands.exits import Exit
from tests.docs.pages import read
from tests.running import Up

DOCS = Path(__file__).parents[2] / "docs"


def test_the_client_page(
    service: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TACIT_URL", service.address)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "client.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "client.md", "exec"), names)
    shown = capsys.readouterr().out
    # What comments say is printed.
    for line in re.findall(r"^ *print\(.*\)  # (/.*)$", "\n".join(blocks), flags=re.MULTILINE):
        assert line in shown
    assert "theta[7]" in shown
    assert "\n(1, 500, 2)\n" in shown
    assert (tmp_path / "posterior.nc").exists()
    names["client"].close()  # type: ignore[attr-defined]


@pytest.mark.timeout(900)  # a dozen commands, and programs are compiled for most of them
def test_the_page_of_the_command_line(service: Up, tmp_path: Path, jax_cache: Path) -> None:
    read(DOCS / "cli.md", service, tmp_path, jax_cache)
    assert {path.name for path in tmp_path.iterdir()} == {"counts.json", "posterior.nc", "prior.nc"}


def test_the_page_of_the_command_line_lists_all_exit_codes() -> None:
    listed = re.findall(r"^\| (\d+) \|", (DOCS / "cli.md").read_text(), flags=re.MULTILINE)
    assert sorted(map(int, listed)) == sorted({0, 2, *map(int, Exit)})
