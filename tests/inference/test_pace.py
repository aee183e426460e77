"""How fast a fit goes on."""

import pytest

from tacit.inference.pace import RECENT, Pace


def test_nothing_is_known_while_everything_compiled() -> None:
    pace = Pace().after(25, 120.0, compiled=True)
    assert pace.steps_per_s is None
    assert pace.eta_s(1000) is None
    assert pace.eta_s(0) == 0.0


def test_what_compiled_is_no_part_of_the_speed() -> None:
    pace = Pace().after(25, 120.0, compiled=True).after(100, 2.0, compiled=False).after(100, 60.0, compiled=True)
    assert pace.steps_per_s == 50.0
    assert pace.eta_s(1000) == 20.0


def test_the_speed_is_that_of_recent_steps() -> None:
    pace = Pace().after(10, 100.0, compiled=False)
    for _ in range(RECENT):
        pace = pace.after(50, 0.5, compiled=False)
    assert pace.steps_per_s == pytest.approx(100.0)
    assert pace.after(50, 5.0, compiled=False).steps_per_s == pytest.approx(50 * RECENT / (0.5 * (RECENT - 1) + 5.0))
