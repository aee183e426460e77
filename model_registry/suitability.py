"""Which inference options suit a model: what the engine would refuse, told before anything is queued."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacit.errors import FieldError
from tacit.inference.options import InferenceOptions

if TYPE_CHECKING:
    from model_registry.specification import Model


def unsuitable(model: Model, options: InferenceOptions) -> list[FieldError]:
    """An entry for each option that cannot be had with this model; pointers into the options."""
    found = []
    of_points = [name for name in model.latents if model.is_local(name)]
    implicit = [
        name
        for name, each in model.variables.items()
        if each.kind == "implicit" and name in (*model.latents, *model.observed)
    ]
    if options.method == "klqp" and implicit:
        found.append(FieldError("/method", f"{implicit[0]} is a simulator without a density: use implicit_klqp."))
    if options.family == "amortized" and not of_points:
        found.append(
            FieldError(
                "/family",
                "amortized is for latents of each data point, and this model has none: use full_rank or flow.",
            )
        )
    if options.family == "flow" and len(of_points) == len(model.latents):
        found.append(
            FieldError("/family", "flow is for global latents, and this model has none: use full_rank or amortized.")
        )
    if options.objective in ("forward", "amortized") and of_points:
        found.append(
            FieldError(
                "/objective",
                f"{options.objective} is for global latents, and {of_points[0]} is of each data point: use reverse.",
            )
        )
    hidden = [name for name in of_points if name in implicit]
    if hidden and options.method == "implicit_klqp" and options.contrast == "marginal":
        found.append(
            FieldError("/contrast", f"{hidden[0]} is a latent without a density: only contrast empirical can infer it.")
        )
    return found
