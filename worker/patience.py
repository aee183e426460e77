"""What has to be written is written as soon as the store takes it: a full disk costs time, not results or attempts."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from tacit.errors import UnavailableError

_log = logging.getLogger(__name__)

_AGAIN_S = 1.0

Written = TypeVar("Written")


def patiently(
    write: Callable[[], Written], *, give_up: Callable[[], bool], say: Callable[[str], None] | None = None
) -> Written:
    """What `write` returns, which is tried again, a second later each time, while the store cannot be written to.

    Args:
        write: Can be called again after it raised.
        give_up: Whether to wait no longer, as when the worker stops.
        say: Called with the reason, once, when it has to wait; the log has it in any case.

    Raises:
        UnavailableError: It was given up.
    """
    said = False
    while True:
        try:
            return write()
        except UnavailableError as error:
            if give_up():
                raise
            if not said:
                _log.warning("waiting for the store: %s", error)
                if say is not None:
                    say(str(error))
            said = True
        time.sleep(_AGAIN_S)
