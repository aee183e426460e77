"""Running the program of a registered model at its example, or at other data."""

from functools import cache

import jax
import numpy as np

from tacit.ppl import make_log_joint_fn, make_value_setter, seed, tape


def run(model, key=0, data=None, **values):
    """The random variables of one run at the model's own example (or `data`), with some of them set."""
    inputs = model.inputs(model.resolve(model.example if data is None else data))
    with seed(jax.random.key(key)), tape() as trace, make_value_setter(**values):
        model.program(**inputs)
    return trace


def shapes(model, data):
    """The random variables of one run, traced and not computed."""

    def once(key):
        with seed(key), tape() as trace:
            model.program(**inputs)
        return dict(trace)

    inputs = model.inputs(model.resolve(data))
    return jax.eval_shape(once, jax.random.key(0))


@cache
def _simulator(model, repetitions):
    """Compiled once for each model: latents that differ in value alone share it."""
    inputs = model.inputs(model.resolve(model.example))

    def once(key, values):
        with seed(key), tape() as trace, make_value_setter(**values):
            model.program(**inputs)
        return {name: rv.value for name, rv in trace.items() if name not in values}

    keys = jax.random.split(jax.random.key(0), repetitions)
    return jax.jit(lambda values: jax.vmap(lambda key: once(key, values))(keys))


def simulate(model, repetitions, **values):
    """Repeated draws at the same latents and the example's covariates, by name, repetitions along axis 0."""
    drawn = _simulator(model, repetitions)({name: np.float32(value) for name, value in values.items()})
    return {name: np.asarray(value) for name, value in drawn.items()}


@cache
def _log_joint(model):
    dataset = model.resolve(model.example)
    observed = {name: dataset.arrays[name] for name in model.observed}
    log_joint_fn = make_log_joint_fn(model.program)
    return jax.jit(lambda values: log_joint_fn(**model.inputs(dataset), **observed, **values))


def log_joint(model, **values):
    """The log joint density of a model at its example and these latents."""
    return float(_log_joint(model)({name: np.float32(value) for name, value in values.items()}))


def example(model):
    """The arrays of a model's example, in double precision."""
    return {name: np.asarray(value, float) for name, value in model.resolve(model.example).arrays.items()}


def assert_mean_and_sd(draws, mean, sd, *, sigmas=5.0):
    """Draws along axis 0 have this mean and standard deviation, within sampling error of near-normal draws."""
    error = sd / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - mean) < sigmas * error)
    assert np.all(np.abs(draws.std(axis=0) / sd - 1) < sigmas * np.sqrt(0.5 / len(draws)))


def fit_glm(x, y, mean, variance):
    """Maximum likelihood of a generalised linear model with canonical link, by Newton's method."""
    w = np.zeros(x.shape[1])
    for _ in range(50):
        mu = mean(x @ w)
        w = w + np.linalg.solve(x.T @ (variance(mu)[:, None] * x), x.T @ (y - mu))
    return w
