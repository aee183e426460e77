"""Commands that ask a service, against a running one."""

import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tacit.client import Client, Fit
from tacit.client.cli import main
from tacit.client.commands.exits import Exit
from tests.client.conftest import COUNTS
from tests.client.faults import faulty, refuse
from tests.running import Up

SHORT = ("-i", "steps=200", "--draws", "100")


@pytest.fixture
def run(service: Up, fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `tacit` in a folder of its own. The service has the fit `fit`."""
    monkeypatch.setenv("TACIT_URL", service.address)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, input: str | bytes | None = None, expect: int = 0) -> Result:
        result = CliRunner(catch_exceptions=False).invoke(main, arguments, input=input, env={"COLUMNS": "120"})
        assert result.exit_code == expect, result.output
        return result

    return run


def test_models_are_listed_and_shown(run: Any) -> None:
    listed = run("models", "list").stdout
    assert "eight-schools" in listed
    assert "poisson-rate" in [model["name"] for model in json.loads(run("models", "list", "--json").stdout)]
    shown = run("models", "show", "eight-schools").stdout
    assert "sigma" in shown
    assert "inferred, local" in shown
    detail = json.loads(run("models", "show", "eight-schools", "--json").stdout)
    assert detail["data_schema"]["required"] == ["y", "sigma"]


def test_the_example_of_a_model_is_fitted(run: Any) -> None:
    example = run("models", "show", "poisson-rate", "--example").stdout
    assert json.loads(example) == {"x": COUNTS}
    result = run("fit", "poisson-rate", "-", *SHORT, "--seed", "11", input=example)
    assert result.stdout.splitlines()[1].split()[0] == "z"
    assert "100 draws, ess" in result.stdout
    again = run("fit", "poisson-rate", "--example", *SHORT, "--seed", "11", "--output", "draws.npz")
    assert "was computed before" in again.stderr
    assert np.load("draws.npz")["z"].shape == (100,)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("x\n" + "\n".join(map(str, COUNTS)), ()),
        ("when;count\n" + "\n".join(f"mon;{n}" for n in COUNTS) + "\n\n", ("--columns", "x=count")),
        (json.dumps({"x": COUNTS}), ()),
        (b"\xef\xbb\xbf" + json.dumps({"x": COUNTS}).encode(), ()),
    ],
)
def test_files_of_every_kind_give_the_same_fit(run: Any, fit: Fit, content: str | bytes, options: Any) -> None:
    result = run("fit", "poisson-rate", "-", *options, *SHORT, "--seed", "11", "--json", input=content)
    body = json.loads(result.stdout)
    assert (body["id"], body["status"]) == (fit.id, "succeeded")
    np.testing.assert_allclose(body["summary"]["vars"]["z"]["mean"], fit.summary().vars["z"].mean)
    assert ("not used: when" in result.stderr) == bool(options)


def test_npz_is_read(run: Any, fit: Fit) -> None:
    np.savez("data.npz", x=np.array(COUNTS))
    assert json.loads(run("fit", "poisson-rate", "data.npz", *SHORT, "--seed", "11", "--json").stdout)["id"] == fit.id


def test_matrices_are_read_from_columns(run: Any) -> None:
    Path("data.csv").write_text("x.1,x.2,price\n1,0.5,3\n1,-0.5,2\n1,0.25,2.5\n")
    options = ("-c", "y=price", "-i", "steps=100", "--tag", "matrix", "--detach")
    fit_id = run("fit", "linear-regression", "data.csv", *options).stdout.strip()
    run("cancel", fit_id)
    body = json.loads(run("status", "--tag", "matrix", "--json").stdout)[0]
    assert body["id"] == fit_id
    assert body["status"] in ("cancelling", "cancelled")


def test_status_watch_predict_and_posterior(run: Any, fit: Fit, tmp_path: Path) -> None:
    assert fit.id in run("status", "--tag", "shared").stdout
    shown = run("status", fit.id).stdout
    assert "succeeded" in shown
    assert "k_hat" in shown
    assert "100 draws" in run("watch", fit.id).stdout
    events = [json.loads(line) for line in run("watch", fit.id, "--json").stdout.splitlines()]
    assert events[-1]["type"] == "terminal"

    predicted = run("predict", fit.id, "-", "--set", "z=0", "-q", "0.5", input='{"N": 2}').stdout.splitlines()
    assert [line.split()[0] for line in predicted] == ["variable", "x[0]", "x[1]"]
    assert predicted[0].split() == ["variable", "q50"]
    draws = json.loads(run("predict", fit.id, "--draws", "3", "--seed", "5", "--json").stdout)
    assert (draws["seed"], np.shape(draws["vars"]["x"])) == (5, (3, 10))
    run("predict", fit.id, "--draws", "4", "--log-likelihood", "-o", "predicted.npz")
    assert zipfile.ZipFile("predicted.npz").namelist() == ["x.npy", "log_likelihood/x.npy"]

    assert run("posterior", fit.id, "--var", "z").stdout.splitlines()[1].split()[0] == "z"
    assert len(json.loads(run("posterior", fit.id, "--draws", "3", "--json").stdout)["vars"]["z"]) == 3
    run("posterior", fit.id, "-o", "posterior.nc")
    assert {path.name for path in tmp_path.iterdir()} == {"predicted.npz", "posterior.nc"}


def test_predictions_from_the_prior(run: Any) -> None:
    predicted = run("prior", "poisson-rate", "-", "--set", "z=0", "-q", "0.5", input='{"N": 2}').stdout.splitlines()
    assert [line.split()[0] for line in predicted] == ["variable", "x[0]", "x[1]"]
    shown = run("prior", "eight-schools", "--example", "--var", "mu", "--var", "y").stdout.splitlines()
    assert shown[0].split() == ["variable", "q05", "q50", "q95"]
    assert [line.split()[0] for line in shown[1:]] == ["mu", *(f"y[{number}]" for number in range(8))]
    draws = json.loads(run("prior", "poisson-rate", "--example", "--draws", "3", "--seed", "5", "--json").stdout)
    assert (draws["model"], draws["seed"], np.shape(draws["vars"]["x"])) == ("poisson-rate", 5, (3, 10))
    run("prior", "poisson-rate", "--example", "--draws", "4", "-o", "prior.npz")
    assert np.load("prior.npz")["x"].shape == (4, 10)


def test_fits_are_detached_cancelled_and_retried(run: Any) -> None:
    endless = ("fit", "poisson-rate", "--example", "-i", "steps=1000000", "--detach")
    fit_id = run(*endless).stdout.strip()
    assert run("cancel", fit_id).stdout.startswith(f"{fit_id}: cancel")
    assert "was cancelled" in run("watch", fit_id, expect=Exit.FIT_CANCELLED).stderr
    run("watch", fit_id, "--json", expect=Exit.FIT_CANCELLED)
    again = json.loads(run("retry", fit_id, "--json").stdout)
    assert again["retried_from"] == fit_id
    run("cancel", again["id"])
    run("cancel", again["id"])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("fit", "poisson-rate"), 2, "Give files of data"),
        (("fit", "poisson-rate", "--example", "-i", "steps"), 2, "not of the form name=value"),
        (("fit", "poisson-rate", "--example", "--steps", "300"), 2, "is given by -i steps=VALUE"),
        (("fit", "poisson-rate", "--example", "-i", "steps=1"), Exit.REFUSED, "/inference/steps"),
        (("fit", "poisson-rat", "--example"), Exit.NOT_FOUND, "poisson-rate"),
        (("fit", "poisson-rate", "nothing.csv"), Exit.REFUSED, "nothing.csv cannot be read: No such file"),
        (("prior", "poisson-rate"), Exit.REFUSED, "N is missing: say how many"),
        (("prior", "poisson-rate", "-", "--example"), 2, "or --example"),
        (("status", "fit_1"), Exit.NOT_FOUND, "not_found"),
        (("status", "../models"), Exit.REFUSED, "is not the id of a fit"),
        (("status", "--url", "nonsense"), Exit.UNAVAILABLE, "is no address"),
    ],
)
def test_what_goes_wrong_is_said_and_has_a_code(run: Any, arguments: tuple[str, ...], code: int, says: str) -> None:
    assert says in run(*arguments, expect=code).stderr
    if code != 2:
        error = json.loads(run(*arguments, "--json", expect=code).stderr)["error"]
        assert says in json.dumps(error)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "standard input is empty"),
        ("{", "is not JSON"),
        ("1", "There are no rows of numbers"),
        ("count\n1\n", "none is named like a field (x)"),
        ("x\n1\nNA\n", "Row 2 (line 3), column x: there is no number ('NA')"),
        ("x,y\n1,\n2,\n", "columns that are not used: y"),
        ("x,x\n1,2\n", "Two columns have the same name"),
        (b"\xff\xfe\x00", "This begins like UTF-16 and is not"),
        (b"PK\x03\x04 broken", "not text but a zip file"),
        ('{"x": [1, -1]}', "must be 0 or greater"),
    ],
)
def test_what_is_wrong_with_data_is_said(run: Any, content: str | bytes, says: str) -> None:
    expected = 0 if "not used" in says else Exit.REFUSED
    result = run("fit", "poisson-rate", "-", "-i", "steps=200", "--detach", input=content, expect=expected)
    assert says in result.stderr
    if expected == 0:
        run("cancel", result.stdout.strip())


def test_two_fields_in_one_option_are_told_apart(run: Any) -> None:
    Path("schools.csv").write_text("effect,se\n28,15\n8,10\n")
    said = run("fit", "eight-schools", "schools.csv", "--columns", "y=effect,sigma=se", expect=Exit.REFUSED).stderr
    assert "no column 'sigma=se'" in said
    assert "--columns sigma=se" in " ".join(said.split())


def test_fields_come_from_one_place(run: Any) -> None:
    Path("a.json").write_text('{"x": [1, 2]}')
    assert "x came before" in run("fit", "poisson-rate", "a.json", "a.json", expect=Exit.REFUSED).stderr


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refuse(401, "unauthorized"), Exit.NOT_ALLOWED),
        (refuse(403, "forbidden"), Exit.NOT_ALLOWED),
        (refuse(409, "has_ended"), Exit.CONFLICT),
        (refuse(429, "too_many_fits", Retry_After="3600"), Exit.UNAVAILABLE),
        (refuse(503, "unavailable", Retry_After="3600"), Exit.UNAVAILABLE),
        (refuse(500, "internal_error"), Exit.ERROR),
    ],
)
def test_refusals_have_codes(run: Any, answer: Any, code: int) -> None:
    with faulty(answer) as server:
        run("models", "list", "--url", server.address, expect=code)


def test_ctrl_c_ends_the_waiting_and_not_the_fit(service: Up, client: Client) -> None:
    # As in a terminal, also where the tests run in the background: there a shell has its children ignore Ctrl-C.
    # The command sets this itself: a `preexec_fn` would fork this process, in which JAX may have threads.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    tacit = [sys.executable, "-c", f"{listening}; from tacit.client.cli import main; main()"]
    command = [*tacit, "fit", "poisson-rate", "--example", "-i", "steps=1000000", "--url", service.address]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            fit_id = process.stderr.readline().strip()
            assert fit_id.startswith("fit_")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == Exit.INTERRUPTED
    assert f"The fit goes on: `tacit watch {fit_id}`" in said
    assert client.get(fit_id).cancel().status in ("cancelling", "cancelled")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_of_completion(run: Any, shell: str) -> None:
    assert "_TACIT_COMPLETE" in run("completion", shell).stdout


def test_models_and_fits_are_completed(run: Any, fit: Fit) -> None:
    def completed(line: str) -> list[str]:
        words = line.split(" ")
        env = {"_TACIT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        shown = CliRunner().invoke(main, [], prog_name="tacit", env=env).stdout
        return [item.partition(",")[2] for item in shown.splitlines() if item]

    assert completed("tacit fit eight") == ["eight-schools"]
    assert fit.id in completed(f"tacit status {fit.id[:-3]}")
    assert "--columns" in completed("tacit fit --col")
    with faulty() as server:
        nobody = server.address
    assert completed(f"tacit fit --url {nobody} eight") == []


def test_every_command_says_how_it_is_used(run: Any) -> None:
    for name, command in main.commands.items():
        assert command.help, name
        run(name, "--help")
    for name in ("fit", "status", "watch", "predict", "prior", "posterior", "cancel", "retry", "completion"):
        assert f"  tacit {name} " in run(name, "--help").stdout
