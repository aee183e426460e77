"""When a call is sent again, and after how long: only where that cannot do harm."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from tacit.client.calls import Call
from tacit.client.errors import ApiError

LONGEST_PAUSE_S = 60.0
_FIRST_PAUSE_S = 0.25
_LONGEST_GUESS_S = 8.0
# Nothing was sent when these are raised.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def may_follow(call: Call, error: httpx.TransportError) -> bool:
    """Whether the call may be sent again after it got no answer."""
    return call.repeatable or isinstance(error, _NOT_SENT)


def may_follow_refusal(call: Call, error: ApiError) -> bool:
    """Whether the call may be sent again after the service, or a proxy before it, has refused it.

    What the service refuses with 429 or 503 it has not done. A proxy that answers 502 or 504 may have passed it on.
    """
    if error.status in (429, 503) or error.code == "in_flight":
        return True
    return error.status in (502, 504) and call.repeatable


def pause_s(attempt: int, retry_after: str | None = None) -> float:
    """Seconds to wait before attempt number `attempt` (the first repetition is 1).

    Args:
        retry_after: The header: seconds, or a date. Without, the pause doubles each time, and is drawn at random
            below that, so that many clients do not come back at once.
    """
    told = _told_s(retry_after)
    if told is not None:
        return max(0.0, told)
    bound = min(_LONGEST_GUESS_S, _FIRST_PAUSE_S * 2.0 ** (attempt - 1))
    return bound * (0.5 + random.random() / 2)


def _told_s(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):  # no date, or one without a time zone
        return None
