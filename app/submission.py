"""From the body of a request to a fit that can be stored. Works on whole arrays: call it in a thread."""

import secrets

from app.schemas import MAX_SEED, FitCreate
from app.validation import inference_options
from model_registry import Model
from tacit.errors import FieldError, InvalidInputError
from tacit.fits import FitRequest, Priority, fingerprint, new_fit_id, records
from tacit.fits.store import encode_data
from tacit.settings import Settings


def resolve(body: FitCreate, model: Model, settings: Settings, owner: str | None) -> tuple[FitRequest, bytes]:
    """Check all of a request; what to store for it, as a fit of its owner."""
    _check_limits(body, settings)
    dataset = model.resolve(body.data)
    options = inference_options(model, body.inference)
    data, artefact = encode_data(dataset.arrays)
    seed = secrets.randbelow(MAX_SEED + 1) if body.seed is None else body.seed
    draws = body.draws or settings.default_draws
    created_at = records.now()
    request = FitRequest(
        id=new_fit_id(created_at),
        model=model.name,
        version=model.version,
        code_hash=model.code_hash,
        fingerprint=fingerprint(
            dataset.arrays,
            model=model.name,
            version=model.version,
            code_hash=model.code_hash,
            options=options,
            seed=seed,
            draws=draws,
        ),
        options=options,
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
    )
    return request, data


def _check_limits(body: FitCreate, settings: Settings) -> None:
    limits = {"draws": (body.draws, settings.max_draws), "timeout_s": (body.timeout_s, settings.fit_timeout_s)}
    errors = [
        FieldError(f"/{name}", f"At most {most} on this service.")
        for name, (value, most) in limits.items()
        if value is not None and value > most
    ]
    if errors:
        raise InvalidInputError(errors)


def again(request: FitRequest, settings: Settings) -> FitRequest:
    """The same request, as another fit."""
    moment = records.now()
    changes = {
        "id": new_fit_id(moment),
        "created_at": moment,
        "device": settings.device,
        "retried_from": request.id,
    }
    return request.model_copy(update=changes)
