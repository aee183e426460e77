"""Fits of one model to several data sets: on an accelerator side by side in one compiled program, since one fit leaves
most of it idle. The steps are the engine's own; a fit differs from one made alone by its rounding, and is not refused
where it diverges."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from tacit.inference import Fit, InferenceOptions, Problem, driver, fit, forward
from tacit.inference.driver import Session
from tacit.inference.planning import DEFAULT_PARTS, plan

CHUNK = 500


def suits(problem: Problem, options: InferenceOptions) -> bool:
    """Whether such fits can be made side by side, and that is worth it: on an accelerator, by the forward objective, in
    JAX throughout, and by as many steps for each."""
    setup, rates, _ = plan(problem, options, DEFAULT_PARTS)
    whole = setup.objective == "forward" and not setup.layout.external and int(rates.few) == 0
    return whole and jax.devices()[0].platform != "cpu"


def fits(
    keys: Sequence[jax.Array], problems: Sequence[Problem], *, options: InferenceOptions, num_draws: int
) -> Iterator[Fit]:
    """`fit` for each key and problem; the problems differ by what was observed only."""
    if suits(problems[0], options):
        yield from _together(keys, problems, options, num_draws)
    else:
        for key, problem in zip(keys, problems, strict=True):
            yield fit(key, problem, options=options, num_draws=num_draws)


def _together(
    keys: Sequence[jax.Array], problems: Sequence[Problem], options: InferenceOptions, num_draws: int
) -> Iterator[Fit]:
    sessions = [driver.initialize(key, problem, options=options) for key, problem in zip(keys, problems, strict=True)]
    first = sessions[0]
    # The clock is the same for all, so that what a step does is decided once, and a branch not taken costs nothing.
    axes = jax.tree.map(lambda _: 0, first.state)
    axes = axes._replace(step=None, learning=None, begun=axes.begun._replace(held=None))
    axes = axes._replace(ring=axes.ring._replace(written=None))

    def stacked(axis: int | None, *each: jax.Array) -> jax.Array:
        return each[0] if axis is None else jnp.stack(each)

    data = jax.tree.map(lambda *each: jnp.stack(each), *(session.data for session in sessions))
    state = jax.tree.map(stacked, axes, *(session.state for session in sessions), is_leaf=lambda axis: axis is None)

    def step(data: Any, state: Any) -> Any:
        return forward.step(first.setup, first.rates, data, state)

    together = jax.vmap(step, (0, axes), axes)

    @jax.jit
    def chunk(data: Any, state: Any, num_steps: int) -> tuple[Any, jax.Array]:
        def body(_: jax.Array, carry: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
            state = together(data, carry[0])
            figures = jnp.stack([state.loss_gen, state.loss_disc, state.correct])
            return state, carry[1] + jnp.nan_to_num(figures)

        return jax.lax.fori_loop(0, num_steps, body, (state, jnp.zeros((3, len(sessions)))))

    history: list[tuple[int, Any]] = []
    while (left := first.total - int(state.step)) > 0:
        num_steps = min(CHUNK, left)
        state, sums = chunk(data, state, num_steps)
        history.append((int(state.step), sums / num_steps))
    for number, session in enumerate(sessions):
        yield driver.finalize(_taken(session, state, axes, number, history), num_draws)


def _taken(session: Session, state: Any, axes: Any, number: int, history: list[tuple[int, Any]]) -> Session:
    """The session with its own part of what was made together."""
    own = jax.tree.map(lambda axis, x: x if axis is None else x[number], axes, state, is_leaf=lambda axis: axis is None)
    rows = tuple((float(step), *(float(x) for x in figures[:, number])) for step, figures in history)
    return session._replace(state=own, history=rows)
