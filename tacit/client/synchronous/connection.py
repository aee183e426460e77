# Written by tools/make_sync.py from tacit/client/asynchronous/connection.py: edit that.
"""Sends calls: again where that is safe, and what the service refuses becomes an exception."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from tacit.client import retrying
from tacit.client.calls import Call
from tacit.client.errors import Problem, ServerError, UnreachableError, error_of

Parsed = TypeVar("Parsed", bound=BaseModel)


class Connection:
    """Sends calls.

    Args:
        http: What sends them; has the address of the service and the API key.
        retries: How often a call is sent again, at most.
    """

    def __init__(self, http: httpx.Client, *, retries: int) -> None:
        self.http = http
        self._retries = retries

    def ask(self, call: Call, kind: type[Parsed]) -> Parsed:
        """The answer to a call, parsed.

        Raises:
            ApiError: The service refuses.
            UnreachableError: No answer comes.
        """
        return self.parsed(self.send(call), kind)

    def parsed(self, response: httpx.Response, kind: type[Parsed]) -> Parsed:
        """The body of an answer."""
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            detail = f"What answers at {response.request.url} is not Tacit, or of another version."
            raise ServerError(Problem(status=response.status_code, detail=detail)) from error

    def send(self, call: Call) -> httpx.Response:
        """The whole answer to a call; raises as `ask`."""
        return self._answered(call, whole=True)

    @contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """The answer to a call, to be read bit by bit; raises as `ask`."""
        response = self._answered(call, whole=False)
        try:
            yield response
        finally:
            response.close()

    def save(self, call: Call, path: Path) -> None:
        """Put the answer to a call into a file, which is there only when it is complete; raises as `ask`."""
        part = path.with_name(f"{path.name}.part")
        try:
            with self.stream(call) as response, open(part, "wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)
            os.replace(part, path)
        except httpx.TransportError as error:
            raise UnreachableError(f"The answer of {self.http.base_url} was cut off: {_words(error)}.") from error
        finally:
            part.unlink(missing_ok=True)

    def _answered(self, call: Call, *, whole: bool) -> httpx.Response:
        """An answer that is no error; with its body read, or still to be read."""
        attempt = 1
        while True:
            try:
                response = self.http.send(self._request(call), stream=True)
                if whole or not response.is_success:
                    response.read()
                if response.is_success:
                    return response
                pause_s = self._pause_after_refusal(call, response, attempt)
            except httpx.TransportError as error:
                pause_s = self._pause_after_error(call, error, attempt)
            time.sleep(pause_s)
            attempt += 1

    def _request(self, call: Call) -> httpx.Request:
        timeout = self.http.timeout.as_dict()
        if call.read_s is not None:
            timeout["read"] = call.read_s
        headers = {"Content-Type": "application/json"} if call.content is not None else {}
        return self.http.build_request(
            call.method,
            call.path,
            params=call.params,
            headers={**headers, **call.headers},
            content=call.content,
            timeout=httpx.Timeout(**timeout),
        )

    def _pause_after_error(self, call: Call, error: httpx.TransportError, attempt: int) -> float:
        """Seconds to wait before the call is sent again; raises where it is not."""
        if attempt > self._retries or not retrying.may_follow(call, error):
            tries = f" ({attempt} tries)" if attempt > 1 else ""
            detail = f"No answer from {self.http.base_url}: {_words(error)}{tries}. Start it with `tacit up`?"
            raise UnreachableError(detail) from error
        return retrying.pause_s(attempt)

    def _pause_after_refusal(self, call: Call, response: httpx.Response, attempt: int) -> float:
        """Seconds to wait before the call is sent again; raises where it is not."""
        error = error_of(response)
        pause_s = retrying.pause_s(attempt, response.headers.get("Retry-After"))
        too_long = pause_s > retrying.LONGEST_PAUSE_S
        if attempt > self._retries or too_long or not retrying.may_follow_refusal(call, error):
            raise error
        return pause_s


def _words(error: httpx.TransportError) -> str:
    """What went wrong; some errors have no words of their own."""
    return str(error) or type(error).__name__
