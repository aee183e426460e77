"""The one loop: runs an algorithm's steps in compiled chunks and reports between them."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tacit.errors import DivergedError
from tacit.inference import implicit_klqp
from tacit.inference.families import GaussianBlocks
from tacit.inference.implicit_klqp import Data, Rates, Setup, State
from tacit.inference.options import InferenceOptions
from tacit.inference.problem import Problem, arrays, layout

# A chunk lasts about this long: short enough to cancel and report, long enough to cost nothing.
CHUNK_SECONDS = 0.5
FIRST_CHUNK = 25
# A fit ends when, within one chunk, more than this share of its updates, or of its simulations, was not finite.
DIVERGED_SHARE = 0.5
FAILED_SHARE = 0.9


class Progress(NamedTuple):
    """Where a fit stands. `loss_gen` is the variational loss, `loss_disc` the ratio estimator's; chunk averages."""

    step: int
    total: int
    loss_gen: float
    loss_disc: float
    steps_per_s: float
    eta_s: float


class Fit(NamedTuple):
    """A finished fit.

    Attributes:
      posterior: draws of every latent and deterministic variable in its own space, draws along axis 0.
      variational: the parameters of q by name, with the centre and spread of the space it lives in.
      losses: `step`, `loss_gen`, `loss_disc`, one entry per report.
      diagnostics: figures to judge the fit by, JSON-able.
      warnings: sentences; empty when nothing speaks against the fit.
    """

    posterior: dict[str, np.ndarray]
    variational: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    diagnostics: dict[str, Any]
    warnings: list[str]


def fit(
    key: jax.Array,
    problem: Problem,
    *,
    options: InferenceOptions | None = None,
    num_draws: int = 1000,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Fits q to the posterior of `problem` by ImplicitKLqp and draws from it.

    The same key, problem and options give the same draws, bit for bit on the same hardware.

    Args:
      num_draws: stored variational samples.
      on_progress: called between chunks; what it raises ends the fit.

    Raises:
      InferenceError: the problem cannot be fitted; `DivergedError`: updates stayed non-finite.
    """
    options = options or InferenceOptions()
    setup, rates = _setup(problem, options)
    compiled = _compiled(setup)
    prepare_key, init_key, sample_key = jax.random.split(key, 3)
    data = compiled.prepare(prepare_key, arrays(problem, setup.layout))
    state = compiled.init(init_key, data)
    simulated = setup.latent_samples * setup.points * setup.disc_updates
    state, losses = _run(compiled, rates, data, state, options.steps, simulated, on_progress)
    draws = compiled.sample(data, state.q_average, sample_key, num_draws)
    return Fit(
        posterior={name: np.asarray(value) for name, value in draws.items()},
        variational=_variational(data, state.q_average),
        losses=losses,
        diagnostics=(diagnostics := _diagnostics(setup, options, state, losses)),
        warnings=_warnings(diagnostics, draws),
    )


class Compiled(NamedTuple):
    """The jitted functions of one setup; kept, so that a second fit of the same setup and shapes compiles nothing."""

    prepare: Callable[..., Data]
    init: Callable[..., State]
    chunk: Callable[..., tuple[State, jax.Array]]
    sample: Callable[..., dict[str, jax.Array]]


@functools.lru_cache(maxsize=64)
def _compiled(setup: Setup) -> Compiled:
    def chunk(rates: Rates, data: Data, state: State, num_steps: jax.Array) -> tuple[State, jax.Array]:
        """`num_steps` steps; also the sums of loss_gen, loss_disc, correct over them."""

        def body(_: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            state, sums = carry
            state = implicit_klqp.step(setup, rates, data, state)
            return state, sums + jnp.nan_to_num(jnp.stack([state.loss_gen, state.loss_disc, state.correct]))

        return jax.lax.fori_loop(0, num_steps, body, (state, jnp.zeros(3)))

    return Compiled(
        prepare=jax.jit(functools.partial(implicit_klqp.prepare, setup)),
        init=jax.jit(functools.partial(implicit_klqp.init, setup)),
        chunk=jax.jit(chunk, donate_argnums=2),
        sample=jax.jit(functools.partial(implicit_klqp.sample, setup), static_argnums=3),
    )


def _setup(problem: Problem, options: InferenceOptions) -> tuple[Setup, Rates]:
    structure = layout(problem)
    setup = Setup(
        program=problem.program,
        layout=structure,
        contrast=options.contrast,
        ratio_loss=options.resolved_ratio_loss,
        latent_samples=options.latent_samples,
        points=options.resolved_points(structure.num_points),
        disc_updates=options.disc_updates,
        gen_updates=options.gen_updates,
        gen_samples=options.gen_samples,
        gen_points=min(options.gen_points, structure.num_points),
        width=options.width,
        rank=options.rank,
    )
    rates = Rates(
        steps=jnp.float32(options.steps),
        disc=jnp.float32(options.disc_learning_rate),
        gen=jnp.float32(options.gen_learning_rate),
        proposal_width=jnp.float32(options.proposal_width),
    )
    return setup, rates


def _run(
    compiled: Compiled,
    rates: Rates,
    data: Data,
    state: State,
    total: int,
    simulated: int,
    on_progress: Callable[[Progress], None] | None,
) -> tuple[State, dict[str, np.ndarray]]:
    history: list[tuple[float, ...]] = []
    done, skipped, dropped, num_steps = 0, 0, 0, FIRST_CHUNK
    while done < total:
        num_steps = min(num_steps, total - done)
        start = time.perf_counter()
        state, sums = compiled.chunk(rates, data, state, num_steps)
        loss_gen, loss_disc, correct = (float(s) / num_steps for s in sums)
        seconds = time.perf_counter() - start
        done += num_steps
        _refuse_divergence(int(state.skipped) - skipped, int(state.dropped) - dropped, num_steps, simulated, done)
        skipped, dropped = int(state.skipped), int(state.dropped)
        history.append((done, loss_gen, loss_disc, correct))
        speed = num_steps / seconds
        if on_progress is not None:
            on_progress(Progress(done, total, loss_gen, loss_disc, speed, (total - done) / speed))
        # Grow at most fourfold: the first chunk's time holds the compilation.
        num_steps = max(1, min(4 * num_steps, round(CHUNK_SECONDS * speed))) if done > FIRST_CHUNK else 4 * FIRST_CHUNK
    columns = np.array(history).T
    return state, {
        "step": columns[0].astype(np.int32),
        "loss_gen": columns[1].astype(np.float32),
        "loss_disc": columns[2].astype(np.float32),
        "correct": columns[3].astype(np.float32),
    }


def _refuse_divergence(skipped: int, dropped: int, num_steps: int, simulated: int, done: int) -> None:
    """Raises where most of `num_steps` updates, or of as many times `simulated` points, were not finite."""
    if dropped > FAILED_SHARE * num_steps * simulated:
        raise DivergedError(
            f"{dropped} of the {num_steps * simulated} points simulated before step {done} were not finite: the "
            "program's simulations fail at plausible latents. Try draws from its prior."
        )
    if skipped > DIVERGED_SHARE * num_steps:
        raise DivergedError(
            f"{skipped} of {num_steps} updates before step {done} were not finite. The program may divide by zero, "
            "take the logarithm of a negative number or overflow at plausible latents: try draws from its prior."
        )


def _variational(data: Data, q: GaussianBlocks) -> dict[str, np.ndarray]:
    named = {
        **q._asdict(),
        "centre_globals": data.latent_centre.globals,
        "spread_globals": data.latent_spread.globals,
        "centre_locals": data.latent_centre.locals,
        "spread_locals": data.latent_spread.locals,
    }
    return {name: np.asarray(value) for name, value in named.items()}


def _diagnostics(
    setup: Setup, options: InferenceOptions, state: State, losses: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Figures over the last tenth of the steps; `ratio_chance` is what guessing scores on `ratio_correct`."""
    last = losses["step"] > 0.9 * options.steps
    marginal = setup.contrast == "marginal"
    simulated_points = setup.latent_samples * setup.points * setup.disc_updates * options.steps
    return {
        "steps": options.steps,
        "loss_gen": float(np.mean(losses["loss_gen"][last])),
        "loss_disc": float(np.mean(losses["loss_disc"][last])),
        "ratio_correct": float(np.mean(losses["correct"][last])),
        "ratio_chance": 1.0 / setup.latent_samples if marginal else 0.5,
        "simulated_points": simulated_points,
        "dropped_simulations": int(state.dropped),
        "skipped_updates": int(state.skipped),
    }


def _warnings(diagnostics: dict[str, Any], draws: dict[str, jax.Array]) -> list[str]:
    warnings = []
    if diagnostics["skipped_updates"]:
        warnings.append(f"{diagnostics['skipped_updates']} updates were not finite and were skipped.")
    if diagnostics["dropped_simulations"]:
        share = diagnostics["dropped_simulations"] / diagnostics["simulated_points"]
        warnings.append(f"{share:.2%} of the simulated points were not finite and were dropped.")
    infinite = [name for name, value in draws.items() if not np.all(np.isfinite(value))]
    if infinite:
        warnings.append(f"Some draws of {', '.join(infinite)} are not finite.")
    return warnings
