"""What the language costs: compiled programs against the same functions written by hand in `jax.numpy`.

    python -m benchmarks.language [--rounds 1000]

Runs of the two alternate in one process, so both see the same machine; a row shows the medians of the times and the
median of the ratios of neighbouring runs. The language works while JAX traces, and nothing of it should be left in what
runs: the target is a ratio of at most 1.03. Written by hand are the formulas that NumPyro's densities use, so that the
two differ by the language and by nothing else. Below the table: how many instructions each was compiled to (the few
more of a log joint say that a traced scale below zero has density zero), and how long tracing took, where the language
does its work. A replay is timed in a twentieth of the rounds; on a busy machine trust the counts.
"""

import argparse
import statistics
import time
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tacit.ppl import Bernoulli, HalfNormal, Normal, Poisson, make_log_joint_fn, make_value_setter, plate, seed, tape

POINTS, COVARIATES, GROUPS, DRAWS = 20_000, 10, 50, 100
TARGET = 1.03
KEY_OF_Y = zlib.crc32(b"y")  # what `seed` folds in: rejection samplers take longer at some keys than at others
HALF_LOG_TAU = 0.5 * np.log(2 * np.pi).astype(np.float32)

# The data are drawn once; what they are does not matter, only how many.
_random = np.random.default_rng(0)
X = jnp.asarray(_random.normal(size=(POINTS, COVARIATES)).astype(np.float32))
GROUP = jnp.asarray(_random.integers(GROUPS, size=POINTS))
COUNTS = jnp.asarray(_random.poisson(1.0, size=POINTS))
LABELS = jnp.asarray(_random.integers(2, size=POINTS))


class Task(NamedTuple):
    """One thing to run in two ways, at the same arguments."""

    name: str
    program: Callable[..., Any]
    by_hand: Callable[..., Any]
    args: tuple[Any, ...]


def logistic() -> None:
    w = Normal(0.0, 1.0, name="w", sample_shape=(COVARIATES,))
    b = Normal(0.0, 2.0, name="b")
    with plate("N", POINTS):
        Bernoulli(logits=X @ w + b, name="y")


def logistic_log_joint(w: jax.Array, b: jax.Array) -> jax.Array:
    logits = X @ w + b
    return normal(w, 0.0, 1.0) + normal(b, 0.0, 2.0) + bernoulli(LABELS, logits)


def logistic_replay(key: jax.Array, w: jax.Array, b: jax.Array) -> jax.Array:
    key = jax.random.fold_in(key, KEY_OF_Y)  # a key per variable
    return jax.random.bernoulli(key, jax.nn.sigmoid(X @ w + b)).astype(jnp.int32)


def hierarchical() -> None:
    mu = Normal(0.0, 1.0, name="mu")
    tau = HalfNormal(1.0, name="tau")
    with plate("J", GROUPS):
        theta = Normal(mu, tau, name="theta")
    w = Normal(0.0, 1.0, name="w", sample_shape=(COVARIATES,))
    with plate("N", POINTS):
        Poisson(jnp.exp(0.1 * (theta[GROUP] + X @ w)), name="y")


def hierarchical_log_joint(mu: jax.Array, tau: jax.Array, theta: jax.Array, w: jax.Array) -> jax.Array:
    prior = normal(mu, 0.0, 1.0) + normal(tau, 0.0, 1.0) + np.log(2.0) + normal(theta, mu, tau) + normal(w, 0.0, 1.0)
    rate = jnp.exp(0.1 * (theta[GROUP] + X @ w))
    counts = COUNTS.astype(jnp.float32)
    return prior + jnp.sum(jax.scipy.special.xlogy(counts, rate) - jax.lax.lgamma(counts + 1.0) - rate)


def hierarchical_replay(key: jax.Array, mu: jax.Array, tau: jax.Array, theta: jax.Array, w: jax.Array) -> jax.Array:
    del mu, tau
    key = jax.random.fold_in(key, KEY_OF_Y)
    return jax.random.poisson(key, jnp.exp(0.1 * (theta[GROUP] + X @ w)))


def normal(x: jax.Array, loc: Any, scale: Any) -> jax.Array:
    """The log density of Normal, summed."""
    return jnp.sum(-0.5 * ((x - loc) / scale) ** 2 - jnp.log(scale) - HALF_LOG_TAU)


def bernoulli(x: jax.Array, logits: jax.Array) -> jax.Array:
    """The log density of Bernoulli, summed; right at infinite logits too."""
    finite = jnp.isfinite(logits)
    safe = jnp.where(finite, logits, 0.0)
    loss = jnp.clip(safe, 0) + jnp.log1p(jnp.exp(-jnp.abs(safe))) - x * safe
    return -jnp.sum(jnp.where(finite, loss, jnp.inf * jnp.logical_xor(x, logits > 0)))


def replay(program: Callable[[], Any], names: tuple[str, ...]) -> Callable[..., jax.Array]:
    """The posterior-predictive draw of `y`, as `tacit.predictive` makes it."""

    def run(key: jax.Array, *latents: jax.Array) -> jax.Array:
        with seed(key), tape() as trace, make_value_setter(dict(zip(names, latents, strict=True))):
            program()
        return trace["y"].value

    return run


def tasks() -> list[Task]:
    """The log joint, its gradient and the vectorised replay of each model."""
    made = []
    for name, program, data, log_joint, by_hand, latents in (
        ("logistic", logistic, LABELS, logistic_log_joint, logistic_replay, {"w": (COVARIATES,), "b": ()}),
        (
            "hierarchical",
            hierarchical,
            COUNTS,
            hierarchical_log_joint,
            hierarchical_replay,
            {"mu": (), "tau": (), "theta": (GROUPS,), "w": (COVARIATES,)},
        ),
    ):
        names = tuple(latents)
        values = tuple(jnp.full(shape, 0.1 + 0.1 * i) for i, shape in enumerate(latents.values()))
        many = tuple(jnp.full((DRAWS, *shape), 0.1) for shape in latents.values())
        scored = make_log_joint_fn(program)

        def own(*args: jax.Array, scored: Any = scored, names: Any = names, data: Any = data) -> jax.Array:
            return scored(**dict(zip(names, args, strict=True)), y=data)

        every = tuple(range(len(names)))
        keys = jax.random.split(jax.random.key(0), DRAWS)
        made += [
            Task(f"{name}: log joint", own, log_joint, values),
            Task(f"{name}: gradient", jax.grad(own, every), jax.grad(log_joint, every), values),
            Task(f"{name}: replay", jax.vmap(replay(program, names)), jax.vmap(by_hand), (keys, *many)),
        ]
    return made


def measure(task: Task, rounds: int) -> tuple[float, float, float]:
    """Median times in seconds of the program and of the hand-written function, and the median ratio."""
    compiled = [jax.jit(f) for f in (task.program, task.by_hand)]
    outputs = [jax.block_until_ready(f(*task.args)) for f in compiled]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3), *outputs)
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(rounds):
        # Which of the two comes first alternates too.
        for which in (0, 1) if i % 2 else (1, 0):
            start = time.perf_counter()
            jax.block_until_ready(compiled[which](*task.args))
            times[which].append(time.perf_counter() - start)
    ratios = [own / hand for own, hand in zip(*times, strict=True)]
    return statistics.median(times[0]), statistics.median(times[1]), statistics.median(ratios)


def instructions(f: Callable[..., Any], args: tuple[Any, ...]) -> int:
    """How many instructions the compiled function has: a count that no busy neighbour changes."""
    return jax.jit(f).lower(*args).compile().as_text().count(" = ")


def trace_time(task: Task) -> tuple[float, float]:
    """Seconds to trace each of the two, the quickest of five."""

    def once(f: Callable[..., Any]) -> float:
        start = time.perf_counter()
        jax.make_jaxpr(lambda *args: f(*args))(*task.args)
        return time.perf_counter() - start

    return min(once(task.program) for _ in range(5)), min(once(task.by_hand) for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1000)
    rounds = parser.parse_args().rounds
    print(
        f"{jax.devices()[0].device_kind}, {POINTS} points, {DRAWS} draws in a replay, {rounds} rounds (replay: fewer)"
    )
    print(f"{'':24}{'program':>12}{'by hand':>12}{'ratio':>8}")
    worst = 0.0
    for task in tasks():
        own, hand, ratio = measure(task, max(rounds // 20, 5) if "replay" in task.name else rounds)
        worst = max(worst, ratio)
        print(f"{task.name:24}{1e3 * own:9.3f} ms{1e3 * hand:9.3f} ms{ratio:8.3f}")
    print(f"worst ratio {worst:.3f}; the target is {TARGET}")
    for task in tasks():
        own, hand = (instructions(f, task.args) for f in (task.program, task.by_hand))
        print(f"compiled: {task.name:24}{own:6} instructions, by hand {hand:6}")
    for task in tasks():
        took, took_by_hand = trace_time(task)
        print(f"traced once: {task.name:24}{1e3 * took:8.1f} ms, by hand {1e3 * took_by_hand:6.1f} ms")


if __name__ == "__main__":
    main()
