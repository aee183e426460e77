"""Where the service is, and who asks."""

import ipaddress
import os
from importlib.metadata import version
from typing import NamedTuple
from urllib.parse import urlsplit

from tacit.client.errors import UnreachableError

DEFAULT_URL = "http://127.0.0.1:8000"


class Address(NamedTuple):
    """A service.

    Attributes:
        trust_env: Whether proxies of the environment are used; never for this machine itself.
    """

    url: str
    api_key: str | None
    trust_env: bool


def settings_of(url: str | None, api_key: str | None) -> Address:
    """The service that is given, or that TACIT_URL and TACIT_API_KEY name.

    Raises:
        UnreachableError: The address is none.
    """
    url = url or os.environ.get("TACIT_URL") or DEFAULT_URL
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnreachableError(f"{url!r} is no address of a service; write one such as {DEFAULT_URL}.")
    return Address(url, api_key or os.environ.get("TACIT_API_KEY") or None, not _is_here(parts.hostname))


def headers_of(address: Address) -> dict[str, str]:
    """What every request says."""
    headers = {"User-Agent": f"tacit-client/{version('tacit')}"}
    return headers if address.api_key is None else headers | {"Authorization": f"Bearer {address.api_key}"}


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
