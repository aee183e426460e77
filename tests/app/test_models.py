import pytest

from tests.app.client import Client


def test_the_list_has_the_built_in_models(client: Client) -> None:
    items = client.get("/v1/models").json()["items"]
    names = {item["name"] for item in items}
    assert names >= {"eight-schools", "g-and-k", "linear-regression", "poisson-rate"}
    assert all(item["title"] and item["description"] and item["version"] for item in items)


@pytest.mark.parametrize("reference", ["eight-schools", "eight-schools@1"])
def test_a_model_says_all_about_itself(client: Client, reference: str) -> None:
    model = client.get(f"/v1/models/{reference}").json()
    assert set(model["data_schema"]["properties"]) == {"y", "sigma"}
    assert {"mu", "tau"} <= {latent["name"] for latent in model["latents"]}
    assert model["options_schema"]["properties"]


@pytest.mark.parametrize("name", ["eight-schools", "g-and-k", "linear-regression", "poisson-rate"])
def test_the_example_of_a_model_is_a_body_that_is_accepted(client: Client, name: str) -> None:
    example = client.get(f"/v1/models/{name}").json()["example"]
    assert client.post("/v1/fits", json=example).status_code == 202


@pytest.mark.parametrize("reference", ["nine-schools", "eight-schools@99", "%2e%2e"])
def test_unknown_models_are_not_found(client: Client, reference: str) -> None:
    answer = client.get(f"/v1/models/{reference}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
