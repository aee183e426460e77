"""The exact posterior of `ricker` at its example: importance sampling with the likelihood by a particle filter.

The filter's estimate of the likelihood has no bias whatever the number of particles. So weights that hold it in place
of the likelihood are right in expectation, and only noisier (Tran, Scharth, Pitt and Kohn, 2013, Importance sampling
squared for Bayesian inference in latent variable models). Nothing here is shared with the fits but the model's example:
its law is written down anew, in NumPy and double precision.

    python -m benchmarks.ricker 1000     # moments and their Monte Carlo errors from six seeds, by 1,000 particles
"""

import argparse
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from model_registry import load_registry

NAMES = ("log_r", "sigma", "phi")
LOW, HIGH = np.array([3.0, 0.0, 5.0]), np.array([5.0, 0.6, 15.0])
PARTICLES, POINTS = 250, 4000
# Likelihoods are estimated for so many points at once: as much as the cache holds.
BATCH = 50
FREEDOM = 5.0
SEEDS = range(6)


class Weighted(NamedTuple):
    """`points` (n, 3) in the order of NAMES, and `weights` (n,) that sum to 1."""

    points: np.ndarray
    weights: np.ndarray

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations (3,)."""
        mean = self.weights @ self.points
        return mean, np.sqrt(self.weights @ (self.points - mean) ** 2)

    @property
    def effective(self) -> float:
        return float(1.0 / np.sum(self.weights**2))


def log_likelihood(random: np.random.Generator, y: np.ndarray, points: np.ndarray, particles: int) -> np.ndarray:
    """(n,) logarithms of unbiased estimates of the likelihood of counts (T,) at points (n, 3): a bootstrap filter
    (Gordon, Salmond and Smith, 1993) with systematic resampling at every count."""
    log_r, sigma, phi = (points[:, [column]] for column in range(3))
    log_size, total = np.zeros((len(points), particles)), np.zeros(len(points))
    for count in y:
        noise = random.standard_normal(log_size.shape)
        log_size = log_r + log_size - np.exp(log_size) + sigma * noise
        rate = phi * np.exp(log_size)
        log_weight = count * (np.log(phi) + log_size) - rate - special.gammaln(count + 1.0)
        most = log_weight.max(axis=1, keepdims=True)
        weight = np.exp(log_weight - most)
        cumulated = np.cumsum(weight, axis=1)
        total += most[:, 0] + np.log(cumulated[:, -1] / particles)
        # Of each particle as many copies as there are of the numbers u, u + 1, ... below its cumulated weight.
        below = np.ceil(cumulated / cumulated[:, [-1]] * particles - random.random((len(points), 1)))
        below[:, -1] = particles
        copies = np.diff(below, axis=1, prepend=0.0).astype(int)
        log_size = np.repeat(log_size.reshape(-1), copies.reshape(-1)).reshape(log_size.shape)
    return total


def posterior(
    y: np.ndarray, *, seed: int, particles: int = PARTICLES, num_points: int = POINTS, rounds: int = 3
) -> Weighted:
    """Points from a Student's t law and their weights. The law lives on the logits of where a point lies between the
    ends of the prior; its moments are those of the weighted points of the round before, the first of which are of the
    prior. Only the last round is returned."""
    random = np.random.default_rng(seed)
    logits = special.logit(random.random((num_points, 3)))
    log_proposal = _log_prior(logits)
    for number in range(rounds + 1):
        points = LOW + (HIGH - LOW) * special.expit(logits)
        parts = [
            log_likelihood(random, y, points[start : start + BATCH], particles) for start in range(0, num_points, BATCH)
        ]
        weights = special.softmax(_log_prior(logits) + np.concatenate(parts) - log_proposal)
        if number < rounds:
            law = stats.multivariate_t(weights @ logits, np.cov(logits.T, aweights=weights), df=FREEDOM)
            logits = law.rvs(num_points, random_state=random)
            log_proposal = law.logpdf(logits)
    return Weighted(points, weights)


def draws(data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Draws of the exact posterior by name: as many as there are points, drawn from these by their weights."""
    found = posterior(data["y"], seed=0)
    chosen = np.random.default_rng(0).choice(found.points, POINTS, p=found.weights)
    return dict(zip(NAMES, chosen.T, strict=True))


def _log_prior(logits: np.ndarray) -> np.ndarray:
    """(n,): a uniform variable's logit has the logistic law."""
    return stats.logistic.logpdf(logits).sum(axis=1)


def example() -> np.ndarray:
    model = load_registry().get("ricker")
    return np.asarray(model.resolve(model.example).arrays["y"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("particles", type=int, nargs="?", default=PARTICLES)
    particles, y = parser.parse_args().particles, example()
    found = [posterior(y, seed=seed, particles=particles) for seed in SEEDS]
    values = np.array([each.moments for each in found])
    centre, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(SEEDS))
    print("| particles | variable | mean (Monte Carlo error) | sd (Monte Carlo error) |\n|---|---|---|---|")
    for column, name in enumerate(NAMES):
        mean, sd = (f"{centre[row, column]:.4f} ({error[row, column]:.4f})" for row in range(2))
        print(f"| {particles:,} | {name} | {mean} | {sd} |")
    print(f"\nEffective points of a seed: {min(each.effective for each in found):.0f} of {POINTS:,} at least.")


if __name__ == "__main__":
    main()
