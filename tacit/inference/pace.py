"""How fast a fit goes on: of its recent steps, and never of what compiled."""

from typing import NamedTuple

# Chunks that are looked back on: they last about half a second each.
RECENT = 10


class Pace(NamedTuple):
    """Steps and seconds of recent chunks, the latest last."""

    chunks: tuple[tuple[int, float], ...] = ()

    def after(self, steps: int, seconds: float, *, compiled: bool) -> "Pace":
        """With one more chunk. What compiled says nothing of the steps to come, and is left out."""
        return self if compiled else Pace((*self.chunks, (steps, seconds))[-RECENT:])

    @property
    def steps_per_s(self) -> float | None:
        """None until a chunk has gone by that did not compile."""
        seconds = sum(each for _, each in self.chunks)
        return sum(steps for steps, _ in self.chunks) / seconds if seconds > 0.0 else None

    def eta_s(self, steps: int) -> float | None:
        """Seconds that so many further steps take; None where that is not known."""
        if steps == 0:
            return 0.0
        speed = self.steps_per_s
        return steps / speed if speed else None
