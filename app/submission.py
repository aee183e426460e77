"""From the body of a request to a fit that can be stored. Works on whole arrays: call it in a thread."""

import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from numpy.typing import NDArray

from app.schemas.fits import FitCreate
from app.schemas.kinds import MAX_SEED
from app.validation import inference_options, resolved_inference
from model_registry import Dataset, Model
from tacit.engine import ENGINE_REVISION
from tacit.errors import FieldError, InvalidInputError
from tacit.fits import FitRequest, Priority, fingerprint, new_fit_id, records
from tacit.fits.addresses import is_public
from tacit.fits.store import encode_data
from tacit.fits.webhooks import Hook
from tacit.settings import Settings


def resolve(body: FitCreate, model: Model, settings: Settings, owner: str | None) -> tuple[FitRequest, bytes]:
    """Check all of a request; what to store for it, as a fit of its owner."""
    _check_limits(body, settings)
    dataset = model.resolve(body.data)
    options = inference_options(model, dataset, body.inference)
    data, artefact = encode_data(dataset.stored)
    seed = secrets.randbelow(MAX_SEED + 1) if body.seed is None else body.seed
    draws = body.draws or settings.default_draws
    created_at = records.now()
    request = FitRequest(
        id=new_fit_id(created_at),
        model=model.name,
        version=model.version,
        code_hash=model.code_hash,
        fingerprint=fingerprint(
            dataset.stored,
            model=model.name,
            version=model.version,
            code_hash=model.code_hash,
            options=options,
            engine_revision=ENGINE_REVISION,
            seed=seed,
            draws=draws,
        ),
        options=options,
        resolved_options=resolved_inference(model, dataset, options),
        seed=seed,
        draws=draws,
        timeout_s=body.timeout_s or settings.fit_timeout_s,
        priority=Priority(body.priority),
        device=settings.device,
        tags=tuple(body.tags),
        dims=dict(dataset.dims),
        data=artefact,
        created_at=created_at,
        owner=owner,
        origins={name: field.origin for name, field in model.data.items() if field.origin},
        engine_revision=ENGINE_REVISION,
    )
    return request, data


def hook(body: FitCreate, settings: Settings) -> Hook | None:
    """Who is to be told of the end of the fit.

    Raises:
        InvalidInputError: The address cannot be one. Where a name leads is seen when it is used.
    """
    if body.webhook is None:
        return None
    wrong = _what_is_wrong(body.webhook.url, private=settings.webhook_private)
    if wrong is not None:
        raise InvalidInputError([FieldError("/webhook/url", wrong)])
    return Hook(url=body.webhook.url, secret=body.webhook.secret, asked_at=records.now())


def _what_is_wrong(url: str, *, private: bool) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "This is no address."
    if parts.scheme not in ("http", "https") or not host or not re.fullmatch("[!-~]+", url):
        return "Give an http or https address in ASCII."
    if parts.username is not None or parts.fragment:
        return "Leave user, password and fragment out; the signature proves who calls."
    try:
        public = is_public(host)
    except ValueError:
        public = host != "localhost"
    return None if public or private else "Only public addresses are called on this service."


def _check_limits(body: FitCreate, settings: Settings) -> None:
    limits = {"draws": (body.draws, settings.max_draws), "timeout_s": (body.timeout_s, settings.fit_timeout_s)}
    errors = [
        FieldError(f"/{name}", f"At most {most} on this service.")
        for name, (value, most) in limits.items()
        if value is not None and value > most
    ]
    if errors:
        raise InvalidInputError(errors)


def again(request: FitRequest, model: Model, arrays: Mapping[str, NDArray[Any]], settings: Settings) -> FitRequest:
    """The same request with the same data, as another fit: by the engine of today."""
    dataset = Dataset.from_stored(arrays, request.dims)
    moment = records.now()
    changes = {
        "fingerprint": fingerprint(
            arrays,
            model=request.model,
            version=request.version,
            code_hash=request.code_hash,
            options=request.options,
            engine_revision=ENGINE_REVISION,
            seed=request.seed,
            draws=request.draws,
        ),
        "engine_revision": ENGINE_REVISION,
        "id": new_fit_id(moment),
        "created_at": moment,
        "device": settings.device,
        # An engine of another version may choose otherwise.
        "resolved_options": resolved_inference(model, dataset, request.options),
        "retried_from": request.id,
    }
    return request.model_copy(update=changes)
