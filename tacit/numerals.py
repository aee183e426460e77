"""Numbers as spreadsheets and statistics programs write them into text.

A number is digits with a decimal point or a decimal comma, and an exponent if it has one. Python's own notations
(`1_000`, `nan`, `inf`) and thousands separators are refused. Which of the two decimal marks a text has is seen from all
its numbers together, by `marks`: `1,300` alone can be 1.3 or 1300, and beside `0,5` it is 1.3.
"""

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

_POINT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?(?:[0-9]+,[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?")
# What a thousands separator can stand in as well as a decimal mark.
_EITHER = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_GROUPED = re.compile(
    r"[+-]?[0-9]{1,3}(?:"
    r"(?:,[0-9]{2,3}){2,}(?:\.[0-9]*)?|(?:,[0-9]{3})+\.[0-9]*"  # 1,300,000 and 1,300.5; India writes 13,00,000
    r"|(?:\.[0-9]{3}){2,}(?:,[0-9]*)?|(?:\.[0-9]{3})+,[0-9]*"  # 1.300.000 and 1.300,5
    r"|(?:[ '\u2019\u00a0\u2009\u202f][0-9]{3})+(?:[.,][0-9]*)?)"
)
_MISSING = frozenset({"", ".", "-", "?", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "nil", "missing", "<na>"})
_TRUTHS = frozenset({"true", "false", "t", "f", "yes", "no"})
# Word processors write this one.
_MINUS = str.maketrans({"\u2212": "-"})


class NotANumberError(ValueError):
    """A text is not a number, or could be one of two."""


class Marks(NamedTuple):
    """An example of each way in which the numbers of a text are written; None where there is none.

    `point`, `comma`: with a decimal mark that can be nothing else. `either_comma`: with a comma that can be a decimal
    mark or a thousands separator.
    """

    point: str | None
    comma: str | None
    either_comma: str | None


def marks(texts: Iterable[str]) -> Marks:
    """The decimal marks in texts, some of which may be numbers."""
    point = comma = either_comma = None
    for text in texts:
        if point is None and "." in text and _is(_POINT, text) and not _is(_EITHER, text):
            point = text
        elif "," in text and (comma is None or either_comma is None) and _is(_COMMA, text):
            if _is(_EITHER, text):
                either_comma = either_comma or text
            else:
                comma = comma or text
    return Marks(point, comma, either_comma)


def number(text: str, found: Marks, *, comma_is_usual: bool) -> float:
    """The number that a text is.

    Args:
        found: The decimal marks of all numbers it came with.
        comma_is_usual: Whether it comes from where the comma is the usual decimal mark, as a text whose cells are
            separated by semicolons does. Then `1.300`, with no number beside it that says more, could be 1300.

    Raises:
        NotANumberError: With the reason, and what to write instead.
    """
    text = text.translate(_MINUS)
    if _is(_POINT, text):
        if "." in text:
            _check_point(text, found, comma_is_usual)
    elif _is(_COMMA, text):
        _check_comma(text, found)
    else:
        raise NotANumberError(_why_not(text))
    value = float(text.replace(",", "."))
    if not math.isfinite(value):
        raise NotANumberError(f"{_shown(text)} is too large for a number.")
    return value


def is_missing(text: str) -> bool:
    """Whether a text says that there is no number."""
    return text.lower() in _MISSING


def _check_point(text: str, found: Marks, comma_is_usual: bool) -> None:
    if found.comma is not None:
        if _is(_EITHER, text):
            raise NotANumberError(
                f"{_shown(text)} has a point, where other numbers have a decimal comma ({_shown(found.comma)}): "
                "write it without a thousands separator."
            )
        raise NotANumberError(_both(text, found.comma))
    unclear = comma_is_usual or found.either_comma is not None
    if unclear and found.point is None and _is(_EITHER, text):
        raise NotANumberError(_unclear(text))


def _check_comma(text: str, found: Marks) -> None:
    if found.point is not None:
        if _is(_EITHER, text):
            raise NotANumberError(
                f"{_shown(text)} has a comma, where other numbers have a decimal point ({_shown(found.point)}): "
                "write it without a thousands separator."
            )
        raise NotANumberError(_both(text, found.point))
    if found.comma is None and _is(_EITHER, text):
        raise NotANumberError(_unclear(text))


def _both(one: str, other: str) -> str:
    return (
        f"{_shown(one)} and {_shown(other)} have different decimal marks: write all numbers with a decimal point, or "
        "all with a decimal comma."
    )


def _unclear(text: str) -> str:
    digits = text.replace(",", "").replace(".", "")
    decimal = text.replace(",", ".")
    return (
        f"{_shown(text)} could be {digits}, with a thousands separator, or {decimal}, with a decimal mark: write all "
        "numbers without thousands separators and with a decimal point, in cells separated by commas or tabs."
    )


def _why_not(text: str) -> str:
    if is_missing(text):
        said = f" ({_shown(text)})" if text else ""
        return (
            f"there is no number{said}, and no value of this field may be missing. The author of the model can allow "
            "it of what is observed: Field(missing=True). As the model is, leave rows with missing values out, but "
            "only where the order of the rows says nothing."
        )
    if _is(_GROUPED, text):
        return f"{_shown(text)} has thousands separators: write it without."
    if text.lower() in _TRUTHS:
        return f"{_shown(text)} is not a number: write 1 for true and 0 for false."
    return f"{_shown(text)} is not a number: write digits with a decimal point and nothing else, such as 1500 or 0.25."


def _is(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None


def _shown(text: str) -> str:
    return repr(text[:40])
