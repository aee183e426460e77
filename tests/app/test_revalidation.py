"""Answers that a client has already are not sent again."""

import pytest

from tests.app.bodies import EIGHT_SCHOOLS
from tests.app.client import Client


def test_a_fit_is_sent_again_when_it_has_changed(client: Client) -> None:
    path = f"/v1/fits/{client.post('/v1/fits', json=EIGHT_SCHOOLS).json()['id']}"
    first = client.get(path)
    tag = first.headers["etag"]
    again = client.get(path, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    client.post(f"{path}/cancel")
    changed = client.get(path, headers={"if-none-match": tag})
    assert (changed.status_code, changed.json()["status"]) == (200, "cancelled")
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/eight-schools", "/v1/fits"])
@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', "*"])
def test_every_form_of_the_header_is_understood(client: Client, path: str, sent: str) -> None:
    tag = client.get(path).headers["etag"]
    assert client.get(path, headers={"if-none-match": sent.format(tag)}).status_code == 304
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_errors_have_no_tag(client: Client) -> None:
    answer = client.get("/v1/models/none", headers={"if-none-match": "*"})
    assert answer.status_code == 404
    assert "etag" not in answer.headers


def test_the_document_says_so(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert "304" in paths["/v1/fits/{fit_id}"]["get"]["responses"]
    assert "304" not in paths["/v1/fits/{fit_id}/posterior"]["get"]["responses"]
    assert "304" not in paths["/v1/fits"]["post"]["responses"]
