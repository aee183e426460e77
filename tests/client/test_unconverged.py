"""The client and the commands at a fit that was computed to its end and has not converged."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tacit.client import Client, ConflictError, Fit, FitFailedError
from tacit.client.cli import main
from tacit.client.commands.exits import Exit
from tacit.fits import FitStore
from tacit.settings import Settings
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, REASON, make_draws, miss
from tests.serving import serving


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    with serving(settings) as address:
        yield address


@pytest.fixture
def run(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `tacit` in a folder of its own."""
    monkeypatch.setenv("TACIT_URL", address)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, expect: int = 0) -> Result:
        result = CliRunner(catch_exceptions=False).invoke(main, arguments, env={"COLUMNS": "160"})
        assert result.exit_code == expect, result.output
        return result

    return run


@pytest.fixture
def missed(address: str, store: FitStore) -> Iterator[Fit]:
    """A fit that has not converged."""
    with Client(address) as client:
        fit = client.fit("eight-schools", EIGHT_SCHOOLS["data"], draws=DRAWS, seed=1)
        miss(store, fit.id)
        yield fit


def test_the_client_says_why_and_gives_the_draws_to_who_asks(missed: Fit, tmp_path: Path) -> None:
    with pytest.raises(FitFailedError) as raised:
        missed.wait()
    assert (raised.value.code, raised.value.reason) == ("not_converged", REASON)
    assert missed.state.not_converged
    assert (missed.diagnostics().figures["k_hat"], missed.diagnostics().not_converged) == (0.25, REASON)
    assert missed.losses().step == [25, 125, 200]
    for ask in (missed.summary, missed.posterior_arrays, missed.posterior_predictive, missed.retry):
        with pytest.raises(ConflictError, match=r"Give it more steps") as refused:
            ask()
        assert refused.value.code == "not_converged"

    summary = missed.summary(unconverged=True)
    assert not summary.converged
    assert "NOT CONVERGED" in str(summary).splitlines()[-1]
    np.testing.assert_array_equal(missed.posterior_arrays(unconverged=True)["mu"], make_draws()["mu"])
    assert missed.posterior(unconverged=True).posterior.attrs["converged"] == 0
    predicted = missed.posterior_predictive(unconverged=True)
    assert predicted.posterior_predictive.attrs["converged"] == 0
    missed.save_posterior(tmp_path / "draws.json", unconverged=True)
    assert json.loads((tmp_path / "draws.json").read_text())["converged"] is False


def test_the_commands_say_why_and_show_the_draws_to_who_asks(run: Any, missed: Fit) -> None:
    def explained(result: Result, *, draws: bool) -> None:
        lines = [line.split() for line in result.stdout.splitlines()]
        assert ["k_hat", "0.25"] in lines
        assert ["200", "2.5", "0.25"] in lines
        assert ("NOT CONVERGED" in result.stdout) == draws
        assert (f"tacit posterior {missed.id} --unconverged" in result.stdout) == (not draws)

    for draws in (False, True):
        option = ("--unconverged",) if draws else ()
        shown = run("status", missed.id, *option)
        assert f"Error: {REASON} (not_converged)" in shown.stdout
        explained(shown, draws=draws)
        watched = run("watch", missed.id, *option, expect=Exit.FIT_FAILED)
        assert REASON in watched.stderr
        explained(watched, draws=draws)
        body = json.loads(run("status", missed.id, "--json", *option).stdout)
        assert body["diagnostics"]["figures"]["k_hat"] == 0.25
        assert (body["summary"] or {}).get("converged", None) is (False if draws else None)
    events = run("watch", missed.id, "--json", expect=Exit.FIT_FAILED)
    assert json.loads(events.stdout.splitlines()[-1])["data"]["error"]["code"] == "not_converged"
    assert json.loads(events.stderr)["error"]["code"] == "not_converged"

    for command in ("posterior", "predict", "retry"):
        assert "409 not_converged" in run(command, missed.id, expect=Exit.CONFLICT).stderr
    assert "NOT CONVERGED" in run("posterior", missed.id, "--unconverged").stdout
    run("posterior", missed.id, "--unconverged", "-o", "draws.npz")
    np.testing.assert_array_equal(np.load("draws.npz")["mu"], make_draws()["mu"])
    assert run("predict", missed.id, "--unconverged", "--var", "mu").stdout.splitlines()[1].split()[0] == "mu"
    assert "give its id" in run("status", "--unconverged", expect=2).stderr


def test_a_fit_that_misses_saves_its_draws_only_if_they_are_wanted(run: Any, store: FitStore) -> None:
    stop = threading.Event()

    def work() -> None:
        """A worker whose fits do not arrive."""
        while not stop.wait(0.05):
            for fit_id in store.open_fits():
                miss(store, fit_id)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        fit = ("fit", "eight-schools", "--example", "--draws", str(DRAWS), "-o", "draws.npz")
        shown = run(*fit, expect=Exit.FIT_FAILED)
        assert REASON in shown.stderr
        assert ["k_hat", "0.25"] in [line.split() for line in shown.stdout.splitlines()]
        assert not Path("draws.npz").exists()
        # Whatever it shows, it ends as a fit that has failed does.
        wanted = run(*fit, "--unconverged", expect=Exit.FIT_FAILED)
        assert "NOT CONVERGED" in wanted.stdout
        assert "Draws that are no posterior are in draws.npz" in wanted.stderr
        np.testing.assert_array_equal(np.load("draws.npz")["mu"], make_draws()["mu"])
    finally:
        stop.set()
        worker.join()
