"""Where the API may listen: on this machine always, on the network only with API keys."""

import ipaddress
import socket

from tacit.errors import InsecureError
from tacit.fits import open_keys
from tacit.settings import Settings


def check(settings: Settings) -> None:
    """Refuse to let anybody on the network use the service.

    Raises:
        InsecureError: The host of the settings is more than this machine, there is no API key, and nobody said that
            this is meant.
        UnavailableError: The store cannot be opened.
    """
    if settings.insecure or _is_loopback(settings.host) or open_keys(settings).any():
        return
    raise InsecureError(
        f"On {settings.host} anybody who reaches this machine could use the service. Make an API key first "
        "(tacit keys create), listen on 127.0.0.1, or say --insecure."
    )


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine and nothing else; a name has to be so by all its addresses."""
    try:
        found = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found)
