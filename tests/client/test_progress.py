"""Lines of progress where there is no terminal."""

import io

from rich.console import Console

from tacit.client.answers import FitState, Progress
from tacit.client.progress import shown


def test_the_time_left_is_told_when_it_is_known():
    told = io.StringIO()
    seen = [(25, None, None), (300, 100.0, 37.2), (600, 100.0, 480.0), (900, 1.0, 9000.0)]
    with shown(Console(file=told)) as show:
        for step, speed, left in seen:
            show(FitState.model_construct(progress=Progress(step=step, total=1000, steps_per_s=speed, eta_s=left)))
    ends = [line.partition(", ")[2] for line in told.getvalue().splitlines()]
    assert ends == ["", ", 37 s left", ", 8 min left", ", 2.5 h left"]


def test_a_bar_copes_with_a_time_that_is_not_known():
    told = io.StringIO()
    with shown(Console(file=told, force_terminal=True, width=120)) as show:
        show(FitState.model_construct(progress=None, status="running", queue_position=None))
        show(FitState.model_construct(progress=Progress(step=25, total=1000, loss_gen=1.5)))
        show(FitState.model_construct(progress=Progress(step=500, total=1000, loss_gen=1.5, eta_s=12.0)))
    assert "loss_gen 1.500, 12 s left" in told.getvalue()


def test_lines_go_on_where_the_total_rises():
    """A line for each tenth; the share falls when a fit goes on beyond the few steps that it began with."""
    told = io.StringIO()
    seen = [(100, 1000), (120, 1000), (250, 8500), (800, 8500), (1150, 8500), (1200, 8500), (8500, 8500)]
    with shown(Console(file=told)) as show:
        for step, total in seen:
            show(FitState.model_construct(progress=Progress(step=step, total=total)))
    assert [line.split()[1] for line in told.getvalue().splitlines()] == ["100", "1150", "8500"]
