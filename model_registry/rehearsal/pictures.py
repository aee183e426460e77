"""A picture of a rehearsal: made-up data beside the example's, and where the truth lies in fits. Needs matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np

from model_registry.rehearsal.prior import PriorDraws
from model_registry.rehearsal.rehearse import Rehearsal

_COLUMNS = 4
_BINS = 40
_MODEL, _DATA = "#3b6ea5", "#c4572e"


def draw(rehearsal: Rehearsal, path: Path) -> None:
    """Draws into a file, whose suffix says the form. There must be draws of the prior."""
    # Not `pyplot`: it keeps state, and may want a screen.
    from matplotlib.figure import Figure

    assert rehearsal.draws is not None
    assert rehearsal.model is not None
    data = rehearsal.draws.simulated
    ranks = rehearsal.ranks.ranks if rehearsal.ranks is not None and rehearsal.ranks.fits else {}
    count = len(data) + len(ranks)
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.6 * columns, 2.8 * rows + 0.5), layout="constrained")
    axes = iter(np.atleast_1d(figure.subplots(rows, columns)).ravel())
    for name in data:
        _data_panel(next(axes), name, rehearsal.draws)
    for name, found in ranks.items():
        _rank_panel(next(axes), name, np.sort(found))
    for unused in axes:
        unused.set_axis_off()
    figure.suptitle(f"{rehearsal.model.name}@{rehearsal.model.version}")
    figure.savefig(path, dpi=120)


def _data_panel(axes: Any, name: str, draws: PriorDraws) -> None:
    """How often values come, in draws of the prior and in the example."""
    # In float32, a range of numbers that nearly overflow would.
    simulated, example = (each[name].ravel().astype(np.float64) for each in (draws.simulated, draws.example))
    simulated = simulated[np.isfinite(simulated)]
    axes.set_title(f"{name}: prior predictive", fontsize=9)
    axes.set_yticks([])
    if not simulated.size:
        axes.text(0.5, 0.5, "no finite draws", ha="center", transform=axes.transAxes)
        return
    low, high = np.quantile(simulated, [0.005, 0.995])
    bins = np.linspace(min(low, example.min()), max(high, example.max()), _BINS + 1)
    axes.hist(simulated, bins, density=True, color=_MODEL, alpha=0.5, label="draws of the prior")
    axes.hist(example, bins, density=True, histtype="step", color=_DATA, linewidth=1.5, label="example")
    axes.legend(fontsize=7)


def _rank_panel(axes: Any, name: str, ranks: np.ndarray) -> None:
    """The distribution of the ranks less that of uniform ones, over the band where it lies with 99 % at each place."""
    grid = np.linspace(0, 1, 101)
    band = 2.58 * np.sqrt(grid * (1 - grid) / len(ranks))
    axes.fill_between(grid, -band, band, color="0.9")
    axes.step(grid, np.searchsorted(ranks, grid, side="right") / len(ranks) - grid, color=_MODEL)
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.set_title(f"{name}: ranks of the truth\n(good within the grey)", fontsize=9)
    axes.set_xlabel("quantile of the posterior", fontsize=8)
    axes.set_ylabel("share of truths below it, less its due", fontsize=8)
    axes.set_ylim(-0.6, 0.6)
