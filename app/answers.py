"""Posteriors of other data sets from an amortized fit, at once. Uses JAX: call it in a thread."""

import dataclasses
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from app.draws import DIAGNOSTICS, FitDraws, check_size, chosen, fitted_model, refused
from app.formats import Table
from app.schemas.fits import FitCreate
from app.schemas.results import PosteriorCreate
from model_registry import Dataset, Model, Registry
from model_registry.parsing import at
from model_registry.resolution import resolve
from tacit.errors import ConflictError, FieldError, InvalidInputError, NotCalibratedError, NotFoundError
from tacit.fits import Fit, FitStore, Status
from tacit.inference import Answers, InferenceOptions
from tacit.inference.reliability import coverage_in_words
from tacit.settings import Settings

_VARIATIONAL = "variational.safetensors"
# Amortized fits that are kept at hand, ready to answer.
_MOST_OPEN = 16


class OpenAnswers:
    """The amortized fits that were asked last, ready to answer: to read one and to compile for it takes seconds."""

    def __init__(self, store: FitStore) -> None:
        self._store = store
        self._open: OrderedDict[str, tuple[Answers, Dataset]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, fit: Fit, model: Model) -> tuple[Answers, Dataset]:
        """What answers for a fit, and the data that were fitted.

        Raises:
            ConflictError: It was made for its own data alone.
            NotCalibratedError: It has converged, and its posteriors do not hold what they should.
        """
        fit_id = fit.request.id
        with self._lock:
            if fit_id not in self._open:
                self._open[fit_id] = self._take_up(fit, model)
            self._open.move_to_end(fit_id)
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return self._open[fit_id]

    def _take_up(self, fit: Fit, model: Model) -> tuple[Answers, Dataset]:
        request = fit.request
        options = InferenceOptions(**request.options)
        if options.objective != "amortized":
            raise ConflictError(
                f"Fit {request.id} knows the posterior of its own data only: make one with the inference option "
                "objective 'amortized'."
            )
        calibration = json.loads(self._store.artefact(fit, DIAGNOSTICS))["calibration"]
        # Who asks a fit that has not converged has said that he wants its answers all the same.
        if not calibration["offered"] and fit.not_converged is None:
            raise NotCalibratedError(
                f"Fit {request.id} is not calibrated: {coverage_in_words(calibration)}. Give it more simulations and "
                "steps, or fit each data set by itself."
            )
        dataset = Dataset.from_stored(self._store.data(request), dict(request.dims))
        return Answers(model.problem(dataset), options, self._store.arrays(fit, _VARIATIONAL)), dataset


def answer_table(
    opened: OpenAnswers, store: FitStore, fit: Fit, model: Model, body: PosteriorCreate, settings: Settings
) -> Table:
    """Draws of the posterior of other data than the fit's; errors as `OpenAnswers.of`.

    Raises:
        InvalidInputError: With one entry for each thing that is wrong.
    """
    answers, dataset = opened.of(fit, model)
    given = _observed(model, dataset, body.data)
    count = fit.request.draws if body.draws is None else body.draws
    if count > settings.max_draws:
        raise refused("/draws", f"At most {settings.max_draws} on this service.")
    # An answer has the variables of the fit's own posterior.
    own = FitDraws(store, fit, model)
    names = chosen(body.vars, own.shapes, "/vars") or sorted(own.shapes)
    columns = own.columns(names)
    check_size(columns, count, settings, "/draws")
    found = answers.answer(given.arrays, seed=body.seed, num_draws=count, missing=given.missing)
    figures = {name: found.diagnostics[name] for name in ("k_hat", "effective_draws", "surprise")}
    return Table(
        header={"fit": fit.request.id, "num_draws": count, "seed": body.seed, **figures, "warnings": found.warnings},
        columns=columns,
        rows=count,
        parts=iter([{name: found.posterior[name] for name in names}]),
        attributes={"inference_library": "tacit", "model": f"{model.name}@{model.version}", "seed": body.seed},
    )


def started(
    opened: OpenAnswers, store: FitStore, registry: Registry, body: FitCreate, model: Model, owner: str | None
) -> FitCreate:
    """The request for a fit that begins where an amortized fit's answer for its data is.

    Args:
        owner: Whose fits the caller sees; None for all.

    Raises:
        InvalidInputError: With one entry for each thing that is wrong.
    """
    assert body.start_from is not None
    try:
        fit = store.fit(body.start_from)
        if owner is not None and fit.request.owner != owner:
            raise NotFoundError(body.start_from)
    except NotFoundError as error:
        raise refused("/start_from", "There is no such fit.") from error
    if not fit.status.final:
        raise refused("/start_from", f"This fit is {fit.status}; wait until it has succeeded.")
    if fit.status is not Status.SUCCEEDED:
        raise refused("/start_from", f"This fit ended as {fit.status}; give one that has succeeded.")
    if (fit.request.model, fit.request.version) != (model.name, model.version):
        raise refused("/start_from", f"This fit is of {fit.request.model}@{fit.request.version}, not of {model.name}.")
    if "start" in body.inference:
        raise refused("/inference/start", "Give a start or a fit to start from, not both.")
    if body.inference.get("objective", "forward") != "forward":
        raise refused("/inference/objective", "A fit that starts from another one has objective forward.")
    try:
        answers, dataset = opened.of(fit, fitted_model(registry, fit))
    except ConflictError as error:
        raise refused("/start_from", str(error)) from error
    given = model.resolve(body.data)
    other = [name for name in model.covariates if not np.array_equal(given.arrays[name], dataset.arrays[name])]
    if other:
        detail = f"{other[0]} is not as in fit {fit.request.id}, which knows posteriors at its own covariates only."
        raise refused(at("/data", other[0]), detail)
    seen = _observed(model, dataset, {name: body.data[name] for name in model.observed})
    start = answers.start(seen.arrays, missing=seen.missing)
    inference = {**body.inference, "objective": "forward", "start": start.model_dump()}
    return body.model_copy(update={"inference": inference})


def _observed(model: Model, dataset: Dataset, data: Mapping[str, Any]) -> Dataset:
    """The observed variables, in the shapes of the fit and with its gaps."""
    known = [name for name in data if name in model.covariates]
    if known:
        detail = f"{known[0]} is a covariate, and stays as it was in the fit: leave it out."
        raise InvalidInputError([FieldError(at("/data", known[0]), detail)])
    fields = {name: dataclasses.replace(model.data[name], shape=dataset.arrays[name].shape) for name in model.observed}
    given = resolve(fields, data)
    other = [n for n in fields if not np.array_equal(given.missing.get(n, False), dataset.missing.get(n, False))]
    if other:
        detail = (
            f"{other[0]} has other gaps than in the fit, which knows posteriors of data with its own gaps only: make a "
            "fit of these data."
        )
        raise InvalidInputError([FieldError(at("/data", other[0]), detail)])
    return given
