"""Pictures of a model's predictions over the data of its example: from the prior on the left, from the fit on the
right.

What suits the data is chosen by their shape: values of independent points without a covariate as a histogram; matrices
whose columns have a covariate as series, many other columns by the sums of rows; all else as points over a covariate,
in the order of what is predicted where there are many covariates, or as they come.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from model_registry import Model

Numbers = NDArray[Any]

_MODEL, _DATA = "#3b6ea5", "#c4572e"
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_TITLES = {"prior": "before the data", "posterior": "fitted"}
# The axis reaches so far beyond the data and the fit's band, in parts of their range, and no further beyond the data
# than this; the prior may lie outside.
_ROOM, _FAR = 0.6, 1.5
_LONG_NUMBER = re.compile(r"(?<=[\s\"ML(])-?\d+\.\d{3,}")
_FEW = 40
_BEYOND = 1e12
# So few points would hide each other at the same place.
_HIDDEN = 12
_MOST_COLUMNS = 2
# Values whose largest is so many times the middle one are drawn on a scale that is logarithmic above 1.
_LONG_TAIL = 15
_MOST_BINS = 30


class Panel(NamedTuple):
    """One array of values over an axis.

    Attributes:
      values: (n,) that were observed, or (rows, n): a series for each row.
      draws: by "prior" and "posterior", (draws, *values.shape).
      over: (n,) their places on the axis; None for a histogram.
      label, across: names of the two axes.
      positive: no values are below 0.
    """

    values: Numbers
    draws: Mapping[str, Numbers]
    over: Numbers | None
    label: str
    across: str
    positive: bool


def draw(model: Model, draws: Mapping[str, Numbers], path: Path) -> None:
    """Draws into an SVG file.

    Args:
      draws: `{"prior/y": (draws, *shape), "posterior/y": ...}` for each observed variable.
      path: of the file.
    """
    panels = [panel for name in model.observed for panel in _panels(model, name, draws)]
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tacit", "font.size": 9}):
        figure = Figure(figsize=(8.0, 2.9 * len(panels)), layout="constrained", facecolor="white")
        grid = figure.subplots(len(panels), 2, sharey="row", squeeze=False)
        for panel, row in zip(panels, grid, strict=True):
            for which, axes in zip(_TITLES, row, strict=True):
                _drawn(panel)(axes, panel, panel.draws[which])
                axes.set_title(_TITLES[which], fontsize=9)
                axes.set_xlabel(panel.across)
                if panel.across.startswith("in the order"):
                    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
                axes.spines[["top", "right"]].set_visible(False)
            row[0].set_ylabel("share of the values" if panel.over is None else panel.label)
        grid[0][1].legend(fontsize=7, frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    # Hundredths of a point are enough for places; words, which follow a ">", stay as they are.
    text = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}", path.read_text(encoding="utf-8"))
    text = "\n".join(line.rstrip() for line in text.splitlines())
    path.write_text(text + "\n", encoding="utf-8")


def _panels(model: Model, name: str, draws: Mapping[str, Numbers]) -> list[Panel]:
    dataset = model.resolve(model.example)
    values = dataset.arrays[name]
    field = model.data[name]
    positive = field.support != "real"
    label = f"{name} ({field.unit})" if field.unit else name
    both = {which: draws[f"{which}/{name}"] for which in _TITLES}
    over, across = _axis(model, name, dataset.arrays)
    if across and values.ndim == 2 and model.data[across].shape == field.shape[1:]:
        return [Panel(values, both, over, label, _named(model, across), positive)]
    if values.ndim == 2 and values.shape[1] > _MOST_COLUMNS:
        both = {which: each.sum(axis=2) for which, each in both.items()}
        values, label = values.sum(axis=1), f"sums of the rows of {label}"
    if values.ndim == 2:
        parts = [
            (values[:, column], {which: each[:, :, column] for which, each in both.items()}, f"{name}[:, {column}]")
            for column in range(values.shape[1])
        ]
    else:
        parts = [(values, both, label)]
    if over is None and model.data_plate is not None and not model.covariates:
        return [Panel(part, drawn, None, words, words, positive) for part, drawn, words in parts]
    return [_over(model, part, drawn, words, over, across, positive) for part, drawn, words in parts]


def _over(
    model: Model,
    values: Numbers,
    draws: Mapping[str, Numbers],
    label: str,
    over: Numbers | None,
    across: str,
    positive: bool,
) -> Panel:
    """Points over the covariate, or in an order."""
    if over is not None:
        return Panel(values, draws, over, label, _named(model, across), positive)
    if any(model.data[each].shape[1:] for each in model.covariates):
        fitted = draws["posterior"]
        ranks = np.argsort(np.argsort(fitted.mean(axis=0), kind="stable"), kind="stable")
        return Panel(values, draws, ranks, label, "in the order of what is predicted", positive)
    return Panel(values, draws, np.arange(len(values)), label, "in the order of the data", positive)


def _axis(model: Model, name: str, arrays: Mapping[str, Numbers]) -> tuple[Numbers | None, str]:
    """The covariate to draw over, and its name: one along an axis of the values, or the only column of a design that is
    no intercept. Of several columns none is better than the others."""
    shape = model.data[name].shape
    for each in model.covariates:
        found = arrays[each]
        places = len(np.unique(found))
        apart = places == found.size or found.size > _HIDDEN
        if model.data[each].shape in (shape[:1], shape[1:]) and found.ndim == 1 and places > 2 and apart:
            return found, each
    for each in model.covariates:
        found = arrays[each]
        if found.ndim == 2 and model.data[each].shape[0] == shape[0]:
            columns = [column for column in range(found.shape[1]) if len(np.unique(found[:, column])) > 1]
            if len(columns) == 1:
                return found[:, columns[0]], f"{each}[:, {columns[0]}]"
    return None, ""


def _named(model: Model, name: str) -> str:
    unit = model.data[name].unit if name in model.data else ""
    return f"{name} ({unit})" if unit else name


def _drawn(panel: Panel) -> Callable[[Axes, Panel, Numbers], None]:
    if panel.over is None:
        return _histogram
    return _series if panel.values.ndim == 2 else _points


def _points(axes: Axes, panel: Panel, draws: Numbers) -> None:
    """Each value and what is predicted for it: bars for few, bands for many."""
    assert panel.over is not None
    order = np.argsort(panel.over, kind="stable")
    over = panel.over[order]
    if set(np.unique(panel.values)) == {0, 1}:
        _chances(axes, over, panel.values[order], draws[:, order])
        return
    low, lower, middle, upper, high = _scaled(axes, panel, draws[:, order])
    if len(order) <= _FEW:
        axes.vlines(over, low, high, color=_MODEL, alpha=0.45, linewidth=1.5, label="predicted, 90 %")
        axes.vlines(over, lower, upper, color=_MODEL, alpha=0.8, linewidth=4, label="50 %")
    else:
        axes.fill_between(over, low, high, color=_MODEL, alpha=0.2, linewidth=0, label="predicted, 90 %")
        axes.fill_between(over, lower, upper, color=_MODEL, alpha=0.4, linewidth=0, label="50 %")
        axes.plot(over, middle, color=_MODEL, linewidth=1)
    axes.plot(over, panel.values[order], "o", color=_DATA, markersize=3.5 if len(order) <= 60 else 2, label="data")


def _chances(axes: Axes, over: Numbers, values: Numbers, draws: Numbers) -> None:
    """Answers of yes and no, and how likely a yes is."""
    form, size = ("-", 1.5) if len(over) > _FEW else ("_", 9)
    axes.plot(
        over, draws.mean(axis=0), form, color=_MODEL, linewidth=1.2, markersize=size, label="predicted chance of 1"
    )
    axes.plot(over, values, "o", color=_DATA, markersize=3.5, alpha=0.7, label="data")
    axes.set_ylim(-0.1, 1.1)


def _series(axes: Axes, panel: Panel, draws: Numbers) -> None:
    """Rows as series, over the bands that are predicted for a row."""
    assert panel.over is not None
    low, lower, middle, upper, high = _scaled(axes, panel, draws.reshape(-1, draws.shape[-1]))
    axes.fill_between(panel.over, low, high, color=_MODEL, alpha=0.2, linewidth=0, label="predicted, 90 %")
    axes.fill_between(panel.over, lower, upper, color=_MODEL, alpha=0.4, linewidth=0, label="50 %")
    axes.plot(panel.over, middle, color=_MODEL, linewidth=1)
    for number, row in enumerate(panel.values):
        axes.plot(
            panel.over, row, "o-", color=_DATA, markersize=2, linewidth=0.5, alpha=0.6, label="" if number else "data"
        )


def _histogram(axes: Axes, panel: Panel, draws: Numbers) -> None:
    """The histogram of the values, and those of data sets that are made up."""
    edges = _edges(panel)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    own = np.histogram(panel.values, edges)[0] / panel.values.size
    shares = np.stack([np.histogram(each, edges)[0] for each in draws]) / panel.values.size
    low, lower, _, upper, high = np.quantile(shares, _QUANTILES, axis=0)
    axes.bar(middles, own, width * 0.94, color=_DATA, alpha=0.55, label="data")
    axes.vlines(middles, low, high, color=_MODEL, alpha=0.6, linewidth=1.5, label="made-up data sets, 90 %")
    axes.vlines(middles, lower, upper, color=_MODEL, alpha=0.9, linewidth=4, label="50 %")


def _edges(panel: Panel) -> Numbers:
    low, high = float(panel.values.min()), float(panel.values.max())
    if np.issubdtype(panel.values.dtype, np.integer):
        room = max(1, round(0.3 * (high - low)))
        return np.arange(max(0, low - room) if panel.positive else low - room, high + room + 2) - 0.5
    low, high = np.quantile(panel.values, [0.005, 0.995])
    room = 0.15 * (high - low)
    return np.linspace(low - room, high + room, _MOST_BINS + 1)


def _quantiles(draws: Numbers) -> Numbers:
    # Draws of a prior may overflow, and then be no numbers: every other of those counts as too large.
    beyond = np.where(np.arange(len(draws)) % 2, _BEYOND, -_BEYOND).reshape(-1, *[1] * (draws.ndim - 1))
    known = np.where(np.isnan(draws), beyond, draws.astype(np.float64))
    found: Numbers = np.quantile(known.clip(-_BEYOND, _BEYOND), _QUANTILES, axis=0)
    return found


def _limits(panel: Panel) -> tuple[float, float, bool]:
    """Where the axis of values ends, and whether it is logarithmic: by the values and the fit; a prior may reach far
    beyond."""
    fitted = panel.draws["posterior"]
    found = _quantiles(fitted.reshape(-1, fitted.shape[-1]) if panel.values.ndim == 2 else fitted)
    least, most = float(panel.values.min()), float(panel.values.max())
    # Values that are all the same have no range of their own.
    far = _FAR * ((most - least) or float(found[-1].max() - found[0].min()))
    low, high = max(least - far, min(least, found[0].min())), min(most + far, max(most, found[-1].max()))
    if panel.positive and most > _LONG_TAIL * np.median(panel.values):
        return 0.0, 4 * high, True
    room = _ROOM * (high - low)
    return max(0.0, low - room) if panel.positive else low - room, high + room, False


def _scaled(axes: Axes, panel: Panel, draws: Numbers) -> Numbers:
    """Sets the axis of values; the quantiles of the draws, no further beyond it than is needed to see that they are."""
    bottom, top, logarithmic = _limits(panel)
    if logarithmic:
        axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(bottom, top)
    return _quantiles(draws).clip(bottom - (top - bottom), top + (top - bottom))
