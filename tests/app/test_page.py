"""The files of the web page, as they are served."""

import logging
import re
from pathlib import Path

import pytest

import app.main
import app.page
from tacit.fits import Scope, open_keys
from tacit.settings import Settings
from tests.app.client import Client, open_client

_FOLDER = Path(app.page.__file__).parent / "web"
_OWN = sorted(path for path in _FOLDER.iterdir())


def test_the_page_allows_only_what_this_service_serves(client: Client) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\son[a-z]+=|\sstyle=", answer.text)


def test_every_file_is_served_as_what_it_is(client: Client) -> None:
    kinds = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
    assert len(_OWN) > 20
    for path in _OWN:
        answer = client.get(f"/web/{path.name}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes())
        assert answer.headers["content-type"].startswith(kinds[path.suffix])
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_a_file_names_exists() -> None:
    for path in _OWN:
        named = re.findall(r'(?:from|import) "\./([^"]+)"|"web/([^"]+)"', path.read_text())
        for name in {own or served for own, served in named} - {"plotly.min.js"}:
            assert (_FOLDER / name).exists(), (path.name, name)


def test_nothing_is_loaded_from_elsewhere_and_no_text_becomes_markup() -> None:
    for path in _OWN:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|(inner|outer|Adjacent)HTML|document\.write|\beval\b", text), path.name


def test_the_library_for_plots_comes_compressed_and_once(client: Client) -> None:
    answer = client.get("/web/plotly.min.js", headers={"accept-encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert b"plotly.js v" in answer.content[:100]
    again = client.get("/web/plotly.min.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_only_the_files_of_the_page_are_served(client: Client) -> None:
    for path in ("/web/nothing.js", "/web/../page.py", "/web/%2e%2e/page.py", "/web/"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def test_the_page_needs_no_key(settings: Settings) -> None:
    open_keys(settings).create("nightly", [Scope.READ])
    with open_client(app.main.create_app(settings)) as client:
        assert client.get("/").status_code == 200
        assert client.get("/web/main.js").status_code == 200
        assert client.get("/v1/models").status_code == 401


def test_the_files_of_the_page_do_not_fill_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="app.access"):
        for path in ("/", "/web/style.css", "/web/no-such-file.js"):
            client.get(path)
    assert [message.split()[1] for message in caplog.messages] == ["/", "/web/no-such-file.js"]
