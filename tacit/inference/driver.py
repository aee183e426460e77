"""The one loop: runs an algorithm's steps in compiled chunks and reports between them."""

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tacit.errors import DivergedError, InferenceError
from tacit.inference import implicit_klqp, laws, reliability
from tacit.inference.options import InferenceOptions
from tacit.inference.parts import Parts
from tacit.inference.problem import Problem, arrays, layout
from tacit.inference.state import Data, Rates, Setup, State

# A chunk lasts about this long: short enough to cancel and report, long enough to cost nothing.
CHUNK_SECONDS = 0.5
FIRST_CHUNK = 25
# A fit ends when, within one chunk, more than this share of its updates, or of its simulations, was not finite.
DIVERGED_SHARE = 0.5
FAILED_SHARE = 0.9
DEFAULT_PARTS = Parts()


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
      losses: `step`, `loss_gen`, `loss_disc`, `correct`, one entry per report.
      diagnostics: figures to judge the fit by, JSON-able; see `reliability`.
      warnings: sentences; empty when nothing speaks against the fit.
    """

    posterior: dict[str, np.ndarray]
    variational: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    diagnostics: dict[str, Any]
    warnings: list[str]


class Session(NamedTuple):
    """A fit under way. `history` holds a row (step, loss_gen, loss_disc, correct) per update."""

    setup: Setup
    rates: Rates
    total: int
    sample_key: jax.Array
    data: Data
    state: State
    history: tuple[tuple[float, ...], ...]

    @property
    def done(self) -> int:
        """Steps made."""
        return int(self.history[-1][0]) if self.history else 0


def fit(
    key: jax.Array,
    problem: Problem,
    *,
    options: InferenceOptions | None = None,
    parts: Parts = DEFAULT_PARTS,
    num_draws: int = 1000,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint: Mapping[str, np.ndarray] | None = None,
    on_checkpoint: Callable[[dict[str, np.ndarray]], None] | None = None,
    checkpoint_seconds: float = 10.0,
) -> Fit:
    """Fits q to the posterior of `problem` and draws from it: `initialize`, `run`, `finalize`.

    The same key, problem and options give the same draws, bit for bit on the same hardware, also when the fit goes on
    from a checkpoint.

    Args:
      parts: the caller's own functions in the place of the engine's.
      num_draws: stored variational samples.
      on_progress: called between chunks; what it raises ends the fit.
      checkpoint: where to go on from, as `on_checkpoint` was given it; the key is not used then.
      on_checkpoint: called with the saved session about every `checkpoint_seconds`.

    Raises:
      InferenceError: the problem cannot be fitted; `DivergedError`: updates stayed non-finite.
    """
    options = options or InferenceOptions()
    if checkpoint is None:
        session = initialize(key, problem, options=options, parts=parts)
    else:
        session = load(problem, checkpoint, options=options, parts=parts)
    session = run(session, on_progress=on_progress, on_checkpoint=on_checkpoint, checkpoint_seconds=checkpoint_seconds)
    return finalize(session, num_draws)


def run(
    session: Session,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    on_checkpoint: Callable[[dict[str, np.ndarray]], None] | None = None,
    checkpoint_seconds: float = 10.0,
    stop: Callable[[], bool] | None = None,
) -> Session:
    """Makes all steps that are left, in chunks of about CHUNK_SECONDS; arguments as of `fit`.

    When `stop`, asked after each chunk, says so, it makes a checkpoint and returns early: with `done` below `total`.
    """
    num_steps, saved, first = FIRST_CHUNK, time.perf_counter(), session.done
    while session.done < session.total:
        start = time.perf_counter()
        session = update(session, num_steps)
        done, now = session.done, time.perf_counter()
        speed = num_steps / (now - start)
        if on_progress is not None:
            _, loss_gen, loss_disc, _ = session.history[-1]
            on_progress(Progress(done, session.total, loss_gen, loss_disc, speed, (session.total - done) / speed))
        stopping = stop is not None and stop() and done < session.total
        if on_checkpoint is not None and done < session.total and (stopping or now - saved > checkpoint_seconds):
            on_checkpoint(save(session))
            saved = time.perf_counter()
        if stopping:
            break
        # The first chunk's time holds the compilation and tells nothing.
        known = done - first > FIRST_CHUNK
        num_steps = max(1, min(4 * num_steps, round(CHUNK_SECONDS * speed))) if known else 4 * FIRST_CHUNK
    return session


def initialize(
    key: jax.Array, problem: Problem, *, options: InferenceOptions | None = None, parts: Parts = DEFAULT_PARTS
) -> Session:
    """Reads the problem's structure and scales, and makes the state before the first step."""
    options = options or InferenceOptions()
    setup, rates = _setup(problem, options, parts)
    compiled = _compiled(setup)
    prepare_key, init_key, sample_key = jax.random.split(key, 3)
    data = compiled.prepare(prepare_key, arrays(problem, setup.layout))
    return Session(setup, rates, options.steps, sample_key, data, compiled.init(init_key, data), ())


def update(session: Session, num_steps: int = 1, *, variables: implicit_klqp.Update | None = None) -> Session:
    """Makes `num_steps` steps, but none beyond the total. The session given is used up.

    Args:
      variables: update the ratio estimator ("Disc") or q ("Gen") alone; each still counts as a step. The engine's own
        order, with its rounds and calibration, is kept by updating both.

    Raises:
      DivergedError: most of the steps, or of the simulations, were not finite.
    """
    num_steps = min(num_steps, session.total - session.done)
    if num_steps <= 0:
        return session
    before = int(session.state.skipped), int(session.state.dropped)
    state, sums = _compiled(session.setup).chunk(session.rates, session.data, session.state, num_steps, variables)
    done = session.done + num_steps
    skipped, dropped = int(state.skipped) - before[0], int(state.dropped) - before[1]
    _refuse_divergence(skipped, dropped, num_steps, _simulated_per_step(session.setup), done)
    row = (float(done), *(float(s) / num_steps for s in sums))
    return session._replace(state=state, history=(*session.history, row))


def finalize(session: Session, num_draws: int) -> Fit:
    """Draws from q, and judges the fit."""
    draws = _compiled(session.setup).sample(session.data, session.state, session.sample_key, num_draws)
    columns = np.array(session.history or [(0.0, np.nan, np.nan, np.nan)]).T
    names = ("loss_gen", "loss_disc", "correct")
    losses = {"step": columns[0].astype(np.int32)} | {
        name: column.astype(np.float32) for name, column in zip(names, columns[1:], strict=True)
    }
    posterior = {name: np.asarray(value) for name, value in draws.values.items()}
    diagnostics = reliability.diagnostics(
        session.setup,
        session.state,
        losses,
        np.asarray(draws.log_weight),
        simulated=_simulated_per_step(session.setup) * session.done,
    )
    return Fit(
        posterior=posterior,
        variational=_variational(session),
        losses=losses,
        diagnostics=diagnostics,
        warnings=reliability.warnings(diagnostics, posterior),
    )


def save(session: Session) -> dict[str, np.ndarray]:
    """All that changes or was drawn at random in a session, as named arrays: what `load` needs to go on."""
    tree = (session.sample_key, session.data, session.state)
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path): np.asarray(_without_key_type(leaf)) for path, leaf in leaves}
    return {**named, "history": np.array(session.history).reshape(-1, 4)}


def load(
    problem: Problem,
    saved: Mapping[str, np.ndarray],
    *,
    options: InferenceOptions | None = None,
    parts: Parts = DEFAULT_PARTS,
) -> Session:
    """The session that `save` was given, for the same problem, options and parts.

    Raises:
      InferenceError: the checkpoint is not of such a session.
    """
    options = options or InferenceOptions()
    fresh = jax.eval_shape(lambda key: initialize(key, problem, options=options, parts=parts)[3:6], jax.random.key(0))
    paths, structure = jax.tree_util.tree_flatten_with_path(fresh)
    leaves = []
    for path, like in paths:
        name = jax.tree_util.keystr(path)
        leaf = saved.get(name)
        expected = jax.eval_shape(_without_key_type, like)
        if leaf is None or leaf.shape != expected.shape or leaf.dtype != expected.dtype:
            raise InferenceError(f"the checkpoint does not belong to this problem and these options: {name} differs")
        is_key = jnp.issubdtype(like.dtype, jax.dtypes.prng_key)
        leaves.append(jax.random.wrap_key_data(jnp.asarray(leaf)) if is_key else jnp.asarray(leaf))
    sample_key, data, state = jax.tree.unflatten(structure, leaves)
    setup, rates = _setup(problem, options, parts)
    history = tuple(tuple(float(x) for x in row) for row in saved["history"])
    return Session(setup, rates, options.steps, sample_key, data, state, history)


def _without_key_type(leaf: jax.Array) -> jax.Array:
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def _simulated_per_step(setup: Setup) -> int:
    return (
        setup.latent_samples * setup.points * setup.replicates * setup.disc_updates
        if setup.method == "implicit_klqp"
        else 0
    )


class Compiled(NamedTuple):
    """The jitted functions of one setup; kept, so that a second fit of the same setup and shapes compiles nothing."""

    prepare: Callable[..., Data]
    init: Callable[..., State]
    chunk: Callable[..., tuple[State, jax.Array]]
    sample: Callable[..., implicit_klqp.Draws]


@functools.lru_cache(maxsize=64)
def _compiled(setup: Setup) -> Compiled:
    def chunk(
        rates: Rates, data: Data, state: State, num_steps: jax.Array, only: implicit_klqp.Update | None
    ) -> tuple[State, jax.Array]:
        """`num_steps` steps; also the sums of loss_gen, loss_disc, correct over them."""

        def body(_: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            state, sums = carry
            state = implicit_klqp.step(setup, rates, data, state, only)
            return state, sums + jnp.nan_to_num(jnp.stack([state.loss_gen, state.loss_disc, state.correct]))

        return jax.lax.fori_loop(0, num_steps, body, (state, jnp.zeros(3)))

    return Compiled(
        prepare=jax.jit(functools.partial(implicit_klqp.prepare, setup)),
        init=jax.jit(functools.partial(implicit_klqp.init, setup)),
        chunk=jax.jit(chunk, donate_argnums=2, static_argnums=4),
        sample=jax.jit(functools.partial(implicit_klqp.sample, setup), static_argnums=3),
    )


def _setup(problem: Problem, options: InferenceOptions, parts: Parts) -> tuple[Setup, Rates]:
    structure = layout(problem)
    if parts.ratio_estimator is None and set(parts.scales) != {""}:
        raise InferenceError(
            "the default ratio estimator has one output: scale must be one number, or give a ratio_estimator that "
            "returns a dict with scale's keys"
        )
    hidden = [site.name for site in structure.locals if not site.has_density]
    if hidden and (options.contrast == "marginal" or options.method == "klqp"):
        raise InferenceError(
            f"local latent {hidden[0]!r} is implicit: without a density of its own it can be inferred under "
            "contrast 'empirical' only. Or let it be drawn inside the simulator of what is observed, and not inferred."
        )
    laws.check(options.family, structure)
    setup = Setup(
        program=problem.program,
        layout=structure,
        parts=parts,
        family=options.family,
        disc_optimizer=options.disc_optimizer.resolved(),
        gen_optimizer=options.gen_optimizer.resolved(),
        method=options.method,
        contrast=options.contrast,
        ratio_loss="callable" if parts.ratio_loss is not None else options.resolved_ratio_loss,
        latent_samples=options.latent_samples,
        points=options.resolved_points(structure.num_points),
        replicates=options.resolved_replicates(structure.num_points, structure.local_dim),
        disc_updates=options.disc_updates,
        gen_updates=options.gen_updates,
        gen_samples=options.gen_samples,
        gen_points=options.resolved_gen_points(structure.num_points),
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


def _refuse_divergence(skipped: int, dropped: int, num_steps: int, simulated: int, done: int) -> None:
    """Raises where most of `num_steps` updates, or of as many times `simulated` points, were not finite."""
    if simulated and dropped > FAILED_SHARE * num_steps * simulated:
        raise DivergedError(
            f"{dropped} of the {num_steps * simulated} points simulated before step {done} were not finite: the "
            "program's simulations fail at plausible latents. Try draws from its prior."
        )
    if skipped > DIVERGED_SHARE * num_steps:
        raise DivergedError(
            f"{skipped} of {num_steps} updates before step {done} were not finite. The program may divide by zero, "
            "take the logarithm of a negative number or overflow at plausible latents: try draws from its prior."
        )


def _variational(session: Session) -> dict[str, np.ndarray]:
    data, state = session.data, session.state
    trained = jax.tree_util.tree_leaves_with_path(state.trained_average)
    named = {
        **state.q_average._asdict(),
        **{f"{session.setup.family}{jax.tree_util.keystr(path)}": leaf for path, leaf in trained},
        "centre_globals": data.latent_centre.globals,
        "spread_globals": data.latent_spread.globals,
        "centre_locals": data.latent_centre.locals,
        "spread_locals": data.latent_spread.locals,
    }
    return {name: np.asarray(value) for name, value in named.items()}
