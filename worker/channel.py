"""The line between the worker and its computing child: one JSON object per line over a socket pair."""

import json
import select
import socket
from typing import Any

Message = dict[str, Any]


class Channel:
    """One end of the line. At any time one thread may read from it, and one write to it."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send a message; raises OSError when the other side is gone."""
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, timeout_s: float | None = None) -> Message:
        """The next message, however long it takes or within `timeout_s`.

        Raises:
            TimeoutError: There was none in time.
            EOFError: The other side is gone.
        """
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._socket], [], [], timeout_s)
            if not ready:
                raise TimeoutError
            try:
                chunk = self._socket.recv(65536)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise EOFError
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def close(self) -> None:
        self._socket.close()
