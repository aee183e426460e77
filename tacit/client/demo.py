"""`tacit demo`: the whole service on one real data set, compared with published results.

Data: Rubin, D. B. (1981), Estimation in parallel randomized experiments, Journal of Educational Statistics 6(4).
Reference: posteriordb (Magnusson et al.), posterior `eight_schools-eight_schools_noncentered`, 10,000 draws by Stan.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tacit import processes
from tacit.client.answers import SummaryRow
from tacit.client.errors import ClientError
from tacit.client.progress import shown
from tacit.client.synchronous import Client, Fit

_SEED = 1
_TOLERANCE = 0.2  # reference standard deviations
# Many times what two busy cores take: a slow machine is no failure.
_START_TIMEOUT_S = 180.0
_FIT_TIMEOUT_S = 600.0
_READY = re.compile(r"Tacit is ready at (\S+)")


class Reference(NamedTuple):
    """Mean and standard deviation of a reference posterior."""

    mean: float
    sd: float


# Elements are counted from 0, as the service does; the reference counts them from 1.
_REFERENCE = {
    "theta[0]": Reference(6.1505, 5.6159),
    "theta[1]": Reference(4.9396, 4.6456),
    "theta[2]": Reference(3.9059, 5.2807),
    "theta[3]": Reference(4.7960, 4.7709),
    "theta[4]": Reference(3.6144, 4.6147),
    "theta[5]": Reference(4.0511, 4.7962),
    "theta[6]": Reference(6.3172, 5.0029),
    "theta[7]": Reference(4.8840, 5.3177),
    "mu": Reference(4.4105, 3.3093),
    "tau": Reference(3.6021, 3.1985),
}
# tau piles up at zero with a long tail: it is shown, and its mean is not held to the tolerance.
_CHECKED = [name for name in _REFERENCE if name != "tau"]


class DemoError(Exception):
    """The demo did not go as it should; the message says where."""


def run() -> None:
    """Run the demo.

    Raises:
        DemoError: Something failed, or the results are too far from the reference.
    """
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="tacit-demo-") as folder,
        _service(Path(folder), console) as address,
        Client(address) as client,
    ):
        try:
            far = _fit_and_compare(client, console)
        except ClientError as error:
            raise DemoError(str(error)) from error
    if far:
        raise DemoError(f"further than {_TOLERANCE} sd from the reference: {', '.join(far)}")
    console.print("demo: ok")


@contextmanager
def _service(folder: Path, console: Console) -> Iterator[str]:
    """A service of its own on a temporary folder: its address. All its processes end with this block."""
    console.print("Starting a server, the API and a worker ...")
    log = folder / "up.log"
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TACIT_") and name != "REDIS_URL"}
    command = [sys.executable, "-P", "-m", "tacit.client.cli", "up", "--port", "0", "--data-dir", str(folder / "data")]
    began = time.monotonic()
    with log.open("wb") as output:
        process = processes.spawn(command, death_signal="TERM", env=ours, output=output)
    try:
        address = _wait_ready(process, log)
        console.print(f"Ready at {address} after {time.monotonic() - began:.1f} s.")
        yield address
    finally:
        processes.stop(process, grace_s=20)
    if process.returncode != 0:
        raise DemoError(f"the service did not stop well ({processes.ending(process.returncode)}).\n{_tail(log)}")


def _wait_ready(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        found = _READY.search(log.read_text())
        if found:
            return found[1]
        if process.poll() is not None:
            raise DemoError(f"the service did not start.\n{_tail(log)}")
        time.sleep(0.05)
    raise DemoError(f"the service was not ready within {_START_TIMEOUT_S:.0f} s.\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-30:])


def _fit_and_compare(client: Client, console: Console) -> list[str]:
    """Fit, and show both tables; the variables that are too far from the reference."""
    data = client.model("eight-schools").example.data
    fit = client.fit("eight-schools", data, seed=_SEED)
    console.print(f"Accepted as {fit.id}.")
    _wait(fit, console)
    summary = {row.name: row for row in fit.summary().rows()}
    predictive = fit.posterior_predictive_arrays(seed=_SEED)["y"]
    console.print(_posterior_table(summary))
    console.print(_predictive_table(data["y"], predictive))
    return [name for name in _CHECKED if abs(_distance(name, summary[name].mean)) > _TOLERANCE]


def _wait(fit: Fit, console: Console) -> None:
    """Follow a fit to its end, showing its progress."""
    began = time.monotonic()
    with shown(console) as show:
        fit.wait(timeout_s=_FIT_TIMEOUT_S, progress=show)
    for warning in fit.state.warnings:
        console.print(f"Warning: {warning}", markup=False)
    console.print(f"Fitted in {time.monotonic() - began:.1f} s, on {fit.state.device}.")


def _distance(name: str, mean: float) -> float:
    """Of a mean from the reference mean, in reference standard deviations."""
    return (mean - _REFERENCE[name].mean) / _REFERENCE[name].sd


def _posterior_table(summary: dict[str, SummaryRow]) -> Table:
    table = Table(title="Posterior", title_justify="left")
    table.add_column("variable")
    for column in ("mean", "sd", "reference mean", "reference sd", "distance / sd"):
        table.add_column(column, justify="right")
    for name, reference in _REFERENCE.items():
        row = summary[name]
        numbers = (row.mean, row.sd, *reference, _distance(name, row.mean))
        table.add_row(name, *(f"{number:.2f}" for number in numbers))
    return table


def _predictive_table(observed: list[float], draws: NDArray[Any]) -> Table:
    """Observed effects beside what the fitted model predicts; `draws` has one row per draw."""
    table = Table(title="Posterior predictive", title_justify="left")
    table.add_column("school")
    for column in ("observed y", "mean", "5 %", "95 %"):
        table.add_column(column, justify="right")
    summaries = zip(observed, draws.mean(axis=0), *np.quantile(draws, [0.05, 0.95], axis=0), strict=True)
    for school, numbers in enumerate(summaries):
        table.add_row(str(school), *(f"{number:.1f}" for number in numbers))
    return table
