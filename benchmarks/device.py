"""Fits on an accelerator beside the same fits on this machine's processor, in one process.

    python -m benchmarks.device [name ...]

Steps a second of the driver as a worker runs it, compiled before the clock starts; and by how many posterior standard
deviations the means of the two posteriors differ at most: the same program and seed, but other rounding.
"""

import sys
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from model_registry import load_registry
from tacit.inference import InferenceOptions, Problem, driver, fit

# A model at its example by the options: small programs as they are by default, and the same ones made wider.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "eight-schools": ("eight-schools", {}),
    "logistic-regression": ("logistic-regression", {}),
    "linear-regression": ("linear-regression", {}),
    "linear-regression, 16 restarts": ("linear-regression", {"restarts": 16, "steps": 500}),
    "linear-regression, 1,024 units": ("linear-regression", {"width": 1024, "steps": 200}),
    "two-moons, 10,000 simulations": ("two-moons", {"simulations": 10_000}),
    "sir-counts, 10,000 simulations": ("sir-counts", {"simulations": 10_000}),
    "drift-diffusion": ("drift-diffusion", {}),
}
STEPS = 2000
NUM_DRAWS = 4000


class Timed(NamedTuple):
    """On one device: seconds until everything is compiled, steps a second after it, and the draws side by side."""

    compiled_s: float
    steps_per_s: float
    draws: np.ndarray


def timed(problem: Problem, options: InferenceOptions, device: jax.Device) -> Timed:
    with jax.default_device(device):
        start = time.perf_counter()
        fit(jax.random.key(0), problem, options=options, num_draws=NUM_DRAWS)
        compiled_s = time.perf_counter() - start
        session = driver.initialize(jax.random.key(1), problem, options=options)
        jax.block_until_ready(session.state)
        seen: list[driver.Progress] = []
        start = time.perf_counter()
        session = driver.run(session, on_progress=seen.append, on_checkpoint=lambda saved: None)
        steps_per_s = session.total / (time.perf_counter() - start)
        posterior = driver.finalize(session, NUM_DRAWS).posterior
    return Timed(compiled_s, steps_per_s, np.column_stack([x.reshape(NUM_DRAWS, -1) for x in posterior.values()]))


def main() -> None:
    devices = jax.devices("cpu")[0], jax.devices()[0]
    if devices[1].platform == "cpu":
        raise SystemExit("JAX finds no accelerator here.")
    print(f"JAX {jax.__version__}, {devices[1].device_kind}")
    print("| fit | steps/s, CPU | steps/s, accelerator | ratio | first fit, s | and on the accelerator | means apart |")
    print("|---|---|---|---|---|---|---|")
    registry = load_registry()
    for name in sys.argv[1:] or CASES:
        model_name, options = CASES[name]
        model = registry.get(model_name)
        problem = model.problem(model.resolve(model.example))
        chosen = InferenceOptions(**(model.defaults | {"steps": STEPS} | options))
        here, there = (timed(problem, chosen, device) for device in devices)
        apart = np.max(np.abs(here.draws.mean(axis=0) - there.draws.mean(axis=0)) / here.draws.std(axis=0))
        print(
            f"| {name} | {here.steps_per_s:.0f} | {there.steps_per_s:.0f} | {there.steps_per_s / here.steps_per_s:.2f} "
            f"| {here.compiled_s:.0f} | {there.compiled_s:.0f} | {apart:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
