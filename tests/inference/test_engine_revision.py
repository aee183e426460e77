"""Whether the engine still makes the draws that it made when its revision was raised last.

Fits of a hundred steps, one for each way through the engine, against the means and standard deviations that stand in
`engine_revision.json`. They say nothing of accuracy: so few steps find no posterior. When draws are meant to change,
raise `ENGINE_REVISION` in `tacit/engine.py` and write the new ones down:

    python -m tests.inference.test_engine_revision
"""

import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.engine import ENGINE_REVISION
from tacit.inference import Answers, InferenceOptions, Problem, finalize, initialize, update
from tacit.ppl import Implicit, Normal, Uniform, plate

RECORD = Path(__file__).parent / "engine_revision.json"
COMMAND = "python -m tests.inference.test_engine_revision"
STEPS, NUM_DRAWS = 100, 4000
# What processors may differ by, in recorded standard deviations. Seen were 2e-6 between two levels of the compiler's
# optimisation; where q has a learning rate larger by one per cent, "likelihood" differs by 2e-4.
TOLERANCE = 1e-4


def regression(x):
    w = Normal(jnp.zeros(x.shape[1]), 1.0, name="w")
    with plate("N", x.shape[0]):
        Normal(x @ w.value, 1.0, name="y")


def local_means(N):
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        z = Normal(mu, 1.0, name="z")
        Normal(z, 1.0, name="x")


def linear(key, theta):
    return theta + jnp.array([0.5, 1.0]) * jax.random.normal(key, (2,))


def conjugate():
    theta = Normal(np.zeros(2), 1.0, name="theta")
    Implicit(linear, theta, name="x")


def walk(key, persistence):
    def step(value, noise):
        value = persistence * value + noise
        return value, value

    return jax.lax.scan(step, 0.0, jax.random.normal(key, (60,)))[1]


def series():
    persistence = Uniform(-1.0, 1.0, name="persistence")
    Implicit(walk, persistence, name="y")


def _regression():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 2)).astype(np.float32)
    y = (x @ [1.0, -0.5] + rng.normal(size=20)).astype(np.float32)
    return Problem(regression, observed={"y": y}, inputs={"x": x}, axes={"x": ("N", "D")})


POINTS = _regression()
LOCALS = Problem(local_means, observed={"x": np.array([2.0, -1.0, 0.5, 3.0, 1.5], np.float32)}, inputs={"N": 5})
ONE = Problem(conjugate, {"x": np.array([0.8, -1.0])})
SERIES = Problem(series, {"y": np.sin(np.arange(60.0))})
OTHER = {"x": np.array([0.0, 1.0])}
FORWARD = {"objective": "forward", "simulations": 6000, "steps": 1500, "ratio_estimators": 1}

# As far as may be these are programs that other tests compile, too: compiling is nearly all that they cost.
FITS = {
    "reverse": (POINTS, {}),
    "likelihood": (POINTS, {"method": "klqp"}),
    "restarts": (POINTS, {"method": "klqp", "restarts": 2, "restart_choice": "pooled"}),
    "local latents": (LOCALS, {}),
    "forward": (ONE, FORWARD),
    "forward, a flow": (ONE, {**FORWARD, "family": "flow", "ratio_estimators": 2}),
    "forward, a summary network": (SERIES, FORWARD),
    "amortized": (ONE, {"objective": "amortized", "simulations": 1001, "steps": 200}),
}


def moments(name):
    """Of a fit, mean and standard deviation of each latent number; of an amortized one also those of an answer."""
    problem, chosen = FITS[name]
    options = InferenceOptions(**chosen)
    session = update(initialize(jax.random.key(1), problem, options=options), STEPS)
    found = finalize(session, NUM_DRAWS)
    draws = dict(found.posterior)
    if options.objective == "amortized":
        answer = Answers(problem, options, found.variational).answer(OTHER, seed=1, num_draws=NUM_DRAWS)
        draws |= {f"{latent}, of other data": values for latent, values in answer.posterior.items()}
    return {
        latent: {"mean": values.mean(axis=0).reshape(-1).tolist(), "sd": values.std(axis=0).reshape(-1).tolist()}
        for latent, values in draws.items()
    }


def recorded():
    return json.loads(RECORD.read_text(encoding="utf-8"))


def test_the_draws_written_down_are_of_this_revision():
    assert recorded()["engine_revision"] == ENGINE_REVISION, f"write down the draws of the new revision: {COMMAND}"
    assert recorded()["fits"].keys() == FITS.keys()


@pytest.mark.parametrize("name", FITS)
def test_draws_are_those_of_this_revision(name):
    now, before = moments(name), recorded()["fits"][name]
    assert now.keys() == before.keys()
    for latent, then in before.items():
        sd = np.array(then["sd"])
        off = {word: float(np.max(np.abs(np.array(now[latent][word]) - then[word]) / sd)) for word in ("mean", "sd")}
        assert max(off.values()) < TOLERANCE, (
            f"{latent} differs by {off} recorded sds: draws changed. If that is meant, raise ENGINE_REVISION in "
            f"tacit/engine.py and write the new draws down: {COMMAND}"
        )


def main():
    """Write down the draws of today."""
    found = {}
    for name in FITS:
        start = time.perf_counter()
        found[name] = moments(name)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    record = {"engine_revision": ENGINE_REVISION, "jax": jax.__version__, "fits": found}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
