import contextvars
import json
import logging
from collections.abc import Iterator

import pytest

from tacit import logs


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The handlers of the root logger are those of pytest again afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_lines_name_request_and_fit(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", process="api", form="json")
    tokens = logs.request_id.set("req_1"), logs.fit_id.set("fit_1")
    try:
        logging.getLogger("a.b").info("two\nlines of %s", "text")
    finally:
        logs.request_id.reset(tokens[0])
        logs.fit_id.reset(tokens[1])
    try:
        raise ValueError("x")
    except ValueError:
        # In an empty context: others may have left one in this process.
        contextvars.Context().run(logging.getLogger("a.b").exception, "broken")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "process": "api",
        "level": "info",
        "logger": "a.b",
        "message": "two\nlines of text",
        "request": "req_1",
        "fit": "fit_1",
    }
    assert "ValueError: x" in second["exception"]
    assert "fit" not in second


def test_text_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", process="worker")
    logging.getLogger("a").info("unseen")
    logging.getLogger("a").warning("seen")
    assert capsys.readouterr().err.endswith(" worker WARNING a: seen\n")
