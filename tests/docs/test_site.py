"""The documentation is a site that builds without a complaint and loads nothing from elsewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, NOT_RUN, ROOT, blocks

# Pages whose blocks a test runs; `gallery/poisson-rate.md` stands for its kind, which is written by a program.
RUN = {
    *("quickstart.md", "simulator.md", "http.md", "fits.md", "results.md", "models.md", "operations.md", "missing.md"),
    *("client.md", "cli.md", "language.md", "gallery/poisson-rate.md", "../README.md"),
}
# Attributes by which a page loads something while it is read.
_LOADS = {
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("img", "srcset"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
    ("use", "href"),
}
_ELSEWHERE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


class _Assets(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if (tag, name) in _LOADS and value]
        self.found += [part for name, value in attrs if name == "style" for part in _in_css(value or "")]


def _in_css(text: str) -> list[str]:
    return re.findall(r"(?:@import\s+|url\()\s*[\"']?([^\"')\s]+)", text)


def _build(into: Path, config: Path = ROOT / "mkdocs.yml") -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(into),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built."""
    folder = tmp_path_factory.mktemp("site")
    built = _build(folder)
    assert built.returncode == 0, built.stderr
    return folder


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages, sheets = list(site.rglob("*.html")), list(site.rglob("*.css"))
    assert len(pages) > 30
    assert sheets
    for page in pages:
        assets = _Assets()
        text = page.read_text(encoding="utf-8")
        assets.feed(text)
        assert len(assets.found) > 3
        inline = [part for sheet in re.findall(r"<style>(.*?)</style>", text, re.DOTALL) for part in _in_css(sheet)]
        for asset in (*assets.found, *inline):
            assert not _ELSEWHERE.match(asset), f"{page.name} loads {asset}"
            if not asset.startswith(("data:", "#")):
                folder = site if asset.startswith("/") else page.parent
                path = folder / asset.lstrip("/").partition("?")[0]
                assert path.exists(), f"{page.name} loads {asset}, which is not there"
    for sheet in sheets:
        assert [asset for asset in _in_css(sheet.read_text(encoding="utf-8")) if _ELSEWHERE.match(asset)] == []


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (
            ["[gone](gone.md)", "[no such place](http.md#nowhere)", "![gone](gone.svg)"],
            ["gone.md", "nowhere", "gone.svg"],
        ),
        (["[gone](../gone.py)"], ["gone.py"]),
    ],
)
def test_a_broken_link_stops_the_build(lines: list[str], named: list[str], tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# A page\n\n" + "\n\n".join(lines) + "\n")
    (docs / "http.md").write_text("# Another\n\n[A file that is there](../README.md)\n")
    text = (ROOT / "mkdocs.yml").read_text()
    text = re.sub(r"^nav:\n.*", "nav:\n  - index.md\n  - http.md\n", text, flags=re.MULTILINE | re.DOTALL)
    text = text.replace("docs_dir: docs", f"docs_dir: {docs}").replace("tools/docs", str(ROOT / "tools" / "docs"))
    (tmp_path / "mkdocs.yml").write_text(text)
    built = _build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert built.returncode != 0
    assert [name for name in named if name not in built.stderr] == []


def _pages() -> Iterator[Path]:
    return (path for path in sorted(DOCS.rglob("*.md")))


@pytest.mark.parametrize("page", [str(path.relative_to(DOCS)) for path in _pages()] + ["../README.md"])
def test_what_can_be_run_is_run(page: str) -> None:
    found = blocks(DOCS / page)
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text.count("\n```") == 2 * sum(block.kind != "stop" for block in found), "a fence that nobody reads"
    for block in found:
        is_code = block.kind in ("console", "python")
        assert block.kind in ("console", "python", "text", "stop"), f"what is a fence {block.kind!r}?"
        assert is_code or not re.search(r"^\$ ", block.text, re.MULTILINE)
        if is_code and block.is_run:
            assert page in RUN or page.startswith("gallery/"), f"no test runs {page}"
        if not block.is_run:
            assert block.title.removeprefix(NOT_RUN).startswith(":"), "it has to say why"
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    # Code that is indented, and so belongs to no fence: there is a formula only.
    indented = re.findall(r"\n\n    (?! *[-*] )(.*)", outside)
    assert [line for line in indented if not line.startswith("loss = ")] == []


def test_what_is_made_from_the_code_is_current() -> None:
    command = [sys.executable, "-m", "tools.docs", "--check"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout) == (0, ""), f"run make docs: {shown.stdout}{shown.stderr}"


def test_the_pictures_are_of_the_models_as_they_are() -> None:
    from model_registry import load_registry
    from tools.docs import fitting

    models, record = load_registry().models, fitting.read_record()
    assert set(record) == set(models)
    stale = [name for name, model in models.items() if record[name]["code_hash"] != model.code_hash]
    assert stale == [], "run make gallery"
    for name in models:
        size = (fitting.GALLERY / f"{name}.svg").stat().st_size
        assert 5_000 < size < 100_000, f"the picture of {name} has {size} bytes"
