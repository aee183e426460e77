"""Influenza in a boarding school: an epidemic boy by boy, by exact stochastic simulation."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Implicit, LogNormal

BOYS = 763
DAYS = np.arange(1.0, 15.0)  # of the counts, after the day on which one boy was infected
STAGES = 3  # of a stay in bed


def epidemic(key: jax.Array, beta: jax.Array, gamma: jax.Array, boys: int = BOYS) -> tuple[jax.Array, jax.Array]:
    """Events (2 * boys - 1,) of an epidemic that begins with one infected boy: times in days, and which are infections.

    The others are infected boys who go to bed. Gillespie's direct method: no boy is infected or goes to bed twice, so a
    loop of fixed length holds every epidemic; what comes after the last event has time infinity. (The loop was at least
    twice as fast as laying out all events at once, from geometric numbers of recoveries between infections.)
    """
    choice_key, time_key = jax.random.split(key)
    length = 2 * boys - 1  # one boy is infected already

    def event(state, noise):
        susceptible, infected, time = state
        choice, wait = noise
        infection = beta * susceptible / boys
        rate = infection + gamma  # of either, for each infected boy
        time = jnp.where(infected > 0, time + wait / (rate * infected), jnp.inf)
        is_infection = choice * rate < infection
        susceptible = jnp.where(is_infection, susceptible - 1.0, susceptible)
        infected = jnp.where(is_infection, infected + 1.0, infected - 1.0)
        return (susceptible, infected, time), (time, is_infection)

    noise = (jax.random.uniform(choice_key, (length,)), jax.random.exponential(time_key, (length,)))
    return jax.lax.scan(event, (boys - 1.0, 1.0, 0.0), noise)[1]


def simulate(key: jax.Array, beta: jax.Array, gamma: jax.Array, stay: jax.Array) -> jax.Array:
    """How many boys are in bed on each of 14 days: (14,)."""
    epidemic_key, stay_key = jax.random.split(key)
    time, is_infection = epidemic(epidemic_key, beta, gamma)
    # Each stage takes -log(1 - u): the logarithm of a product costs a third of the sum of logarithms.
    chance = 1.0 - jax.random.uniform(stay_key, (STAGES, *time.shape))
    up = time - stay / STAGES * jnp.log(chance.prod(axis=0))
    in_bed = (time[:, None] <= DAYS) & (up[:, None] > DAYS) & ~is_infection[:, None]
    return in_bed.sum(axis=0)


def program() -> None:
    beta = LogNormal(np.log(2.0), 0.5, name="beta")
    gamma = LogNormal(np.log(1.0), 0.5, name="gamma")
    stay = LogNormal(np.log(3.0), 0.3, name="stay")
    Implicit(simulate, beta, gamma, stay, name="in_bed")


model = Model(
    name="boarding-school-influenza",
    title="Influenza in a boarding school: a stochastic epidemic, boy by boy",
    description=(
        "One of 763 boys is infected on day 0. Each susceptible boy is infected at rate beta I / 763, where I boys are "
        "infected and up; each of these goes to bed at rate gamma and infects nobody from there; he gets up, immune, "
        "after a stay in bed of gamma law of shape 3 and mean `stay`. Seen is how many are in bed on days 1 to 14. "
        "(If everyone infected is counted as in bed, as is often done, the epidemic cannot follow these data: it falls "
        "too fast after its peak.) Priors: beta ~ LogNormal(log 2, 0.5) and gamma ~ LogNormal(0, 0.5), per day, so "
        "that half of the mean times from infection to bed are between 0.7 and 1.4 days and 95 % of the basic "
        "reproduction numbers beta / gamma between 0.5 and 8; stay ~ LogNormal(log 3, 0.3), in days."
    ),
    program=program,
    data={
        "in_bed": Field(
            (len(DAYS),), dtype="int", support="nonnegative", description="boys in bed on days 1 to 14", unit="boy"
        )
    },
    example={"in_bed": [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]},
    references=(
        "Data: Anonymous (1978), Influenza in a boarding school, British Medical Journal 1, 587; from 22 January to "
        "4 February 1978",
        "Gillespie (1977), Exact stochastic simulation of coupled chemical reactions, Journal of Physical Chemistry "
        "81, 2340-2361: the simulation. Model and priors: our own",
    ),
)
