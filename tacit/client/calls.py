"""Requests as values: what is sent, and whether it may be sent again."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

from tacit.client import encoding
from tacit.client.answers import Priority, Status
from tacit.client.encoding import Data
from tacit.client.errors import UnsendableError

EVENTS = "text/event-stream"
# The form of a file of draws, by its suffix.
FORMS = {
    ".json": "application/json",
    ".npz": "application/x-npz",
    ".nc": "application/x-netcdf",
    ".arrow": "application/vnd.apache.arrow.stream",
    ".arrows": "application/vnd.apache.arrow.stream",
}
# Draws may be made completely before the first of them is sent.
_MAKING_S = 600.0


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        content: Body, JSON; None for none.
        repeatable: Whether sending it twice does no more than sending it once.
        read_s: Longest silence to bear while waiting for the answer; None for the client's own.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    repeatable: bool = True
    read_s: float | None = None


class FitOptions(TypedDict, total=False):
    """What a fit may be given beside model and data: docs/client.md."""

    inference: Mapping[str, Any]
    seed: int
    draws: int
    timeout_s: int
    priority: Priority
    tags: Sequence[str]
    webhook: Mapping[str, str]
    start_from: str


class FitFilter(TypedDict, total=False):
    """Which fits; what is not given does not matter."""

    model: str
    status: Status
    tag: str
    created_after: datetime


class Selection(TypedDict, total=False):
    """Which stored draws."""

    vars: Sequence[str]
    draws: int
    offset: int
    unconverged: bool


class AnswerOptions(TypedDict, total=False):
    """What of the posterior of other data is wanted: docs/results.md."""

    vars: Sequence[str]
    draws: int
    seed: int
    unconverged: bool


class PriorPrediction(TypedDict, total=False):
    """What to predict without a fit: docs/results.md."""

    inputs: Data
    set: Data
    vars: Sequence[str]
    draws: int
    seed: int
    quantiles: Sequence[float]


class Prediction(PriorPrediction, total=False):
    """What to predict from a fit."""

    log_likelihood: bool
    unconverged: bool


def fit(model: str, data: Data, *, key: str | None, fresh: bool, **options: Unpack[FitOptions]) -> Call:
    """Ask for a fit; safe to repeat, because of its idempotency key.

    Args:
        key: The idempotency key; one drawn at random when None.
        fresh: Whether an equal fit that was computed before will not do.
    """
    body = {"model": model, "data": encoding.encode(data), **options}
    headers = _once(key) | ({"Cache-Control": "no-cache"} if fresh else {})
    return Call("POST", "/v1/fits", headers=headers, content=encoding.to_json(body))


def retry(path: str, *, key: str | None) -> Call:
    """Ask for the fit at `path` anew; safe to repeat, because of its idempotency key (drawn at random when None)."""
    return Call("POST", f"{path}/retry", headers=_once(key))


def _once(key: str | None) -> dict[str, str]:
    """The header by which a request counts once, however often it is sent."""
    return {"Idempotency-Key": key or secrets.token_urlsafe(24)}


def fits(*, limit: int, cursor: str | None, **wanted: Unpack[FitFilter]) -> Call:
    """One page of the fits."""
    created_after = wanted.get("created_after")
    params = {**wanted, "limit": limit}
    if created_after is not None:
        params["created_after"] = created_after.astimezone().isoformat()
    return Call("GET", "/v1/fits", params=params | ({"cursor": cursor} if cursor else {}))


def model_path(reference: str) -> str:
    """Where a model is."""
    return f"/v1/models/{quote(reference, safe='@')}"


def fit_path(fit_id: str) -> str:
    """Where a fit is."""
    if not re.fullmatch(r"[\w-]+", fit_id, flags=re.ASCII):
        raise UnsendableError(f"{fit_id!r} is not the id of a fit, such as 'fit_01m7...'.")
    return f"/v1/fits/{fit_id}"


def posterior(path: str, form: str, **wanted: Unpack[Selection]) -> Call:
    """The stored draws of the fit at `path`."""
    return Call("GET", f"{path}/posterior", params=dict(wanted), headers={"Accept": form}, read_s=_MAKING_S)


def answer(path: str, data: Data, **wanted: Unpack[AnswerOptions]) -> Call:
    """The posterior of other data, of the amortized fit at `path`."""
    body: dict[str, Any] = {"data": encoding.encode(data), **wanted}
    body |= {"vars": list(wanted["vars"])} if "vars" in wanted else {}
    return Call("POST", f"{path}/posterior", content=encoding.to_json(body), read_s=_MAKING_S)


def prediction(path: str, form: str, **wanted: Unpack[Prediction]) -> Call:
    """What a model predicts; `path` says from what."""
    body: dict[str, Any] = dict(wanted)
    body |= {name: encoding.encode(body[name]) for name in ("inputs", "set") if name in body}
    # Also what NumPy and pandas have for lists.
    body |= {name: list(body[name]) for name in ("vars", "quantiles") if name in body}
    content = encoding.to_json(body)
    return Call("POST", path, headers={"Accept": form}, content=content, read_s=_MAKING_S)


def validation(reference: str, data: Data, inference: Mapping[str, Any] | None) -> Call:
    """Whether a fit of these data would be taken."""
    body = {"data": encoding.encode(data), "inference": dict(inference or {})}
    return Call("POST", f"{model_path(reference)}/validate", content=encoding.to_json(body))


def form_of(suffix: str) -> str:
    """The form of a file by its suffix.

    Raises:
        UnsendableError: No form has it.
    """
    if suffix not in FORMS:
        raise UnsendableError(f"A file of draws ends in one of {', '.join(FORMS)}, not in {suffix or 'nothing'!r}.")
    return FORMS[suffix]
