"""The amortized objective on the field's benchmark: one fit a task, then posteriors of several observations.

Files and scores are those of `benchmarks.sbibm`. Beside the score of the draws stands that of q alone, without what the
ratio estimator adds, and that of a refined fit: under the forward objective, begun at the answer for the first
observation. TACIT_SBIBM_TASKS, _OBSERVATIONS and _SEEDS make some of them only, _BUDGETS those of 100,000 and
10,000.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from benchmarks.sbibm import (
    ALL_OBSERVATIONS,
    NUM_DRAWS,
    OBSERVATIONS,
    SEEDS,
    TASKS,
    c2st,
    chosen,
    observation,
    published,
)
from model_registry import load_registry
from tacit.inference import Answers, InferenceOptions, fit

BUDGETS = (100_000, 10_000)
# Simulations of a refined fit.
REFINED = 10_000


def amortized() -> Iterator[str]:
    """Scores of answers (observations side by side), of q alone, and of refined fits; calibration on held-out
    simulations, of the worst latent number; milliseconds of an answer of 2,000 draws once it is compiled."""
    folder, registry = Path(os.environ["TACIT_SBIBM"]), load_registry()
    best = published(folder)
    numbers = chosen("TACIT_SBIBM_OBSERVATIONS", ALL_OBSERVATIONS, OBSERVATIONS)
    yield (
        "| task | simulations | seed | C2ST | q alone | best published | refined by 10,000 | p-value | 50 % | 90 % | "
        "seconds | ms an answer |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for seed in chosen("TACIT_SBIBM_SEEDS", SEEDS):
        for budget in chosen("TACIT_SBIBM_BUDGETS", BUDGETS):
            for task in chosen("TACIT_SBIBM_TASKS", TASKS):
                model = registry.get(TASKS[task])
                (name,), (latent,) = model.observed, model.latents
                data = {number: observation(folder, task, number) for number in numbers}
                first = data[numbers[0]][0]
                problem = model.problem(model.resolve({name: first}))
                options = InferenceOptions(objective="amortized", simulations=budget)
                start = time.perf_counter()
                result = fit(jax.random.key(seed), problem, options=options, num_draws=NUM_DRAWS)
                seconds = time.perf_counter() - start
                scores, took = {}, []
                for resample in (None, False):
                    chosen_options = options.model_copy(update={"resample": resample})
                    answers = Answers(problem, chosen_options, result.variational)
                    answers.answer({name: first}, seed=seed, num_draws=NUM_DRAWS)
                    found = []
                    for observed, reference in data.values():
                        start = time.perf_counter()
                        answer = answers.answer({name: observed}, seed=seed, num_draws=NUM_DRAWS)
                        took += [time.perf_counter() - start] if resample is None else []
                        found.append(f"{c2st(reference, answer.posterior[latent]):.3f}")
                    scores[resample] = " ".join(found)
                begun = InferenceOptions(objective="forward", simulations=REFINED, start=answers.start({name: first}))
                refined = fit(jax.random.key(seed), problem, options=begun, num_draws=NUM_DRAWS)
                measured, other = result.diagnostics["calibration"], best.get((task, budget))
                row = [
                    task,
                    f"{budget:,}",
                    seed,
                    scores[None],
                    scores[False],
                    "" if other is None else f"{other:.3f}",
                    f"{c2st(data[numbers[0]][1], refined.posterior[latent]):.3f}",
                    f"{measured['p_value']:.2f}",
                    f"{measured['coverage_50'][latent]:.2f}",
                    f"{measured['coverage_90'][latent]:.2f}",
                    f"{seconds:.0f}",
                    f"{1e3 * float(np.median(took)):.0f}",
                ]
                yield f"| {' | '.join(map(str, row))} |"
