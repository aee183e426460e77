"""Every page of the documentation does what it says, on a real service."""

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, read, reader
from tests.running import Up


def test_your_own_simulator(tmp_path: Path, jax_cache: Path) -> None:
    reader(tmp_path, jax_cache=jax_cache).read(DOCS / "simulator.md")
    assert (tmp_path / "wards" / "ward_outbreaks-check.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "wards.svg").stat().st_size > 10_000


def test_the_quick_start(tmp_path: Path, jax_cache: Path) -> None:
    reader(tmp_path, jax_cache=jax_cache).read(DOCS / "quickstart.md")


@pytest.mark.parametrize("page", ["http.md", "fits.md", "results.md", "gallery/poisson-rate.md"])
def test_a_page_for_a_running_service(page: str, service: Up, tmp_path: Path, jax_cache: Path) -> None:
    read(DOCS / page, service, tmp_path, jax_cache)


def test_operating(tmp_path: Path, jax_cache: Path, redis_url: str, s3_endpoint: str, s3_bucket: str) -> None:
    here = {
        "redis://redis.example.org:6379/0": redis_url,
        "https://s3.example.org": s3_endpoint,
        "tacit-fits": s3_bucket,
    }
    reader(tmp_path, jax_cache=jax_cache, replace=here).read(DOCS / "operations.md")
    assert (tmp_path / "restored" / "store").is_dir()
    assert not (tmp_path / "api-data" / "store").exists()


def test_missing_values(tmp_path: Path, jax_cache: Path) -> None:
    reader(tmp_path, jax_cache=jax_cache).read(DOCS / "missing.md")


def test_writing_a_model(tmp_path: Path, jax_cache: Path) -> None:
    reader(tmp_path, jax_cache=jax_cache).read(DOCS / "models.md")
    assert "Model(" in (tmp_path / "poisson_rate.py").read_text()
