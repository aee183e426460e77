"""Steps per second of the driver, beside the same mathematics without it.

    python -m benchmarks.engine

Three ways to make the same steps, in turn, round after round in one process; medians, and the medians of the ratios
taken round by round. All are compiled before the clock starts.
"""

import functools
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import load_registry
from tacit.inference import InferenceOptions, Problem, driver, fit, implicit_klqp, planning
from tacit.inference.problem import arrays
from tacit.inference.state import State
from tacit.ppl import Normal, plate

# The founding example: 500 points, 50 an update, five updates of the ratio estimator for each of q, 64 hidden units.
SEED_POINTS = 500
SEED = InferenceOptions(
    contrast="empirical", latent_samples=2, points=50, disc_updates=5, gen_samples=2, width=64, steps=6000
)
MODELS = ("poisson-rate", "eight-schools", "linear-regression")
STEPS = 6000
ROUNDS = 5
# One call per update is slow: it makes a share of the steps, and its speed is scaled.
CALLS = 300


def ways(name: str) -> dict[str, Callable[[], float]]:
    """The three ways for a model; each returns its steps per second."""
    model = load_registry().get(name)
    problem = model.problem(model.resolve(model.example))
    options = InferenceOptions(steps=STEPS)
    setup, rates, _ = planning.plan(problem, options, planning.DEFAULT_PARTS)
    data = jax.jit(functools.partial(implicit_klqp.prepare, setup))(jax.random.key(0), arrays(problem, setup.layout))
    init = jax.jit(functools.partial(implicit_klqp.init, setup))
    one = jax.jit(functools.partial(implicit_klqp.step, setup))

    @jax.jit
    def scan(state: State) -> State:
        return jax.lax.scan(lambda s, _: (implicit_klqp.step(setup, rates, data, s), None), state, length=STEPS)[0]

    def with_driver() -> float:
        """Progress, divergence and checkpoint checks included, as a worker runs it; without start and drawing."""
        session = driver.initialize(jax.random.key(0), problem, options=options)
        jax.block_until_ready(session.state)
        seen: list[driver.Progress] = []
        start = time.perf_counter()
        driver.run(session, on_progress=seen.append, on_checkpoint=lambda saved: None)
        return STEPS / (time.perf_counter() - start)

    def plain_scan() -> float:
        state = jax.block_until_ready(init(jax.random.key(1), data))
        start = time.perf_counter()
        jax.block_until_ready(scan(state))
        return STEPS / (time.perf_counter() - start)

    def call_per_update() -> float:
        state = jax.block_until_ready(init(jax.random.key(1), data))
        start = time.perf_counter()
        for _ in range(CALLS):
            state = one(rates, data, state)
        jax.block_until_ready(state)
        return CALLS / (time.perf_counter() - start)

    fit(jax.random.key(0), problem, options=options, num_draws=100)
    jax.block_until_ready(one(rates, data, init(jax.random.key(1), data)))
    jax.block_until_ready(scan(init(jax.random.key(1), data)))
    return {"driver": with_driver, "plain scan": plain_scan, "a call per update": call_per_update}


def regression(x: jax.Array) -> None:
    w = Normal(jnp.zeros(x.shape[1]), 1.0, name="w")
    with plate("N", x.shape[0]):
        Normal(x @ w.value, 1.0, name="y")


def seed_ways() -> dict[str, Callable[[], float]]:
    """The founding example by the driver, and as it was run: a call for each update, whose losses are read back."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SEED_POINTS, 2)).astype(np.float32)
    y = (x @ [1.0, -0.5] + rng.normal(size=SEED_POINTS)).astype(np.float32)
    problem = Problem(regression, observed={"y": y}, inputs={"x": x}, axes={"x": ("N", "D")})
    setup, rates, _ = planning.plan(problem, SEED, planning.DEFAULT_PARTS)
    data = jax.jit(functools.partial(implicit_klqp.prepare, setup))(jax.random.key(0), arrays(problem, setup.layout))
    single = setup._replace(disc_updates=1)
    init = jax.jit(functools.partial(implicit_klqp.init, single))

    @functools.partial(jax.jit, static_argnums=1)
    def one(state: State, only: implicit_klqp.Update) -> tuple[State, jax.Array, jax.Array]:
        state = implicit_klqp.step(single, rates, data, state, only)
        return state, state.loss_disc, state.loss_gen

    def with_driver() -> float:
        session = driver.initialize(jax.random.key(0), problem, options=SEED)
        jax.block_until_ready(session.state)
        seen: list[driver.Progress] = []
        start = time.perf_counter()
        driver.run(session, on_progress=seen.append, on_checkpoint=lambda saved: None)
        return SEED.steps / (time.perf_counter() - start)

    def call_per_single_update() -> float:
        state = jax.block_until_ready(init(jax.random.key(1), data))
        start = time.perf_counter()
        for _ in range(CALLS):
            for only in (*("Disc",) * SEED.disc_updates, "Gen"):
                state, loss_disc, loss_gen = one(state, only)
                _ = float(loss_disc), float(loss_gen)
        return CALLS / (time.perf_counter() - start)

    fit(jax.random.key(0), problem, options=SEED, num_draws=100)
    for only in ("Disc", "Gen"):
        one(init(jax.random.key(1), data), only)
    return {"driver": with_driver, "a call per single update": call_per_single_update}


def seed_example() -> None:
    """Prints the comparison; a step is five updates of the ratio estimator and one of q."""
    timed = seed_ways()
    rounds = np.array([[way() for way in timed.values()] for _ in range(ROUNDS)])
    middle = np.median(rounds, axis=0)
    print("| founding example | driver, steps/s | a call per single update | ratio |")
    print("|---|---|---|---|")
    ratio = np.median(rounds[:, 0] / rounds[:, 1])
    print(f"| 500 points, 5 Disc + 1 Gen | {middle[0]:.0f} | {middle[1]:.0f} | {ratio:.1f} |")


def main() -> None:
    seed_example()
    print()
    print("| model | driver, steps/s | plain scan | a call per update | driver / scan | driver / calls |")
    print("|---|---|---|---|---|---|")
    for name in MODELS:
        timed = ways(name)
        rounds = np.array([[way() for way in timed.values()] for _ in range(ROUNDS)])
        middle = np.median(rounds, axis=0)
        to_scan, to_calls = np.median(rounds[:, 0] / rounds[:, 1]), np.median(rounds[:, 0] / rounds[:, 2])
        print(f"| {name} | {middle[0]:.0f} | {middle[1]:.0f} | {middle[2]:.0f} | {to_scan:.2f} | {to_calls:.1f} |")


if __name__ == "__main__":
    main()
