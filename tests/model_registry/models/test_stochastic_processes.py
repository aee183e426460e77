"""A chaotic population, an epidemic and a decision, each against exact results and simulations written otherwise."""

import jax
import numpy as np
import pytest
from scipy import integrate, stats

from model_registry.models import boarding_school_influenza, drift_diffusion, ricker
from tests.model_registry.models.running import assert_mean_and_sd, example, simulate

MODELS = {module.model.name: module.model for module in (ricker, boarding_school_influenza, drift_diffusion)}


def draws(simulator, repetitions, *arguments):
    """Repeated draws of a simulator at these arguments, along axis 0."""
    keys = jax.random.split(jax.random.key(1), repetitions)
    found = jax.jit(jax.vmap(lambda key: simulator(key, *map(np.float32, arguments))))(keys)
    return jax.tree.map(np.asarray, found)


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_a_thousand_draws_of_the_prior_are_finite(model):
    drawn = simulate(model, 1000)
    (observed,) = model.observed
    field = model.data[observed]
    assert drawn[observed].shape == (1000, *np.shape(model.example[observed]))
    assert np.issubdtype(drawn[observed].dtype, np.integer) == (field.dtype == "int")
    for values in drawn.values():
        assert np.all(np.isfinite(values))
        assert len(np.unique(values)) > 10
    assert field.support == "real" or drawn[observed].min() >= 0


SUMMARIES = {
    "ricker": lambda y: [y.mean(-1), y.max(-1), (y == 0).sum(-1), np.abs(np.diff(y)).mean(-1), np.median(y, -1)],
    "boarding-school-influenza": lambda x: [x.max(-1), x.argmax(-1), x.sum(-1), *np.moveaxis(x, -1, 0)],
    "drift-diffusion": lambda t: [(t > 0).mean(-1), *np.quantile(np.abs(t), (0, 0.1, 0.5, 0.9, 1), axis=-1)],
}


@pytest.mark.parametrize("name", list(MODELS))
def test_the_example_lies_inside_the_prior_predictive(name):
    (observed,) = MODELS[name].observed
    prior = np.array(SUMMARIES[name](simulate(MODELS[name], 1000)[observed]))
    data = np.array(SUMMARIES[name](example(MODELS[name])[observed]))
    low, high = np.quantile(prior, (0.01, 0.99), axis=1)
    assert np.all((low <= data) & (data <= high)), (low, data, high)


@pytest.mark.parametrize(("log_r", "years"), [(1.5, 50), (3.8, 12)])
def test_ricker_without_noise_is_the_map(log_r, years):
    # Chaos (log r = 3.8) doubles an error of rounding about every other year: only the first years can be compared.
    size, sizes = 1.0, []
    for _ in range(years):
        size = np.exp(log_r) * size * np.exp(-size)
        sizes.append(size)
    y = draws(ricker.simulate, 4000, log_r, 0.0, 10.0)[:, :years]
    mean = 10.0 * np.array(sizes)
    # Mean and variance of a Poisson law; the fourth moment about the mean is m + 3 m^2.
    assert np.all(np.abs(y.mean(axis=0) - mean) < 5 * np.sqrt(mean / 4000) + 1e-3 * mean)
    assert np.all(np.abs(y.var(axis=0) - mean) < 5 * np.sqrt((mean + 2 * mean**2) / 4000) + 2e-3 * mean)


def test_ricker_s_noise_is_log_normal():
    sigma, phi = 0.1, 12.0
    y = draws(ricker.simulate, 20_000, 3.5, sigma, phi)
    mean = phi * np.exp(3.5 - 1.0 + sigma**2 / 2)
    assert_mean_and_sd(y[:, 0], mean, np.sqrt(mean + mean**2 * np.expm1(sigma**2)))


def final_sizes(boys, beta, gamma):
    """The probabilities (boys,) that 1, 2, ... boys have been infected in the end: the jump chain, summed."""
    # By the susceptible and the infected, from many of both to few.
    chance = np.zeros((boys, boys + 1))
    chance[boys - 1, 1] = 1.0
    for s in range(boys - 1, -1, -1):
        for i in range(boys - s, 0, -1):
            infection = beta * s / (beta * s + gamma * boys)
            chance[s, i - 1] += chance[s, i] * (1 - infection)
            if s:
                chance[s - 1, i + 1] += chance[s, i] * infection
    return chance[::-1, 0]


@pytest.mark.parametrize(("boys", "beta", "gamma"), [(3, 1.5, 1.0), (3, 6.0, 0.5), (12, 2.0, 0.8)])
def test_an_epidemic_has_its_final_size(boys, beta, gamma):
    exact = final_sizes(boys, beta, gamma)
    if boys == 3:
        # By hand: nobody else is infected; or one is, and both go to bed before the third is.
        first, second = 2 * beta / (2 * beta + 3 * gamma), beta / (beta + 3 * gamma)
        assert exact == pytest.approx([1 - first, first * (1 - second) ** 2, first * (1 - (1 - second) ** 2)])
    time, is_infection = draws(
        lambda key, b, g: boarding_school_influenza.epidemic(key, b, g, boys), 10_000, beta, gamma
    )
    sizes = 1 + np.sum(is_infection & np.isfinite(time), axis=1)
    np.testing.assert_array_equal(sizes, np.sum(~is_infection & np.isfinite(time), axis=1))
    shares = np.bincount(sizes, minlength=boys + 1)[1:] / 10_000
    assert np.all(np.abs(shares - exact) < 5 * np.sqrt(exact * (1 - exact) / 10_000) + 1e-9)
    rate = beta * (boys - 1) / boys + gamma
    assert time[:, 0].mean() == pytest.approx(1 / rate, abs=5 / rate / np.sqrt(10_000))


def boys_in_bed(rng, beta, gamma, stay):
    """An epidemic of the school with a record for every boy: how many are in bed on days 1 to 14."""
    susceptible, infected, now, beds = 762, 1, 0.0, []
    while infected and now < 14:
        rates = np.array([beta * susceptible * infected / 763, gamma * infected])
        now += rng.exponential(1 / rates.sum())
        if rng.random() < rates[0] / rates.sum():
            susceptible, infected = susceptible - 1, infected + 1
        else:
            infected -= 1
            beds.append((now, now + rng.gamma(3.0, stay / 3.0)))
    return [sum(start <= day < end for start, end in beds) for day in range(1, 15)]


def test_the_boys_in_bed_are_those_of_another_simulation():
    rng = np.random.default_rng(3)
    other = np.array([boys_in_bed(rng, 2.4, 0.85, 2.2) for _ in range(400)])
    ours = draws(boarding_school_influenza.simulate, 4000, 2.4, 0.85, 2.2)
    error = np.sqrt(other.var(axis=0) / 400 + ours.var(axis=0) / 4000)
    assert np.all(np.abs(other.mean(axis=0) - ours.mean(axis=0)) < 4.5 * error)
    assert np.all(np.abs(other.std(axis=0) / ours.std(axis=0) - 1) < 0.25)


def test_one_boy_alone_goes_to_bed_and_gets_up():
    gamma, stay = 0.5, 3.0
    x = draws(boarding_school_influenza.simulate, 20_000, 1e-9, gamma, stay)
    for day in range(1, 15):
        exact, _ = integrate.quad(
            lambda t, day=day: gamma * np.exp(-gamma * t) * stats.gamma.sf(day - t, 3, scale=stay / 3), 0, day
        )
        assert x[:, day - 1].mean() == pytest.approx(exact, abs=5 * np.sqrt(exact / 20_000))


DECISIONS = [(1.1, 1.3, 0.5, 0.36), (-0.8, 1.6, 0.3, 0.3), (0.0, 1.0, 0.6, 0.2), (2.0, 0.6, 0.5, 0.3)]


@pytest.mark.parametrize(("drift", "boundary", "bias", "nondecision"), DECISIONS)
def test_a_decision_has_its_choice_and_its_mean_time(drift, boundary, bias, nondecision):
    response = draws(drift_diffusion.simulate, 40_000, drift, boundary, bias, nondecision)
    start = bias * boundary
    if drift:
        # The martingales exp(-2 drift x) and x - drift t.
        upper = np.expm1(-2 * drift * start) / np.expm1(-2 * drift * boundary)
        mean = (boundary * upper - start) / drift
    else:
        upper, mean = bias, start * (boundary - start)
    assert (response > 0).mean() == pytest.approx(upper, abs=4.5 * np.sqrt(upper * (1 - upper) / 40_000))
    time = np.abs(response) - nondecision
    assert time.mean() == pytest.approx(mean, abs=4.5 * time.std() / np.sqrt(40_000))
    assert time.min() > 0


@pytest.mark.parametrize(("drift", "boundary", "bias", "nondecision"), DECISIONS)
def test_the_times_of_a_decision_have_their_law(drift, boundary, bias, nondecision):
    response = draws(drift_diffusion.simulate, 40_000, drift, boundary, bias, nondecision)

    def below(time):
        """The probability that the lower boundary is met by then: the series over eigenfunctions."""
        k = np.arange(1, 400)[:, None]
        rate = (drift**2 + (k * np.pi / boundary) ** 2) / 2
        weight = np.pi / boundary**2 * np.exp(-drift * bias * boundary) * k * np.sin(k * np.pi * bias)
        return np.sum(weight / rate * -np.exp(-rate * time), axis=0)

    upper = np.expm1(-2 * drift * bias * boundary) / np.expm1(-2 * drift * boundary) if drift else bias
    times = np.linspace(0.05, 1.5, 30)
    exact = 1 - upper + below(times)
    found = np.array([np.mean((response < 0) & (-response - nondecision <= time)) for time in times])
    assert np.all(np.abs(found - exact) < 4.5 * np.sqrt(exact * (1 - exact) / 40_000) + 1e-4)


def test_the_undecided_answer_after_five_seconds():
    response = draws(drift_diffusion.simulate, 4000, 0.0, 60.0, 0.5, 0.3)
    np.testing.assert_allclose(np.abs(response), 5.3, rtol=1e-6)
    assert (response > 0).mean() == pytest.approx(0.5, abs=5 * np.sqrt(0.25 / 4000))
    assert np.all(draws(drift_diffusion.simulate, 1000, 0.0, 60.0, 0.8, 0.3) > 0)


def test_trials_are_independent():
    response = simulate(drift_diffusion.model, 1000, drift=0.5, boundary=1.3, bias=0.5, nondecision=0.3)["response"]
    correlation = np.corrcoef(response, rowvar=False) - np.eye(response.shape[1])
    assert np.abs(correlation).max() < 5 / np.sqrt(1000)
