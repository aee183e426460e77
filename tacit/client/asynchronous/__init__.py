"""The client for programs that use asyncio or Trio."""

from tacit.client.asynchronous.client import AsyncClient
from tacit.client.asynchronous.fit import AsyncFit

__all__ = ["AsyncClient", "AsyncFit"]
