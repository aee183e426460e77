"""Two-choice decisions by drift and diffusion: evidence adds up until it meets one of two boundaries."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Beta, Implicit, LogNormal, Normal, plate

STEP, STEPS = 0.05, 100  # seconds between two looks at the evidence; a decision takes five seconds at most


def simulate(
    key: jax.Array, drift: jax.Array, boundary: jax.Array, bias: jax.Array, nondecision: jax.Array
) -> jax.Array:
    """One response time (), in seconds; negative for the response of the lower boundary.

    Evidence is a Brownian motion of variance 1 per second that starts at bias * boundary, between boundaries at 0 and
    `boundary`. It is looked at every 50 ms; whether and when it met a boundary between two looks is drawn from the law
    of the Brownian bridge. That is exact but for paths that can meet both boundaries within one step: of steps from the
    middle of a separation of 0.5 fewer than two in a thousand, from 1 on none to speak of. Who is undecided after five
    seconds then gives the response of the boundary that is nearer.
    """

    def undecided(state):
        steps, _, _, response = state
        return (response == 0.0) & (steps < STEPS)

    def step(state):
        steps, _, evidence, _ = state
        path_key, meeting_key = jax.random.split(jax.random.fold_in(key, steps))
        later = evidence + STEP * drift + np.sqrt(STEP) * jax.random.normal(path_key)

        def meeting(before, after):
            """Its probability, from the distances to a boundary; 1 where the boundary has been passed."""
            return jnp.exp(-2.0 / STEP * before * jnp.maximum(after, 0.0))

        upper, lower = meeting(boundary - evidence, boundary - later), meeting(evidence, later)
        chance = jax.random.uniform(meeting_key)
        response = jnp.where(chance < upper, 1.0, jnp.where(chance >= 1.0 - lower, -1.0, 0.0))
        return steps + 1, evidence, later, response

    start = bias * boundary
    steps, earlier, evidence, response = jax.lax.while_loop(undecided, step, (0, start, start, jnp.zeros(())))
    met = jnp.where(response > 0.0, boundary, 0.0)
    within = meeting_time(jax.random.fold_in(key, STEPS), jnp.abs(met - earlier), jnp.abs(met - evidence))
    time = jnp.where(response == 0.0, STEP * steps, STEP * (steps - 1 + within))
    nearer = jnp.where(evidence > boundary / 2.0, 1.0, -1.0)
    return jnp.where(response == 0.0, nearer, response) * (nondecision + time)


def meeting_time(key: jax.Array, before: jax.Array, after: jax.Array) -> jax.Array:
    """When in a step a Brownian bridge first met a boundary that it met: (), as a part of the step.

    `before` and `after` are the distances to the boundary at the ends of the step. The time passed over the time left
    is inverse Gaussian, of mean before / after and shape before^2 / STEP; drawn by the method of Michael, Schucany and
    Haas (1976), its smaller root written without a difference.
    """
    normal_key, choice_key = jax.random.split(key)
    mean, shape = before / jnp.maximum(after, 1e-6), jnp.maximum(before, 1e-6) ** 2 / STEP
    scaled = mean * jax.random.normal(normal_key) ** 2 / (2.0 * shape)
    larger = 1.0 + scaled + jnp.sqrt(scaled * (2.0 + scaled))  # the two roots are mean * larger and mean / larger
    is_smaller = jax.random.uniform(choice_key) * (1.0 + larger) < larger
    ratio = mean * jnp.where(is_smaller, 1.0 / larger, larger)
    return ratio / (1.0 + ratio)


def program(N: int) -> None:
    drift = Normal(0.0, 2.0, name="drift")
    boundary = LogNormal(np.log(1.5), 0.4, name="boundary")
    bias = Beta(5.0, 5.0, name="bias")
    nondecision = LogNormal(np.log(0.3), 0.3, name="nondecision")
    with plate("N", N):
        Implicit(simulate, drift, boundary, bias, nondecision, name="response")


# Of patient 4 of the file (counted from 0), stimulator off, in choices between images of which one was rewarded more
# often; seconds, negative where the other image was chosen, in the order of the trials.
RESPONSES = [
    *[0.544, 0.818, 0.756, 0.597, 0.755, 0.822, 1.07, 0.785, 1.69, 0.887, 1.07, 0.621, 0.865, 0.425, 0.816],
    *[0.59, 0.538, 0.681, 0.763, 1.47, 0.587, 0.609, 0.623, -0.708, 0.57, 0.558, -0.741, 0.479, 0.407, 0.642],
    *[0.552, 0.709, 1.08, 0.435, 0.5, 0.601, 0.551, 0.744, 0.483, 0.828, 1.12, -0.89, -0.861, 0.752, 0.402],
    *[0.75, -0.853, 0.533, -0.664, 0.501, 0.55, -0.796, -0.745, 0.793, 0.595, 0.664, 0.502, 0.515, 0.561, 0.893],
    *[0.849, -0.629, 1.63, 0.549, -0.47, 0.465, 0.554, 0.598, -0.571, 0.815, -0.621, -0.609, 0.808, 0.803, -0.606],
]

model = Model(
    name="drift-diffusion",
    title="Drift and diffusion: response times of choices between two",
    description=(
        "In each of N trials evidence x starts at bias * boundary and moves by dx = drift dt + dW until it meets 0 or "
        "`boundary`; the response comes after that time and `nondecision` seconds for seeing and moving. Send response "
        "times in seconds, with a minus for the response of the lower boundary. Trials undecided after five seconds "
        "end with the response of the nearer boundary. Priors: drift ~ Normal(0, 2), per second; boundary ~ "
        "LogNormal(log 1.5, 0.4); bias ~ Beta(5, 5); nondecision ~ LogNormal(log 0.3, 0.3), in seconds. The model has "
        "a density, as an infinite series; its simulator is there to be changed in ways that have none, such as "
        "boundaries that close in."
    ),
    program=program,
    data={
        "response": Field(
            ("N",), description="response times, negative for the response of the lower boundary", unit="s"
        )
    },
    example={"response": RESPONSES},
    references=(
        "Ratcliff (1978), A theory of memory retrieval, Psychological Review 85, 59-108: the model",
        "Data: Cavanagh, Wiecki, Cohen, Figueroa, Samanta, Sherman and Frank (2011), Subthalamic nucleus stimulation "
        "reverses mediofrontal influence over decision threshold, Nature Neuroscience 14, 1462-1467; as they come with "
        "Wiecki, Sofer and Frank (2013), HDDM: hierarchical Bayesian estimation of the drift-diffusion model in "
        "Python, Frontiers in Neuroinformatics 7, 14. Priors: our own",
    ),
)
