"""The one loop: runs an algorithm's steps in compiled chunks and reports between them."""

import functools
import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from tacit.compilation import counted, once
from tacit.engine import ENGINE_REVISION
from tacit.errors import DivergedError, InferenceError
from tacit.inference import amortized, constants, finish, forward, implicit_klqp, laws, restarts, stopping
from tacit.inference.families import GaussianBlocks
from tacit.inference.finish import Ended, Fit
from tacit.inference.options import InferenceOptions
from tacit.inference.pace import Pace
from tacit.inference.parts import Parts
from tacit.inference.planning import DEFAULT_PARTS, plan
from tacit.inference.problem import Problem, arrays
from tacit.inference.state import Data, Rates, Setup, State
from tacit.inference.stopping import Watch
from tacit.ppl.external import External

# A chunk lasts about this long: short enough to cancel and report, long enough to cost nothing.
CHUNK_SECONDS = 0.5
FIRST_CHUNK = 25
# A fit ends when, within one chunk, more than this share of its updates, or of its simulations, was not finite.
DIVERGED_SHARE = 0.5
FAILED_SHARE = 0.9
# In a checkpoint, the revision of the engine that made it.
_REVISION = "engine_revision"


class Progress(NamedTuple):
    """Where a fit stands. `loss_gen` is the variational loss, `loss_disc` the ratio estimator's: averages over the
    chunk and the restarts. `total` falls when the fit ends early, and rises where the few steps it began with are not
    enough. Speed and time left are those of recent steps, without what compiled, and None until such have been made."""

    step: int
    total: int
    loss_gen: float
    loss_disc: float
    steps_per_s: float | None
    eta_s: float | None


class Session(NamedTuple):
    """A fit under way, of one restart or several.

    `options`: those asked for, with the number of steps. `total`: steps to make, all, or fewer: once the loss was flat,
    or while few may be enough. `history` holds a row per update: the step, then loss_gen, loss_disc and correct of
    every restart.
    """

    setup: Setup
    rates: Rates
    options: InferenceOptions
    total: int
    sample_key: jax.Array
    data: Data
    state: State
    watch: Watch
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
    num_steps, saved, pace, first = FIRST_CHUNK, time.perf_counter(), Pace(), True
    with counted() as compiled:
        while session.done < session.total:
            before, start, programs = session.done, time.perf_counter(), compiled.count
            session = update(session, num_steps)
            done, now = session.done, time.perf_counter()
            # Beside compiling, the first chunk starts what simulates outside JAX.
            pace = pace.after(done - before, now - start, compiled=first or compiled.count > programs)
            first, speed = False, pace.steps_per_s
            if on_progress is not None:
                loss_gen, loss_disc, _ = np.mean(np.reshape(session.history[-1][1:], (3, -1)), axis=1).tolist()
                left_s = pace.eta_s(session.total - done)
                on_progress(Progress(done, session.total, loss_gen, loss_disc, speed, left_s))
            stopping = stop is not None and stop() and done < session.total
            if on_checkpoint is not None and done < session.total and (stopping or now - saved > checkpoint_seconds):
                on_checkpoint(save(session))
                saved = time.perf_counter()
            if stopping:
                break
            num_steps = max(1, min(4 * num_steps, round(CHUNK_SECONDS * speed))) if speed else 4 * FIRST_CHUNK
    return session


def initialize(
    key: jax.Array, problem: Problem, *, options: InferenceOptions | None = None, parts: Parts = DEFAULT_PARTS
) -> Session:
    """Reads the problem's structure and scales, and makes the state before the first step."""
    setup, rates, options = plan(problem, options or InferenceOptions(), parts)
    for each in setup.layout.external:
        each.failures.clear()
    sample_key, data, state, seen = _begin(_compiled(setup), key, problem, setup, rates, options)
    return Session(setup, rates, options, int(seen.total), sample_key, data, state, seen, ())


def _begin(
    compiled: "Compiled", key: jax.Array, problem: Problem, setup: Setup, rates: Rates, options: InferenceOptions
) -> tuple[jax.Array, Data, State, Watch]:
    """All that changes or is drawn at random in a session, before the first step."""
    prepare_key, init_key, sample_key = jax.random.split(key, 3)
    given = arrays(problem, setup.layout)
    if options.start is None:
        data = compiled.prepare(prepare_key, given)
    else:
        start = jnp.asarray(options.start.mean), jnp.linalg.cholesky(jnp.asarray(options.start.covariance))
        data = compiled.prepare(prepare_key, given, forward.Normal(*start))
    # `load` traces this for its shapes alone.
    if not isinstance(key, jax.core.Tracer):
        data = _without_contradictions(setup, jax.random.fold_in(prepare_key, 1), data)
    return sample_key, data, compiled.init(init_key, data), stopping.start(setup, rates)


def _without_contradictions(setup: Setup, key: jax.Array, data: Data) -> Data:
    """The data without numbers that contradict what the simulator always makes; see `constants`."""
    if setup.method == "klqp" or not int(data.left_out.count):
        return data._replace(left_out=constants.none())
    if setup.objective != "reverse" and setup.layout.external:
        # These may not be simulated again: there is a budget.
        simulated = np.asarray(data.data).reshape(len(data.data), setup.layout.num_points, -1)
    else:
        centre, spread = (jax.tree.leaves(each)[0] for each in (data.latent_centre, data.latent_spread))
        simulated = constants.simulated_widely(setup, key, data.arrays, centre, spread)
    found = constants.without(setup.layout, data.arrays.observed, constants.constants(simulated))
    return data._replace(arrays=data.arrays._replace(observed=found.arrays), left_out=found.left_out)


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
    before = np.asarray(session.state.skipped), np.asarray(session.state.dropped)
    already = _simulated(session.setup, session.state)
    if session.setup.objective != "reverse":
        # A chunk may hold few simulations: they are judged all together.
        before, already = (before[0], np.zeros_like(before[1])), 0
    chunk = _compiled(session.setup).chunk
    state, seen, sums = chunk(session.rates, session.data, session.state, session.watch, num_steps, variables)
    done = int(state.step)
    made = done - session.done
    # A restart that fails loses against the others; the fit fails with its best.
    skipped = int(np.min(np.asarray(state.skipped) - before[0]))
    dropped = int(np.min(np.asarray(state.dropped) - before[1]))
    simulated = _simulated(session.setup, state) - already
    _refuse_divergence(skipped, dropped, made, simulated, done, session.setup.layout.external)
    row = (float(done), *(np.asarray(sums).reshape(-1) / made).tolist())
    return session._replace(state=state, watch=seen, total=int(seen.total), history=(*session.history, row))


def finalize(session: Session, num_draws: int) -> Fit:
    """Draws from q, and judges the fit. The figures name the engine's revision."""
    found = _finalize(session, num_draws)
    return found._replace(diagnostics=found.diagnostics | {"engine_revision": ENGINE_REVISION})


def _finalize(session: Session, num_draws: int) -> Fit:
    compiled = _compiled(session.setup)
    judged = None
    if session.setup.restarts > 1:
        judged = np.asarray(compiled.judge(session.data, jax.random.fold_in(session.sample_key, 1), session.state))
    ended = Ended(
        setup=session.setup,
        options=session.options,
        data=session.data,
        state=session.state,
        history=finish.losses(session.history, session.setup.restarts),
        simulated=_simulated(session.setup, session.state),
        judged=judged,
        early=session.total < session.options.steps,
    )
    if session.setup.objective == "forward":
        return finish.cover(ended, compiled.sample, session.sample_key, num_draws)
    if session.setup.objective == "amortized":
        return finish.amortize(ended, compiled.sample, compiled.held, session.sample_key, num_draws)
    return finish.finish(ended, compiled.sample, compiled.frame, session.sample_key, num_draws)


def save(session: Session) -> dict[str, np.ndarray]:
    """All that changes or was drawn at random in a session, as named arrays: what `load` needs to go on."""
    tree = (session.sample_key, session.data, session.state, session.watch)
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path): np.asarray(_without_key_type(leaf)) for path, leaf in leaves}
    history = np.array(session.history).reshape(-1, 1 + 3 * session.setup.restarts)
    return {**named, "history": history, _REVISION: np.array(ENGINE_REVISION)}


def load(
    problem: Problem,
    saved: Mapping[str, np.ndarray],
    *,
    options: InferenceOptions | None = None,
    parts: Parts = DEFAULT_PARTS,
) -> Session:
    """The session that `save` was given, for the same problem, options and parts.

    Raises:
      InferenceError: the checkpoint is not of such a session, or another revision of the engine made it.
    """
    revision = saved.get(_REVISION)
    if revision is None or int(revision) != ENGINE_REVISION:
        made_by = "an engine without a number" if revision is None else f"revision {revision} of the engine"
        raise InferenceError(f"the checkpoint was made by {made_by}, and this is revision {ENGINE_REVISION}")
    setup, rates, options = plan(problem, options or InferenceOptions(), parts)
    compiled = _compiled(setup)
    # What has options of its own for the compiler cannot be part of another program, as it would be here.
    plain = compiled._replace(prepare=inspect.unwrap(compiled.prepare), init=inspect.unwrap(compiled.init))
    fresh = jax.eval_shape(lambda key: _begin(plain, key, problem, setup, rates, options), jax.random.key(0))
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
    sample_key, data, state, seen = jax.tree.unflatten(structure, leaves)
    total = int(seen.total)
    shortened = 0 < total < options.steps and (options.stop_when_flat or total == int(rates.few))
    if total != options.steps and not shortened:
        raise InferenceError(f"the checkpoint is of a fit of {total} steps, not of {options.steps}")
    history = tuple(tuple(float(x) for x in row) for row in saved["history"])
    return Session(setup, rates, options, total, sample_key, data, state, seen, history)


def _without_key_type(leaf: jax.Array) -> jax.Array:
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def _simulated(setup: Setup, state: Any) -> int:
    """Points simulated so far by each restart; whole data sets where these are learnt whole."""
    if setup.objective != "reverse":
        return int(state.ring.written) + (setup.first if setup.objective == "amortized" else 0)
    per_step = setup.latent_samples * setup.points * setup.replicates * setup.disc_updates
    return per_step * int(state.step) if setup.method == "implicit_klqp" else 0


class Compiled(NamedTuple):
    """The jitted functions of one setup; kept, so that a second fit of the same setup and shapes compiles nothing."""

    prepare: Callable[..., Data]
    init: Callable[..., State]
    chunk: Callable[..., tuple[State, Watch, jax.Array]]
    judge: Callable[..., jax.Array]
    frame: Callable[..., GaussianBlocks]
    sample: Callable[..., implicit_klqp.Draws | forward.Draws]
    held: Callable[..., amortized.Held]


@functools.lru_cache(maxsize=64)
def _compiled(setup: Setup) -> Compiled:
    step = {"reverse": implicit_klqp.step, "forward": forward.step, "amortized": amortized.step}[setup.objective]

    def chunk(
        rates: Rates,
        data: Data,
        state: State,
        seen: Watch,
        num_steps: jax.Array,
        only: implicit_klqp.Update | None,
    ) -> tuple[State, Watch, jax.Array]:
        """`num_steps` steps, or as many as are left; also the sums of loss_gen, loss_disc, correct over them."""
        last = state.step + num_steps
        Carry = tuple[State, Watch, jax.Array]

        def body(carry: Carry) -> Carry:
            state, seen, sums = carry
            now = rates._replace(steps=seen.total.astype(float))
            state = restarts.each(setup, lambda s: step(setup, now, data, s, only))(state)
            if only is None and setup.objective == "reverse":
                seen = stopping.watch(setup, rates, state, seen)
            if only is None and setup.objective == "forward":
                seen = seen._replace(total=forward.total_steps(rates, state, seen.total))
            return state, seen, sums + jnp.nan_to_num(jnp.stack([state.loss_gen, state.loss_disc, state.correct]))

        def more(carry: Carry) -> jax.Array:
            return carry[0].step < jnp.minimum(last, carry[1].total)

        return jax.lax.while_loop(more, body, (state, seen, jnp.zeros((3, *state.loss_gen.shape))))

    chunk = jax.jit(chunk, donate_argnums=2, static_argnums=5)
    if setup.objective == "forward":
        return Compiled(
            prepare=once(functools.partial(forward.prepare, setup)),
            init=once(functools.partial(forward.init, setup)),
            chunk=chunk,
            judge=_none,
            frame=_none,
            sample=once(functools.partial(forward.sample, setup), static_argnums=3, static_argnames="mixed"),
            held=_none,
        )
    if setup.objective == "amortized":
        return Compiled(
            prepare=once(functools.partial(forward.prepare, setup)),
            init=once(functools.partial(amortized.init, setup)),
            chunk=chunk,
            judge=_none,
            frame=_none,
            sample=once(functools.partial(amortized.sample, setup), static_argnums=4),
            held=once(functools.partial(amortized.held, setup)),
        )
    return Compiled(
        prepare=once(functools.partial(implicit_klqp.prepare, setup)),
        init=once(functools.partial(restarts.init, setup)),
        chunk=chunk,
        judge=once(functools.partial(restarts.judge, setup)),
        frame=once(functools.partial(laws.frame, setup)),
        sample=once(functools.partial(implicit_klqp.sample, setup), static_argnums=3),
        held=_none,
    )


def _none(*_: Any) -> NoReturn:
    raise AssertionError("this objective has no such thing: restarts to judge, a frame, held-out simulations")


def _refuse_divergence(
    skipped: int, dropped: int, num_steps: int, simulated: int, done: int, external: tuple[External, ...]
) -> None:
    """Raises where most of `num_steps` updates, or of the points `simulated` in them, were not finite."""
    if simulated and dropped > FAILED_SHARE * simulated:
        reasons = [reason for each in external for reason, _ in each.failures.most_common(1)]
        most = f", most often {'; '.join(reasons)}" if reasons else ""
        raise DivergedError(
            f"{dropped} of the {simulated} points simulated before step {done} were not finite: the "
            f"program's simulations fail at plausible latents{most}. Try draws from its prior."
        )
    if skipped > DIVERGED_SHARE * num_steps:
        raise DivergedError(
            f"{skipped} of {num_steps} updates before step {done} were not finite. The program may divide by zero, "
            "take the logarithm of a negative number or overflow at plausible latents: try draws from its prior."
        )
