"""How far a fit is, for people: a live bar on a terminal, lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tacit.client import answers
from tacit.client.answers import FitState

Show = Callable[[FitState], None]

# Seconds from which on a time is told in minutes, and in hours.
_MINUTES, _HOURS = 90, 5400


@contextmanager
def progress_shown(wanted: bool | Show) -> Iterator[Show | None]:
    """What shows how far a fit is: None for nothing, a given function, or a bar on standard error."""
    if isinstance(wanted, bool):
        if not wanted:
            yield None
            return
        with shown(Console(stderr=True)) as show:
            yield show
    else:
        yield wanted


@contextmanager
def shown(console: Console) -> Iterator[Show]:
    """A function that shows how far a fit is, on a console."""
    if not console.is_interactive and not console.is_jupyter:
        yield _Lines(console)
        return
    # The time left is the service's: it knows what of the time so far was compiling.
    words = TextColumn("{task.fields[state]}{task.fields[left]}")
    with Progress(TextColumn("{task.description}"), BarColumn(), words, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("Fitting", total=None, state="queued", left="")

        def show(fit: FitState) -> None:
            if fit.progress is None:
                bar.update(task, state=_waiting(fit))
            else:
                done = fit.progress
                bar.update(task, total=done.total, completed=done.step, state=_losses(done), left=_left(done))

        yield show


class _Lines:
    """One line whenever another tenth is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def __call__(self, fit: FitState) -> None:
        done = fit.progress
        if done is None:
            return
        share = done.step / done.total
        # The total can rise on the way, and a share of it be less than one that was told.
        self._next = min(self._next, share + 0.1)
        if share >= self._next:
            self._next = share + 0.1
            self._console.print(f"  step {done.step:>6} of {done.total}, {_losses(done)}{_left(done)}", highlight=False)


def _waiting(fit: FitState) -> str:
    if fit.status == "queued" and fit.queue_position:
        return f"queued behind {fit.queue_position}"
    return "compiling" if fit.status == "running" else fit.status


def _losses(done: answers.Progress) -> str:
    named = {"loss_gen": done.loss_gen, "loss_disc": done.loss_disc}
    return ", ".join(f"{name} {value:.3f}" for name, value in named.items() if value is not None)


def _left(done: answers.Progress) -> str:
    """How long it still takes, rounded; nothing where that is not known yet."""
    if done.eta_s is None:
        return ""
    if done.eta_s < _MINUTES:
        return f", {done.eta_s:.0f} s left"
    return f", {done.eta_s / 60:.0f} min left" if done.eta_s < _HOURS else f", {done.eta_s / 3600:.1f} h left"
