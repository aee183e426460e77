"""NumPyro models as programs. Most are the examples of NumPyro's documentation, in our own words."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers, sample
from numpyro.contrib.control_flow import scan
from numpyro.infer.reparam import LocScaleReparam
from numpyro.infer.util import log_density

from tacit.errors import InvalidValueError, MissingKeyError, MissingValueError, ProgramError
from tacit.ppl import Normal, Plate, from_numpyro, make_log_joint_fn, make_value_setter, plate, seed, tape

KEY = jax.random.key(0)
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
N, D = 5, 2
X = np.linspace(-1.0, 1.0, N * D, dtype=np.float32).reshape(N, D)
T = np.arange(N, dtype=np.float32)


def eight_schools(sigma, y=None):
    mu = sample("mu", dist.Normal(0.0, 5.0))
    tau = sample("tau", dist.HalfCauchy(5.0))
    with numpyro.plate("J", len(sigma)):
        with handlers.reparam(config={"theta": dist_reparam()}):
            theta = sample("theta", dist.Normal(mu, tau))
        sample("obs", dist.Normal(theta, sigma), obs=y)


def dist_reparam():
    return LocScaleReparam(0)


def logistic_regression(x, y=None):
    w = sample("w", dist.Normal(jnp.zeros(D), 1.0).to_event(1))
    b = sample("b", dist.Normal(0.0, 1.0))
    sample("y", dist.Bernoulli(logits=x @ w + b), obs=y)


def baseball(at_bats, hits=None):
    phi = sample("phi", dist.Uniform(0.0, 1.0))
    kappa = jnp.exp(sample("log_kappa", dist.Exponential(1.5)))
    with numpyro.plate("players", len(at_bats)):
        p = sample("p", dist.Beta(phi * kappa, (1 - phi) * kappa))
        sample("hits", dist.Binomial(at_bats, probs=p), obs=hits)


def horseshoe(x, y=None):
    with numpyro.plate("D", D):
        lam = sample("lam", dist.HalfCauchy(1.0))
        raw = sample("raw", dist.Normal(0.0, 1.0))
    tau = sample("tau", dist.HalfCauchy(1.0))
    w = numpyro.deterministic("w", tau * lam * raw)
    precision = sample("precision", dist.Gamma(3.0, 1.0))
    with numpyro.plate("N", len(x)):
        sample("y", dist.Normal(x @ w, 1.0 / jnp.sqrt(precision)), obs=y)


def gaussian_process(t, y=None):
    variance = sample("variance", dist.LogNormal(0.0, 1.0))
    length = sample("length", dist.LogNormal(0.0, 1.0))
    k = variance * jnp.exp(-0.5 * ((t[:, None] - t) / length) ** 2) + 0.1 * jnp.eye(len(t))
    sample("y", dist.MultivariateNormal(jnp.zeros(len(t)), covariance_matrix=k), obs=y)


def stochastic_volatility(returns):
    step = sample("step", dist.Exponential(50.0))
    log_volatility = sample("s", dist.GaussianRandomWalk(step, len(returns)))
    nu = sample("nu", dist.Exponential(0.1))
    with numpyro.plate("time", len(returns)):
        sample("r", dist.StudentT(nu, 0.0, jnp.exp(log_volatility)), obs=returns)


def mixture(y=None):
    weights = sample("weights", dist.Dirichlet(jnp.ones(2)))
    with numpyro.plate("components", 2):
        locs = sample("locs", dist.Normal(0.0, 10.0))
    scale = sample("scale", dist.LogNormal(0.0, 2.0))
    with numpyro.plate("data", N):
        assignment = sample("assignment", dist.Categorical(weights), infer={"enumerate": "parallel"})
        sample("y", dist.Normal(locs[assignment], scale), obs=y)


def autoregression(y):
    a = sample("a", dist.Normal(jnp.zeros(2), 0.5))
    sigma = sample("sigma", dist.HalfNormal(1.0))
    mean = jax.lax.map(lambda i: a @ jax.lax.dynamic_slice(y, (i,), (2,)), jnp.arange(len(y) - 2))
    sample("y", dist.Normal(mean, sigma), obs=y[2:])


def ordinal(x, y=None):
    b = sample("b", dist.Normal(0.0, 1.0))
    cutpoints = sample(
        "cutpoints",
        dist.TransformedDistribution(dist.Dirichlet(jnp.ones(3)), dist.transforms.SimplexToOrderedTransform(0.0)),
    )
    sample("y", dist.OrderedLogistic(b * x, cutpoints), obs=y)


def zero_inflated(x, y=None):
    with numpyro.plate_stack("coefficients", [2, D], rightmost_dim=-1):
        w = sample("w", dist.Normal(0.0, 1.0))
    with numpyro.plate("N", len(x)):
        rate, gate = jnp.exp(x @ w[0]), jax.nn.sigmoid(x @ w[1])
        sample("y", dist.ZeroInflatedPoisson(gate, rate), obs=y)


def capture_recapture(seen):
    survival = sample("survival", dist.Beta(1.0, 1.0))
    detection = sample("detection", dist.Beta(1.0, 1.0))
    animals, occasions = seen.shape
    with numpyro.plate("animals", animals, dim=-1):
        alive = seen[:, 0]
        for t in range(1, occasions):
            with handlers.mask(mask=seen[:, 0].astype(bool)):
                alive = sample(f"alive_{t}", dist.Bernoulli(survival * alive))
                sample(f"seen_{t}", dist.Bernoulli(detection * alive), obs=seen[:, t])


def with_a_factor(y):
    mu = sample("mu", dist.Normal(0.0, 10.0))
    with numpyro.plate("N", len(y)):
        numpyro.factor("likelihood", -0.5 * (y - mu) ** 2)


def with_scale_and_mask(y):
    mu = sample("mu", dist.Normal(0.0, 10.0))
    with handlers.scale(scale=3.0), numpyro.plate("N", len(y)), handlers.mask(mask=y > 1.0):
        sample("y", dist.Normal(mu, 1.0), obs=y)


def with_missing_data(y, observed):
    mu = sample("mu", dist.Normal(0.0, 1.0))
    with numpyro.plate("N", len(y)):
        sample("y", dist.Normal(mu, 1.0), obs=y, obs_mask=observed)


def with_parameters(y):
    loc = numpyro.param("loc", 0.5)
    scale = numpyro.param("scale", jnp.ones(()), constraint=dist.constraints.positive)
    with numpyro.plate("N", len(y)):
        sample("y", dist.Normal(loc, scale), obs=y)


MODELS = {
    "eight_schools": (eight_schools, (T + 1.0, T)),
    "logistic_regression": (logistic_regression, (X, np.array([0, 1, 1, 0, 1]))),
    "logistic_regression_with_floats": (logistic_regression, (X, np.array([0.0, 1, 1, 0, 1]))),
    "baseball": (baseball, (np.array([45, 45, 40, 30, 20]), np.array([18, 17, 10, 9, 2]))),
    "horseshoe": (horseshoe, (X, T)),
    "gaussian_process": (gaussian_process, (T, np.sin(T))),
    "stochastic_volatility": (stochastic_volatility, (0.01 * T,)),
    "mixture": (mixture, (T,)),
    "autoregression": (autoregression, (np.sin(T),)),
    "ordinal": (ordinal, (T, np.array([0, 1, 1, 2, 2]))),
    "zero_inflated": (zero_inflated, (X, np.array([0, 0, 3, 1, 0]))),
    "capture_recapture": (capture_recapture, (np.array([[1, 1, 0], [1, 0, 1], [0, 0, 1]]),)),
    "with_a_factor": (with_a_factor, (T,)),
    "with_scale_and_mask": (with_scale_and_mask, (T,)),
    "with_missing_data": (with_missing_data, (T, T > 2)),
    "with_parameters": (with_parameters, (T,)),
}


@pytest.mark.parametrize("name", MODELS)
def test_sampled_taped_set_and_scored(name):
    model, args = MODELS[name]
    program = from_numpyro(model)
    notes = {}

    def run(key):
        with seed(key), tape() as trace:
            program(*args)
        latent = {k: rv.value for k, rv in trace.items() if not rv.is_set and rv.kind == "sample"}
        with tape() as replayed, make_value_setter(latent):
            program(*args)
        expected, sites = log_density(model, args, {}, latent)
        notes["latent"], notes["names"] = set(latent), list(trace)
        notes["expected"] = {k for k, s in sites.items() if s["type"] == "sample" and not s["is_observed"]}
        notes["sites"] = [k for k, s in sites.items() if s["type"] != "plate"]
        same = [jnp.all(trace[k].value == rv.value) for k, rv in replayed.items()]
        return make_log_joint_fn(program)(*args, **latent), expected, jnp.array(same)

    log_joint, expected, same = jax.jit(run, compiler_options=QUICKLY)(KEY)
    assert notes["latent"] == notes["expected"]
    assert notes["names"] == notes["sites"]
    assert same.all()
    np.testing.assert_allclose(log_joint, expected, rtol=1e-5)


def local_means(y=None):
    with numpyro.plate("A", 2, dim=-1), numpyro.plate("B", 3, dim=-2):
        z = sample("z", dist.Normal(0.0, 1.0))
        numpyro.deterministic("d", z * 2.0)
        return z


def test_plates_are_ours_outermost_first():
    with seed(KEY), tape() as trace, plate("C", 4, dim=-3):
        z = from_numpyro(local_means)()
    assert isinstance(z, jax.Array)
    assert trace["z"].plates == trace["d"].plates == (Plate("C", 4, -3), Plate("A", 2, -1), Plate("B", 3, -2))
    assert trace["z"].shape == (4, 3, 2)


def test_a_plate_of_numpyro_leaves_out_axes_of_ours():
    def model():
        with numpyro.plate("N", 3):
            return sample("x", dist.Normal(0.0, 1.0))

    with seed(KEY), plate("M", 2):
        assert from_numpyro(model)().shape == (3, 2)


def test_setting_and_observing():
    program = from_numpyro(lambda y=None: sample("y", dist.Normal(jnp.zeros(3), 1.0), obs=y))
    with tape() as trace:
        program(T[:3])
    assert trace["y"].is_set
    with make_value_setter(y=np.ones(3)):
        np.testing.assert_array_equal(program(T[:3]), [1.0] * 3)
    with pytest.raises(InvalidValueError, match=r"'y' was given a value of shape \(5,\); expected \(3,\)"):
        program(T)
    with make_value_setter(y=np.ones(1)), pytest.raises(InvalidValueError, match=r"of shape \(1,\); expected \(3,\)"):
        program()


def test_an_observed_value_and_its_law_broadcast():
    program = from_numpyro(lambda y: sample("y", dist.Normal(0.0, 1.0), obs=y))
    with tape() as trace:
        program(T)
    assert trace["y"].shape == (N,)
    wide = from_numpyro(lambda y: sample("y", dist.Poisson(jnp.ones(3)), obs=y))
    np.testing.assert_allclose(make_log_joint_fn(wide)(2.0), 3 * dist.Poisson(1.0).log_prob(2), rtol=1e-6)
    with pytest.raises(InvalidValueError, match=r"was given 0\.5 at index .* expected a value in IntegerNonnegative"):
        wide(0.5)


def test_randomness_comes_from_seed():
    program = from_numpyro(lambda: sample("z", dist.Normal(0.0, 1.0)))
    with pytest.raises(MissingKeyError, match="'z' has to be sampled"):
        program()
    with pytest.raises(MissingValueError, match="'z'"):
        make_log_joint_fn(program)()
    with handlers.seed(rng_seed=0), pytest.raises(MissingKeyError):
        program()  # handlers around it are NumPyro's own business
    with seed(KEY):
        own = float(program())
    with seed(KEY):
        assert own == float(Normal(0.0, 1.0, name="z"))
    inside = from_numpyro(handlers.seed(lambda: sample("z", dist.Normal(0.0, 1.0)), rng_seed=0))
    assert float(inside()) == float(handlers.seed(lambda: sample("z", dist.Normal(0.0, 1.0)), rng_seed=0)())


def test_prng_key_param_and_subsample():
    def model(x):
        loc = numpyro.param("loc", lambda key: jax.random.normal(key))
        with numpyro.plate("N", len(x)):
            x = numpyro.subsample(x, event_dim=0)
        assert numpyro.primitives.get_mask() is None
        with handlers.seed(rng_seed=1):
            numpyro.prng_key()
        return loc + jax.random.normal(numpyro.prng_key()), x

    program = from_numpyro(model)
    with seed(KEY), tape() as trace:
        total, x = program(T)
    assert list(trace) == ["loc"]
    assert float(total) != float(trace["loc"])
    np.testing.assert_array_equal(x, T)
    with pytest.raises(ProgramError, match=r"asks for numpyro\.prng_key"):
        program(T)


def test_a_param_is_set_like_any_variable():
    program = from_numpyro(with_parameters)
    expected = dist.Normal(1.0, 2.0).log_prob(T).sum()
    np.testing.assert_allclose(make_log_joint_fn(program)(T, loc=1.0, scale=2.0), expected, rtol=1e-5)
    with pytest.raises(InvalidValueError, match=r"'scale' was given -1\.0; expected a value in Positive"):
        make_log_joint_fn(program)(T, scale=-1.0)


def test_scan_over_time_is_refused():
    def model():
        scan(lambda x, _: (sample("x", dist.Normal(x, 1.0)), None), 0.0, None, length=3)

    with pytest.raises(ProgramError, match=r"control_flow is not supported.*GaussianRandomWalk"), seed(KEY):
        from_numpyro(model)()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: numpyro.plate("N", 10, subsample_size=3).__enter__(), "plate 'N' takes 3 of 10 points"),
        (lambda: numpyro.primitives.mutable("state", 0), "mutable 'state' is not supported"),
        (lambda: numpyro.deterministic("d", {"a": 1.0}), "deterministic 'd' holds dict, no array"),
        (lambda: numpyro.primitives.apply_stack({"type": "new", "name": "n"}), "a new site is not supported"),
    ],
)
def test_what_a_program_cannot_hold_is_refused(model, message):
    with pytest.raises(ProgramError, match=message), seed(KEY):
        from_numpyro(model)()


def test_under_vmap_and_grad():
    program = from_numpyro(with_a_factor)
    log_joint = make_log_joint_fn(program)
    gradient = jax.vmap(jax.grad(lambda mu: log_joint(T, mu=mu)))(jnp.arange(2.0))
    np.testing.assert_allclose(gradient, [T.sum(), (T - 1).sum() - 0.01], rtol=1e-5)


def test_the_model_is_what_the_program_wraps():
    program = from_numpyro(baseball)
    assert (program.__wrapped__, program.__name__) == (baseball, "baseball")


def test_a_scaled_law_out_of_jit_and_in_a_plate():
    def model():
        with handlers.scale(scale=2.0):
            sample("y", dist.Normal(0.0, 1.0))

    @jax.jit
    def run(key):
        with seed(key), tape() as trace, plate("N", 3):
            from_numpyro(model)()
        return trace["y"]

    y = run(KEY)
    np.testing.assert_allclose(y.log_prob(), 2.0 * dist.Normal(0.0, 1.0).log_prob(y.value), rtol=1e-6)
    assert isinstance(y.support, type(dist.constraints.real))
