"""Names of fits: random, sortable by time, safe in URLs and paths."""

import re
import secrets
from datetime import UTC, datetime, timedelta

# Crockford's base 32 in lower case: no i, l, o, u.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_DIGITS = 10
_RANDOM_DIGITS = 26
_PATTERN = re.compile(rf"fit_[{_ALPHABET}]{{{_TIME_DIGITS + _RANDOM_DIGITS}}}")


def new_fit_id(at: datetime | None = None) -> str:
    """A new id: `fit_`, the time (now, if none is given) in milliseconds, then 130 random bits."""
    return first_id_at(at or datetime.now(UTC)) + _digits(secrets.randbits(5 * _RANDOM_DIGITS), _RANDOM_DIGITS)


def first_id_at(at: datetime) -> str:
    """What every id made at or after a moment sorts behind, and every id made a millisecond before it in front of."""
    milliseconds = (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return "fit_" + _digits(max(milliseconds, 0), _TIME_DIGITS)


def is_fit_id(text: str) -> bool:
    """Whether `text` has exactly the form of an id. Check before a path is built from it."""
    return _PATTERN.fullmatch(text) is not None


def _digits(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (length - 1), -1, -5))
