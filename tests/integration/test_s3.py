"""A fit from request to draws, with the store in a bucket."""

from pathlib import Path

from tacit.settings import Settings
from tests.running import up


def test_a_fit_whose_store_is_a_bucket(tmp_path: Path, jax_cache: Path, s3_endpoint: str, s3_bucket: str) -> None:
    settings = Settings(
        data_dir=tmp_path / "data",
        jax_cache_dir=jax_cache,
        redis_url=None,
        model_path=(),
        s3_bucket=s3_bucket,
        s3_endpoint_url=s3_endpoint,
    )
    with up(settings, log=tmp_path / "log") as service:
        body = {"model": "poisson-rate", "data": {"x": [3, 4, 5]}, "inference": {"steps": 500}, "draws": 20, "seed": 1}
        fit = service.wait_ended(service.post(body)["id"])
        assert fit["status"] == "succeeded", fit
        draws = service.client.get(f"/v1/fits/{fit['id']}/posterior").json()
        assert len(draws["vars"]["z"]) == 20
    assert not (tmp_path / "data" / "store").exists()
