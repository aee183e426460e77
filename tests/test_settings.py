import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from tacit.settings import Settings, mistaken


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


def test_an_address_of_redis_has_a_scheme() -> None:
    with pytest.raises(ValidationError, match="write redis://localhost:6379"):
        Settings(redis_url="localhost:6379")
    assert Settings(redis_url="unix:///tmp/socket").redis_url == "unix:///tmp/socket"


def test_a_child_builds_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=None, model_path=(tmp_path / "a", tmp_path / "b"), port=0)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings.model_copy(update={"jax_cache_dir": tmp_path / "jax-cache"})
    assert Settings(**settings.model_dump(mode="json")) == settings


def test_misspelt_variables_are_found_with_the_nearest_setting() -> None:
    given = ["TACIT_DATA_FOLDR", "tacit_prot", "TACIT_PURPLE", "TACIT_PORT", "tacit_host", "TACIT_REDIS_URL", "PATH"]
    assert mistaken(given) == {"TACIT_DATA_FOLDR": "TACIT_DATA_DIR", "TACIT_PURPLE": None, "tacit_prot": "TACIT_PORT"}


def test_no_variable_that_the_house_reads_is_a_mistake() -> None:
    root = Path(__file__).parents[1]
    folders = [root / name for name in ("app", "benchmarks", "docs", "tacit", "tools", "worker")]
    texts = [path.read_text() for folder in folders for path in folder.rglob("*") if path.suffix in (".md", ".py")]
    listed = {name for text in texts for name in re.findall(r"\bTACIT_[A-Z0-9_]+", text)}
    assert {"TACIT_SBIBM_TASKS", "TACIT_API_KEY", "TACIT_LOG_FORMAT"} <= listed
    assert mistaken(listed) == {}
