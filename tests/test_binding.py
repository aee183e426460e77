from pathlib import Path

import pytest

from tacit import binding
from tacit.errors import InsecureError
from tacit.fits import Scope, open_keys
from tacit.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, redis_url=None, model_path=())


def _on(settings: Settings, host: str, **changes: object) -> Settings:
    return settings.model_copy(update={"host": host, **changes})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_is_always_allowed(settings: Settings, host: str) -> None:
    binding.check(_on(settings, host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "no-such-host.invalid"])
def test_the_network_needs_keys_or_a_word(settings: Settings, host: str) -> None:
    with pytest.raises(InsecureError, match="tacit keys create"):
        binding.check(_on(settings, host))
    binding.check(_on(settings, host, insecure=True))
    open_keys(settings).create("one", [Scope.READ])
    binding.check(_on(settings, host))
