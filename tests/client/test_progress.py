"""Lines of progress where there is no terminal."""

import io

from rich.console import Console

from tacit.client.answers import FitState, Progress
from tacit.client.progress import shown


def test_lines_go_on_where_the_total_rises():
    """A line for each tenth; the share falls when a fit goes on beyond the few steps that it began with."""
    told = io.StringIO()
    seen = [(100, 1000), (120, 1000), (250, 8500), (800, 8500), (1150, 8500), (1200, 8500), (8500, 8500)]
    with shown(Console(file=told)) as show:
        for step, total in seen:
            show(FitState.model_construct(progress=Progress(step=step, total=total)))
    assert [line.split()[1] for line in told.getvalue().splitlines()] == ["100", "1150", "8500"]
