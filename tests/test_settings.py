import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from tacit.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TACIT_") or name == "REDIS_URL"]:
        monkeypatch.delenv(name)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_DATA_DIR", "/srv/tacit")
    monkeypatch.setenv("REDIS_URL", "redis://example:6379/0")
    monkeypatch.setenv("TACIT_MODEL_PATH", os.pathsep.join(["/a", "/b"]))
    settings = Settings()
    assert settings.data_dir == Path("/srv/tacit")
    assert settings.redis_url == "redis://example:6379/0"
    assert settings.model_path == (Path("/a"), Path("/b"))


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_PORT", "1")
    monkeypatch.setenv("REDIS_URL", "redis://example:6379/0")
    settings = Settings(port=2, redis_url="redis://other:6379/0")
    assert (settings.port, settings.redis_url) == (2, "redis://other:6379/0")


def test_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.setenv("TACIT_MODEL_PATH", "")
    assert Settings().redis_url is None
    assert Settings().model_path == ()


def test_settings_are_frozen_and_checked() -> None:
    with pytest.raises(ValidationError):
        Settings(port=70000)
    with pytest.raises(ValidationError):
        Settings(device="tpu")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


def test_a_child_builds_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=None, model_path=(tmp_path / "a", tmp_path / "b"), port=0)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings.model_copy(update={"jax_cache_dir": tmp_path / "jax-cache"})
    assert Settings(**settings.model_dump(mode="json")) == settings
