"""What the author of a model is told."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from model_registry import starting
from model_registry.loader import read_model
from model_registry.rehearsal import (
    Calibration,
    PriorDraws,
    Rehearsal,
    calibration,
    pictures,
    prior,
    rehearse,
    structure,
)
from tacit.errors import ModelLoadError

FILE = """
    import jax
    import jax.numpy as jnp

    from model_registry import Field, Model
    from tacit.ppl import HalfNormal, Implicit, Normal, Poisson, plate


    def program({parameters}):
        mu = Normal(0.0, {scale}, name="mu")
        tau = HalfNormal(1.0, name="tau")
        {more}
        with plate("N", N):
            {observed}


    model = Model(
        name="{name}",
        title="{title}",
        description="For the tests.",
        program=program,
        data={{"y": Field(("N",){field})}},
        example={{"y": {example}}},
    )
"""
VALID = {
    "name": "tried-out",
    "title": "Tried out",
    "parameters": "N",
    "scale": "1.0",
    "more": "",
    "observed": 'Normal(mu, tau, name="y")',
    "field": "",
    "example": "[0.1, 1.2, -0.7]",
}


def _rehearsed(tmp_path: Path, *, fits: int = 0, **changes: str) -> Rehearsal:
    path = tmp_path / "model.py"
    path.write_text(textwrap.dedent(FILE).format(**{**VALID, **changes}))
    return rehearse(path, fits=fits, steps=100)


def _problems(found: Rehearsal) -> list[str]:
    return [finding.text for finding in found.findings if finding.mark == "problem"]


def test_a_good_model(tmp_path: Path) -> None:
    found = _rehearsed(tmp_path)
    assert found.passed
    assert {finding.mark for finding in found.findings} == {"good"}
    told = "\n".join(finding.text for finding in found.findings)
    for part in (
        "tried-out, version 1",
        "y (N values, real)",
        "mu (a number), tau (a number)",
        'method="klqp"',
        "reparameterizable, 2 numbers for all data",
        "99 % of the draws from the prior, as does 100 %",
    ):
        assert part in told
    assert found.draws is not None
    assert found.draws.simulated["y"].shape == (400, 3)


def test_all_that_is_broken_is_said_at_once(tmp_path: Path) -> None:
    first, second, third, last = _problems(_rehearsed(tmp_path, name="Tried Out", parameters="n", example="[]"))
    assert first.startswith("The name 'Tried Out' is not lower-case")
    assert second.startswith("The program's parameter 'n' is neither a field")
    assert "he program does not run with N = 101" in third, "once, though several rules ask for its variables"
    assert last.startswith("The example does not fit the model: /example/y: y is empty")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scale": "1.0)("}, "The file does not load: line 10: SyntaxError"),
        ({"scale": "1.0 / 0"}, "ZeroDivisionError"),
        ({"observed": 'Normal(mu, 1.0, name="y")'}, "nothing observed depends on tau"),
        (
            {"observed": 'Implicit(lambda key, mu: mu[3], mu, name="y")'},
            "Line 14: the program does not run with N = 101",
        ),
        ({"observed": 'Implicit(lambda key, mu, tau: jnp.float32(2), mu, tau, name="y")'}, "y is the same in every"),
        ({"observed": 'Normal(jnp.exp(1000 + mu + tau), 1.0, name="y")'}, "y is never finite"),
        (
            {
                "observed": 'Implicit(lambda key, mu, tau: mu + tau * jax.random.normal(key), mu, tau, name="y")',
                "field": ', support="positive"',
                "example": "[1.0, 2.0]",
            },
            "y leaves the range of its field (greater than 0)",
        ),
        ({"more": 'mu = mu + Normal(0.0, jnp.maximum(mu, 0.0), name="nu")'}, "the log prior, or its gradient"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[str, str], says: str) -> None:
    found = _rehearsed(tmp_path, **changes)
    assert not found.passed
    assert says in "\n".join(_problems(found))


def test_what_is_doubtful_is_noted(tmp_path: Path) -> None:
    notes = {finding.text for finding in _rehearsed(tmp_path, name="poisson-rate", example="[99.0]").findings}
    assert any("A model that comes with Tacit is named poisson-rate" in text for text in notes)
    assert any("only 0 % of the example's does" in text for text in notes)


def test_the_file_that_a_model_begins_with_passes(tmp_path: Path) -> None:
    path = tmp_path / "frog_counts.py"
    path.write_text(starting.text("frog-counts"))
    done: list[int] = []
    found = rehearse(path, fits=5, steps=200, on_fit=done.append)
    assert found.passed, found.findings
    assert done == [0, 1, 2, 3, 4, 5]
    assert found.ranks is not None
    assert {name: len(ranks) for name, ranks in found.ranks.ranks.items()} == {"level": 5, "noise": 5}
    assert all(((ranks >= 0) & (ranks <= 1)).all() for ranks in found.ranks.ranks.values())
    pictures.draw(found, tmp_path / "picture.svg")
    drawn = (tmp_path / "picture.svg").read_text()
    assert drawn.count('id="axes_') == 3
    assert drawn.count("<!-- quantile of the posterior -->") == 2
    with pytest.raises(ModelLoadError, match="is not lower-case words"):
        starting.text("Frog counts")


@pytest.mark.parametrize(
    ("ranks", "mark", "says"),
    [
        (np.linspace(0, 1, 40), "good", "hold the truth in 80 %"),
        (np.r_[np.zeros(20), np.ones(20)], "note", "posteriors of w are too narrow, 0 of 40"),
        (np.linspace(0.15, 0.45, 40), "note", "posteriors of w lie too high, 40 of 40 truths are below"),
        (np.linspace(0.55, 0.85, 40), "note", "posteriors of w lie too low, 40 of 40 truths are above"),
        (np.array([0.5, 0.6]), "note", "2 fits came to an end, which is too few"),
    ],
)
def test_what_ranks_say(ranks: np.ndarray, mark: str, says: str) -> None:
    (finding,) = calibration.look(Calibration({"w": ranks}, steps=100, failed=0))
    assert finding.mark == mark
    assert says in finding.text


def test_right_posteriors_are_seldom_doubted() -> None:
    rng = np.random.default_rng(0)
    doubted = 0
    for _ in range(300):
        found = Calibration({name: rng.uniform(size=20) for name in "abc"}, steps=100, failed=0)
        doubted += next(calibration.look(found)).mark != "good"
    # At most one in a hundred, and here at most that and three standard errors.
    assert doubted <= 3 + 3 * np.sqrt(3)


def test_failed_fits_are_counted() -> None:
    first, _ = calibration.look(Calibration({"w": np.linspace(0, 1, 9)}, steps=100, failed=3))
    assert first.text.startswith("Simulation-based check: 3 made-up data sets could not be fitted")
    _, second = calibration.look(Calibration({"w": np.array([])}, steps=100, failed=5))
    assert second.mark == "problem"


@pytest.mark.parametrize(("finite", "said"), [(90, ["note", "good"]), (3, ["note"]), (0, ["problem"])])
def test_infinite_draws_are_told_and_drawn(tmp_path: Path, finite: int, said: list[str]) -> None:
    values = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    values[finite:] = np.inf
    draws = PriorDraws({"y": values}, {"y": np.zeros(4, np.float32)})
    found = list(prior._simulated("y", values, draws))
    assert [finding.mark for finding in found] == said
    assert (f"finite in only {finite} of 100" in found[0].text) == bool(finite)
    model = _rehearsed(tmp_path, title="").model
    pictures.draw(Rehearsal(tuple(found), model, draws), tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").exists()


CLOCK = """
    import jax
    from model_registry import Field, Model
    from tacit.ppl import Implicit, Normal, plate


    def read(key, time, drift):
        return drift * (time - 1.7e9) + jax.random.normal(key, time.shape)


    def program(time):
        drift = Normal(0.0, 1.0, name="drift")
        with plate("N", len(time)):
            Implicit(read, time, drift, name="reading")


    model = Model(
        name="clock", title="T", description="D", program=program,
        data={{"time": Field(("N",)), "reading": Field(("N",))}},
        example={{"time": {time}, "reading": [0.1, 0.2, 0.3]}},
    )
"""


def test_data_that_lose_their_precision_are_to_blame_and_not_the_program(tmp_path: Path) -> None:
    path = tmp_path / "clock.py"
    path.write_text(textwrap.dedent(CLOCK).format(time=[1.7e9 + 1, 1.7e9 + 2, 1.7e9 + 3]))
    (said,) = _problems(rehearse(path, fits=0, steps=100))
    assert "time" in said
    assert "drift" not in said
    assert "depends on" not in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"example": str([0.5] * 10)},
            "how likely latents make a data point; 12,000 steps, each with 320 newly simulated data points (obj",
        ),
        ({}, 'Of more than 4 data points it learns one at a time (objective="reverse").'),
        ({"title": 'T", defaults={"method": "klqp", "steps": 700}, version="2'}, '700 steps (method="klqp")'),
        (
            {"title": 'T", defaults={"objective": "forward", "simulations": 5000, "steps": 900}, version="2'},
            'from at most 5,000 simulated data sets, how likely latents make whole data sets; 900 steps (objective="f',
        ),
        (
            {"title": 'T", defaults={"objective": "amortized", "simulations": 5000, "steps": 900}, version="2'},
            'from at most 5,000 simulated ones; 900 steps (objective="amortized")',
        ),
    ],
    ids=["reverse", "few points", "klqp", "forward", "amortized"],
)
def test_what_the_default_fit_does_is_said(tmp_path: Path, changes: dict[str, str], says: str) -> None:
    found = _rehearsed(tmp_path, **changes)
    assert found.model is not None, _problems(found)
    (said,) = (finding for finding in structure.look(found.model) if finding.text.startswith("Default fit"))
    assert said.mark == "good"
    assert says in said.text


def test_one_observation_is_not_called_hard(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    text = textwrap.dedent(FILE).format(**{**VALID, "observed": "pass"})
    path.write_text(text.replace('with plate("N", N):\n        pass', 'Normal(mu * jnp.ones(N), tau, name="y")'))
    found = rehearse(path, fits=0, steps=100)
    assert {finding.mark for finding in found.findings} == {"good"}
    told = "\n".join(finding.text for finding in found.findings)
    assert (
        "Default fit of the example: no plate holds the observed variables, so all data are one observation; " in told
    )
    assert "from at most 100,000 simulated data sets, how likely latents make whole data sets; " in told
    assert '(objective="forward")' in told


def test_what_is_done_and_found_is_told_in_order(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(textwrap.dedent(FILE).format(**VALID))
    told: list[str] = []
    found = rehearse(
        path, fits=0, steps=100, on_stage=told.append, on_finding=lambda finding: told.append(finding.text)
    )
    assert told[0] == "Loading model.py"
    assert [text for text in told if text in {each.text for each in found.findings}] == [
        finding.text for finding in found.findings
    ]
    assert told.index("Simulating 400 data sets, with latents drawn from the prior") < len(told) - 1


def test_an_index_without_bounds_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    changes = {
        "parameters": "N, k",
        "more": 'effect = Normal(0.0, 1.0, name="effect", sample_shape=(3,))',
        "observed": 'Normal(mu + effect[k], tau, name="y")',
        "example": '[0.1, 1.2, -0.7], "k": [0, 1, 2]',
        "field": '), "k": Field(("N",), dtype="int"',
    }
    path.write_text(textwrap.dedent(FILE).format(**{**VALID, **changes}))
    ((mark, text),) = structure._indices(read_model(path))
    assert mark == "note"
    assert text.startswith("Data: k is used as an index and is not bounded on both sides.")
    assert text.endswith("write Field(levels=...), or minimum and maximum.")
    path.write_text(path.read_text().replace('dtype="int"', "levels=3"))
    assert list(structure._indices(read_model(path))) == []
