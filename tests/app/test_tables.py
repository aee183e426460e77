"""Tables, read for the web page."""

import gzip

import pytest

from tacit.fits import FitStore
from tests.app.client import Client
from tests.dialects import DATA, REFUSED, UNDERSTOOD

_CSV = {"content-type": "text/csv"}


def test_dialects_are_read_as_the_command_line_reads_them(shared: tuple[Client, FitStore]) -> None:
    client, _ = shared
    for dialect in UNDERSTOOD:
        answer = client.post("/v1/tables", content=dialect.content, headers=_CSV)
        assert answer.status_code == 200, dialect.label
        found = {column["name"]: column["values"] for column in answer.json()["columns"]}
        assert {name: found[name] for name in DATA} == DATA, dialect.label


def test_refusals_have_the_words_of_the_command_line(shared: tuple[Client, FitStore]) -> None:
    client, _ = shared
    for dialect in REFUSED:
        answer = client.post("/v1/tables", content=dialect.content, headers=_CSV)
        body = answer.json()
        if answer.status_code == 200:
            said = " ".join(column["problem"] or "" for column in body["columns"])
            assert any(column["values"] is None for column in body["columns"]), dialect.label
        else:
            assert (answer.status_code, body["code"]) == (422, "invalid_input"), dialect.label
            said = body["errors"][0]["detail"]
        for words in dialect.refused:
            assert words in said, dialect.label


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"x\n1\n", {}, 415),
        (b"x\n1\n", {"content-type": "text/plain"}, 415),
        (b"", _CSV, 422),
        (b"x\n" + b"1" * 2**20, _CSV, 422),
        (b"\x00\x01", _CSV, 422),
        (b"x\n1\n", {**_CSV, "content-encoding": "gzip"}, 400),
    ],
)
def test_what_is_no_table_is_refused(
    shared: tuple[Client, FitStore], content: bytes, headers: dict[str, str], status: int
) -> None:
    client, _ = shared
    answer = client.post("/v1/tables", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_compressed_tables_are_read_and_large_ones_are_not(
    shared: tuple[Client, FitStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = shared
    packed = gzip.compress(b"x\n1\n")
    answer = client.post("/v1/tables", content=packed, headers={**_CSV, "content-encoding": "gzip"})
    assert answer.json()["columns"] == [{"name": "x", "values": [1.0], "problem": None, "note": ""}]
    monkeypatch.setattr(client.app.state, "max_json_values", 100)
    assert client.post("/v1/tables", content=b"x\n" + b"1\n" * 200, headers=_CSV).status_code == 413
    monkeypatch.setattr(client.app.state, "max_body_bytes", 100)
    assert client.post("/v1/tables", content=b"x\n" + b"1" * 200, headers=_CSV).status_code == 413
