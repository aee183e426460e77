"""What a fit takes for the options that were left open: what is said of it is what is planned."""

from typing import Any

import pytest

from model_registry import Registry, load_registry
from tacit.inference import InferenceOptions, resolved_options
from tacit.inference.parts import Parts
from tacit.inference.planning import plan
from tacit.inference.problem import layout

_CASES: list[tuple[str, dict[str, Any]]] = [
    ("two-moons", {}),
    ("two-moons", {"simulations": 1000}),
    ("two-moons", {"objective": "amortized"}),
    ("sir-counts", {"steps": 500, "objective": "forward", "ratio_estimators": 3}),
    ("slcp-distractors", {}),
    ("eight-schools", {}),
    ("eight-schools", {"method": "klqp"}),
    ("g-and-k", {"points": 100, "width": 32}),
    ("logistic-regression", {"contrast": "empirical"}),
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.mark.parametrize(("name", "given"), _CASES)
def test_what_is_said_is_what_is_planned(registry: Registry, name: str, given: dict[str, Any]) -> None:
    model = registry.get(name)
    problem = model.problem(model.resolve(model.example))
    options = InferenceOptions(**given)
    said = resolved_options(options, layout(problem))
    setup, rates, planned = plan(problem, options, Parts())
    whole, ratio = setup.objective != "reverse", setup.method != "klqp"
    assert said["steps"] == planned.steps == int(rates.steps)
    assert said["objective"] == setup.objective
    assert (said["family"], said["width"]) == (setup.family, setup.width)
    assert said["simulations"] == (int(rates.simulations) if whole else None)
    if ratio:
        assert said["disc_learning_rate"] == pytest.approx(float(rates.disc))
        assert said["ratio_loss"] == setup.ratio_loss
        assert said["ratio_estimators"] == setup.ratio_estimators
    if ratio and not whole:
        assert (said["points"], said["gen_points"]) == (setup.points, setup.gen_points)
    # What was given is said as it was given, and only a start and what plays no part stay open.
    dumped = options.model_dump(mode="json")
    assert {name: said[name] for name, value in dumped.items() if value is not None} == {
        name: value for name, value in dumped.items() if value is not None
    }
    unused = {"points", "gen_points"} if whole else {"simulations"}
    unused |= {"points", "ratio_loss", "disc_learning_rate", "ratio_estimators", "rank"} if not ratio else set()
    unused |= {"rank"} if setup.objective == "amortized" else set()
    assert {name for name, value in said.items() if value is None} == unused | {"start"}
