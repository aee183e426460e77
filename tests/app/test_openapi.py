import json
import re

from app.errors import MEDIA_TYPE
from tests.app.client import Client


def test_the_document_declares_every_error(client: Client) -> None:
    document = client.get("/openapi.json").json()
    operations = [(path, operation) for path, methods in document["paths"].items() for operation in methods.values()]
    assert len(operations) >= 10
    for path, operation in operations:
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == [MEDIA_TYPE], (path, status)
        assert "500" in operation["responses"]
        if operation.get("parameters") and any(each["in"] == "query" for each in operation["parameters"]):
            assert "422" in operation["responses"]
    assert {"400", "404", "413", "415", "422", "503"} <= set(document["paths"]["/v1/fits"]["post"]["responses"])


def test_every_reference_leads_somewhere(client: Client) -> None:
    document = client.get("/openapi.json").json()
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert "Problem" in references
    assert references <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in references
