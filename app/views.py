"""Fits as users see them."""

from collections.abc import Sequence

from app.schemas.fits import FitBody, Links
from app.service import Service, Underway
from tacit.fits import Fit


async def body(service: Service, fit: Fit) -> FitBody:
    """A fit, with what Redis knows of it."""
    (shown,) = await bodies(service, [fit])
    return shown


async def bodies(service: Service, fits: Sequence[Fit]) -> list[FitBody]:
    """Fits, with what Redis knows of them."""
    unfinished = [fit.request for fit in fits if fit.outcome is None]
    known = zip(unfinished, await service.underway(unfinished) if unfinished else (), strict=True)
    underway = {request.id: each for request, each in known}
    return [_shown(fit, underway.get(fit.request.id)) for fit in fits]


def _shown(fit: Fit, underway: Underway | None) -> FitBody:
    progress = underway.progress if underway else fit.outcome.progress if fit.outcome else None
    latest = fit.attempts[-1] if fit.attempts else None
    ends = [f"Attempt {end.number} ended early: {end.message}" for end in fit.ends]
    request = fit.request
    path = f"/v1/fits/{request.id}"
    return FitBody(
        id=request.id,
        status=fit.status,
        model=request.model,
        version=request.version,
        fingerprint=request.fingerprint,
        progress=progress,
        queue_position=underway.queue_position if underway else None,
        created_at=request.created_at,
        started_at=latest.started_at if latest else None,
        finished_at=fit.outcome.finished_at if fit.outcome else None,
        attempt=latest.number if latest else 0,
        device=latest.device if latest else request.device,
        seed=request.seed,
        draws=request.draws,
        timeout_s=request.timeout_s,
        priority=request.priority,
        inference=request.options,
        resolved_inference=request.resolved_options or None,
        warnings=[*(fit.outcome.warnings if fit.outcome else ()), *ends],
        error=fit.outcome.error if fit.outcome else None,
        tags=list(request.tags),
        retried_from=request.retried_from,
        links=Links(
            self=path,
            model=f"/v1/models/{request.model}@{request.version}",
            summary=f"{path}/summary",
            diagnostics=f"{path}/diagnostics",
            losses=f"{path}/losses",
            events=f"{path}/events",
            posterior=f"{path}/posterior",
            posterior_predictive=f"{path}/posterior-predictive",
        ),
    )
