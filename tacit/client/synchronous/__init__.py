# Written by tools/make_sync.py from tacit/client/asynchronous/__init__.py: edit that.
"""The client."""

from tacit.client.synchronous.client import Client
from tacit.client.synchronous.fit import Fit

__all__ = ["Client", "Fit"]
