"""What a fit ends with: draws from q, resampled if asked for, and figures to judge it by."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from tacit.inference import amortized, constants, forward, pooling, reliability, resampling, restarts
from tacit.inference.families import GaussianBlocks
from tacit.inference.implicit_klqp import Draws
from tacit.inference.options import InferenceOptions
from tacit.inference.resampling import Importance
from tacit.inference.state import Data, Setup, State

# So many times more draws are weighed for each one wanted where they come from a mixture.
MIXED_PER_DRAW = 2

Sampler = Callable[[Data, State, jax.Array, int], Draws]
# The Gaussian that stands for q, and for what is trained beside it.
Framer = Callable[[Data, GaussianBlocks, Any], GaussianBlocks]


class Fit(NamedTuple):
    """A finished fit.

    Attributes:
      posterior: draws of every latent and deterministic variable in its own space, draws along axis 0.
      variational: the parameters of q by name, with the centre and spread of the space it lives in; of pooled restarts
        one after the other along axis 0.
      losses: `step`, `loss_gen`, `loss_disc`, `correct`, one entry per report.
      diagnostics: figures to judge the fit by, JSON-able; see `reliability`.
      warnings: sentences; empty when nothing speaks against the fit.
      not_converged: why the draws are not to be used, and what to do; None where the fit has arrived.
    """

    posterior: dict[str, np.ndarray]
    variational: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    diagnostics: dict[str, Any]
    warnings: list[str]
    not_converged: str | None = None


class Ended(NamedTuple):
    """A fit whose steps are made. `history` is of `losses`; `judged` (R, R) of `restarts.judge`, None for a single fit;
    `simulated` points by each restart; `early`, whether before its budget of steps."""

    setup: Setup
    options: InferenceOptions
    data: Any
    state: Any
    history: list[dict[str, np.ndarray]]
    simulated: int
    judged: np.ndarray | None
    early: bool


class Drawn(NamedTuple):
    """The draws to store, and what their weights, or those of the draws they were chosen from, say.

    Attributes:
      posterior: the draws of each variable, along axis 0.
      importance: the weights.
      proposed: how many draws were weighed.
      resampled: whether the draws were chosen by their weights; None where that was not asked for.
      ess: how many independent draws of the target they are worth, at most as many as they are; None if not known.
    """

    posterior: dict[str, np.ndarray]
    importance: Importance
    proposed: int
    resampled: bool | None
    ess: float | None


def draw(sample: Callable[[jax.Array, int], Draws], key: jax.Array, num_draws: int, *, resample: bool) -> Drawn:
    """Draws from q, or from more draws of q by their importance weights where these can be trusted.

    Args:
      sample: draws of q, by a key and their number.
    """
    proposed = resampling.proposed(num_draws) if resample else num_draws
    draws = sample(key, proposed)
    found = resampling.importance(np.asarray(draws.log_weight))
    # Of draws of q a part: they are worth the same part of what all are.
    ess = None if found.effective_draws is None else found.effective_draws * num_draws / proposed
    if not resample:
        return Drawn({name: np.asarray(value) for name, value in draws.values.items()}, found, proposed, None, ess)
    index = np.arange(num_draws)
    if usable := resampling.usable(found):
        assert found.weights is not None
        index = resampling.resampled(_uniform(key, num_draws), found.weights)
        ess = resampling.worth(index)
    return Drawn({name: np.asarray(value[index]) for name, value in draws.values.items()}, found, proposed, usable, ess)


def finish(ended: Ended, sample: Sampler, frame: Framer, key: jax.Array, num_draws: int) -> Fit:
    """Draws from the best restart, or as many from each, and judges them."""
    count, judged = ended.setup.restarts, ended.judged
    numbers = list(range(count))
    if judged is not None and ended.options.restart_choice == "best":
        numbers = [restarts.best(judged)]
    parts = []
    for place, number in enumerate(numbers):
        state = restarts.one(ended.setup, ended.state, number)
        share = num_draws // len(numbers) + (place < num_draws % len(numbers))
        own = key if count == 1 else jax.random.fold_in(key, 2 + number)
        drawn = draw(functools.partial(sample, ended.data, state), own, share, resample=bool(ended.options.resample))
        last = frame(ended.data, state.q, state.trained)
        average = frame(ended.data, state.q_average, state.trained_average)
        figures = reliability.diagnostics(
            ended.setup, state, last, average, ended.history[number], simulated=ended.simulated
        )
        parts.append(
            Fit(
                drawn.posterior,
                _variational(ended.setup, ended.data, state),
                ended.history[number],
                figures | weighed(drawn),
                [],
            )
        )
    posterior = {name: np.concatenate([part.posterior[name] for part in parts]) for name in parts[0].posterior}
    found = pooling.pooled([part.diagnostics for part in parts])
    found |= {"budget": ended.options.steps, "ended": "flat" if ended.early else "budget"}
    found["left_out"] = constants.described(ended.setup.layout, ended.data.left_out)
    if judged is not None:
        found |= pooling.comparison(judged, numbers)
    return Fit(
        posterior=posterior,
        variational=pooling.stacked([part.variational for part in parts]),
        losses=pooling.averaged([part.losses for part in parts]),
        diagnostics=found,
        warnings=warnings(found, posterior),
        not_converged=reliability.not_converged(found),
    )


def cover(ended: Ended, sample: Callable[..., forward.Draws], key: jax.Array, num_draws: int) -> Fit:
    """The end of a fit under the forward objective: draws of a mixture of q and the prior, resampled by their weights
    unless that is not wanted or they cannot be trusted; then draws of q."""
    state, wanted = ended.state, ended.options.resample is not False
    proposed = resampling.proposed(MIXED_PER_DRAW * num_draws) if wanted else num_draws
    draws = sample(ended.data, state, key, proposed, mixed=wanted)
    found = resampling.importance(np.asarray(draws.log_weight))
    usable = wanted and resampling.usable(found)
    index, ess = np.arange(num_draws), found.effective_draws
    if usable:
        assert found.weights is not None
        index = resampling.resampled(_uniform(key, num_draws), found.weights)
        ess = resampling.worth(index)
    elif wanted:
        # Draws of q alone, which were not weighed.
        ess = None
        draws = sample(ended.data, state, jax.random.fold_in(key, 2), num_draws, mixed=False)
    posterior = {name: np.asarray(value)[index] for name, value in draws.values.items()}
    drawn = Drawn(posterior, found, proposed, usable if wanted else None, ess)
    figures = reliability.forward_diagnostics(ended.setup, ended.data, state, ended.history[0]) | weighed(drawn)
    budget = ended.options.resolved_simulations(external=bool(ended.setup.layout.external))
    why = "few_steps" if ended.early else "budget"
    figures |= {"budget": ended.options.steps, "simulation_budget": budget, "ended": why}
    return Fit(
        posterior,
        forward.parameters(ended.setup, ended.data, state),
        ended.history[0],
        figures,
        reliability.forward_warnings(figures, posterior),
        reliability.not_converged(figures),
    )


def amortize(
    ended: Ended,
    sample: Callable[..., forward.Draws],
    held: Callable[..., amortized.Held],
    key: jax.Array,
    num_draws: int,
) -> Fit:
    """The end of a fit under the amortized objective: the posterior of the data given, and how well those of held-out
    simulations are calibrated."""
    data, state, layout = ended.data, ended.state, ended.setup.layout
    learnt, wanted = amortized.rows(state), ended.options.resample is not False
    drawn = draw(functools.partial(sample, data, learnt, data.arrays.observed), key, num_draws, resample=wanted)
    asked = held(data, learnt, jax.random.fold_in(key, 3))
    figures = reliability.amortized_diagnostics(ended.setup, data, state, ended.history[0], simulated=ended.simulated)
    figures |= weighed(drawn)
    figures["calibration"] = amortized.calibration(
        asked, {site.name: site.size for site in layout.globals}, seed=0, resample=wanted
    )
    budget = ended.options.resolved_simulations(external=bool(layout.external))
    figures |= {"budget": ended.options.steps, "simulation_budget": budget, "ended": "budget"}
    return Fit(
        drawn.posterior,
        amortized.parameters(data, learnt),
        ended.history[0],
        figures,
        reliability.amortized_warnings(figures, drawn.posterior),
    )


def _uniform(key: jax.Array, num_draws: int) -> np.ndarray:
    """(1 + num_draws,) uniform numbers. Of numpy's generator: JAX's would be one more program to compile."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key))).random(1 + num_draws)


def losses(history: tuple[tuple[float, ...], ...], count: int) -> list[dict[str, np.ndarray]]:
    """The rows of a session of `count` restarts, (step, loss_gen, loss_disc, correct), as columns for each restart."""
    rows = np.array(history or [(0.0, *(np.nan,) * 3 * count)])
    step, figures = rows[:, 0].astype(np.int32), rows[:, 1:].reshape(-1, 3, count).astype(np.float32)
    names = ("loss_gen", "loss_disc", "correct")
    return [{"step": step} | {name: figures[:, i, r] for i, name in enumerate(names)} for r in range(count)]


def weighed(drawn: Drawn) -> dict[str, Any]:
    """What the weights say, JSON-able."""
    return {
        "draws": len(next(iter(drawn.posterior.values()))),
        "proposed_draws": drawn.proposed,
        "k_hat": drawn.importance.k_hat,
        "effective_draws": drawn.importance.effective_draws,
        "ess": drawn.ess,
        **({} if drawn.resampled is None else {"resampled": drawn.resampled}),
    }


def warnings(found: dict[str, Any], posterior: dict[str, np.ndarray]) -> list[str]:
    """Those of `reliability`, and whether resampling was refused."""
    sentences = reliability.warnings(found, posterior)
    if found.get("resampled") is False:
        sentences.append(
            "The draws are the variational family's own: resampling was refused, since the importance weights cannot "
            f"be trusted (Pareto k-hat is above {resampling.K_HAT_LIMIT}, or not known)."
        )
    return sentences


def _variational(setup: Setup, data: Data, state: State) -> dict[str, np.ndarray]:
    kind = setup.family if setup.parts.variational is None else "variational"
    trained = jax.tree_util.tree_leaves_with_path(state.trained_average)
    named = {
        **state.q_average._asdict(),
        **{f"{kind}{jax.tree_util.keystr(path)}": leaf for path, leaf in trained},
        "centre_globals": data.latent_centre.globals,
        "spread_globals": data.latent_spread.globals,
        "centre_locals": data.latent_centre.locals,
        "spread_locals": data.latent_spread.locals,
    }
    return {name: np.asarray(value) for name, value in named.items()}
