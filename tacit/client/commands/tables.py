"""What people see of answers: tables."""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
import numpy as np
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from tacit.client.answers import (
    Diagnostics,
    FitState,
    Losses,
    ModelDetail,
    ModelSummary,
    Summary,
    element,
    failures,
)
from tacit.client.reading import FAILED, Arrays

# Rows that people read; more are counted.
MOST_ROWS = 60
# Characters of a line where there is no terminal to have a width.
_WIDTH = 160
_ID_WIDTH = 40
# Reports of the losses that are shown: enough to see whether they have come to rest.
_REPORTS = 12


def print_json(value: Any) -> None:
    """An answer, or JSON that has some in it, on one line."""
    click.echo(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    assert isinstance(value, BaseModel), f"{type(value).__name__} is no answer"
    return value.model_dump(mode="json")


def show(*things: Any) -> None:
    """Tables and lines, on stdout."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    for thing in things:
        console.print(thing)


def _table(name: str, *columns: str) -> Table:
    """An empty table; what its first column has can be copied whole, however narrow the terminal is."""
    table = Table(box=None, pad_edge=False)
    table.add_column(name, no_wrap=True, overflow="ignore", min_width=_ID_WIDTH if name == "fit" else None)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def models(found: Iterable[ModelSummary]) -> Table:
    table = _table("model", "version", "title", "data")
    for model in found:
        table.add_row(model.name, model.version, model.title, ", ".join((*model.inputs, *model.observed)))
    return table


def model(found: ModelDetail) -> list[Any]:
    """All that people need to know of a model."""
    fields = _table("field", "shape", "numbers", "what")
    for name, field in found.fields.items():
        what = field.description + (f" [{field.unit}]" if field.unit else "")
        role = "given" if field in found.inputs else "observed"
        fields.add_row(name, _shape(field.shape), field.numbers, f"{role}: {what}".rstrip(": "))
    variables = _table("variable", "shape", "numbers", "")
    for kind, listed in (("inferred", found.latents), ("computed", found.deterministics)):
        for each in listed:
            variables.add_row(each.name, _shape(each.shape), each.support, f"{kind}, {each.scope}")
    title = f"{found.name}@{found.version}: {found.title}"
    tries = [f"Try: tacit fit {found.name} --example", f"     tacit models show {found.name} --example > data.json"]
    return [title, "", found.description, "", fields, "", variables, "", *found.references, "", *tries]


def _shape(shape: Sequence[str | int]) -> str:
    return " x ".join(map(str, shape)) or "1"


def fits(found: Iterable[FitState]) -> Table:
    table = _table("fit", "status", "model", "done", "created", "tags")
    for fit in found:
        table.add_row(fit.id, fit.status, fit.model, _done(fit), _moment(fit.created_at), ", ".join(fit.tags))
    return table


def fit(found: FitState) -> list[Any]:
    """Where a fit stands."""
    table = Table(show_header=False, box=None, pad_edge=False)
    times = {name: getattr(found, f"{name}_at") for name in ("created", "started", "finished")}
    rows = {
        "fit": found.id,
        "model": f"{found.model}@{found.version}",
        "status": found.status,
        "done": _done(found),
        **{name: _moment(at) for name, at in times.items() if at is not None},
        "seed": str(found.seed),
        "draws": str(found.draws),
        "tags": ", ".join(found.tags),
        "again of": found.retried_from or "",
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    failure = [f"Error: {found.error.message} ({found.error.code})"] if found.error is not None else []
    return [table, *failure, *warnings(found)]


def warnings(fit: FitState) -> list[str]:
    return [f"Warning: {warning}" for warning in fit.warnings]


def summary(found: Summary) -> list[Any]:
    """Mean, sd and quantiles of each number."""
    columns = ("mean", "sd", "q05", "q50", "q95")
    rows = [(row.name, [getattr(row, column) for column in columns]) for row in found.rows()]
    return [*_numbers(("variable", *columns), rows), "", found.worth, *failures(found.failed_draws)]


def figures(found: Diagnostics) -> Table:
    """The figures that a fit is judged by."""
    table = _table("figure", "value")
    for name, value in found.figures.items():
        table.add_row(name, f"{value:.4g}" if isinstance(value, int | float) else json.dumps(value))
    return table


def losses(found: Losses) -> list[Any]:
    """How the losses went: some of the reports, from the first to the last."""
    shown = np.unique(np.linspace(0, len(found.step) - 1, num=min(_REPORTS, len(found.step))).round().astype(int))
    rows = [(str(found.step[row]), [found.loss_gen[row], found.loss_disc[row]]) for row in shown]
    return _numbers(("step", "loss_gen", "loss_disc"), rows)


def quantiles(found: Arrays, probabilities: Sequence[float]) -> list[Any]:
    """Quantiles of each number; the first axis of each array is the quantiles. Then of how many draws they are not."""
    failed = {name.removeprefix(FAILED): int(count) for name, count in found.items() if name.startswith(FAILED)}
    columns = [f"q{100 * probability:04.1f}".removesuffix(".0") for probability in probabilities]
    rows = [
        (element(name, index), list(values[(slice(None), *index)]))
        for name, values in found.items()
        if not name.startswith(FAILED)
        for index in np.ndindex(values.shape[1:])
    ]
    said = failures(failed)
    return [*_numbers(("variable", *columns), rows), *(["", *said] if said else [])]


def _numbers(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> list[Any]:
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for name, values in rows[:MOST_ROWS]:
        table.add_row(name, *("-" if np.isnan(value) else f"{value:.4g}" for value in values))
    more = len(rows) - MOST_ROWS
    return [table, f"... and {more} more: all of them by --json, or into a file by --output."] if more > 0 else [table]


def _done(fit: FitState) -> str:
    if fit.progress is None:
        return f"behind {fit.queue_position}" if fit.queue_position else ""
    return f"{fit.progress.step}/{fit.progress.total}"


def _moment(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
