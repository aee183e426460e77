"""What was found out about a model, in sentences."""

from collections.abc import Iterable
from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
      mark: "good", "note" (worth knowing, or a doubt), or "problem" (the model cannot be served, or will not fit).
      text: a sentence; for a problem it says what to change.
    """

    mark: Literal["good", "note", "problem"]
    text: str


def good(text: str) -> Finding:
    return Finding("good", text)


def note(text: str) -> Finding:
    return Finding("note", text)


def problem(text: str) -> Finding:
    return Finding("problem", text)


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names)
