"""`make gallery`: fits every model to its example and draws what it predicts.

    python -m tools.docs.fitting                    # fit what was not fitted as it is now, draw all
    python -m tools.docs.fitting poisson-rate       # this one only, anew

What came of a fit goes into `docs/gallery/fits.json`, the picture beside it; the draws stay in `scratch/gallery`, so
that a change of the drawing needs no fit.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from model_registry import Model, load_registry
from tacit import compilation
from tacit.fits.summary import FAILED, summarize
from tacit.inference import InferenceOptions, fit
from tacit.predictive import posterior_predictive, predict
from tools.docs import drawing

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "docs" / "gallery"
RECORD = GALLERY / "fits.json"
REFERENCES = GALLERY / "references.json"
SCRATCH = ROOT / "scratch" / "gallery"

MOST_STEPS = 3000
DRAWS = 1000
SEED = 1


def options(model: Model) -> InferenceOptions:
    """The model's own options, with fewer steps where it takes many."""
    chosen = InferenceOptions.model_validate(dict(model.defaults))
    return chosen.model_copy(update={"steps": min(chosen.steps or MOST_STEPS, MOST_STEPS)})


def read_record() -> dict[str, Any]:
    """By model, what came of its fit."""
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return found


def read_references() -> dict[str, Any]:
    """By model, means and sds of the exact posterior at the example, where they are known, and how they were found."""
    found: dict[str, Any] = json.loads(REFERENCES.read_text(encoding="utf-8"))
    return found


def fitted(model: Model) -> dict[str, Any]:
    """Fits a model to its example; the draws go into the scratch folder.

    Returns:
      What the page of the model tells of the fit, JSON-able.
    """
    dataset = model.resolve(model.example)
    chosen = options(model)
    found = fit(jax.random.key(SEED), model.problem(dataset), options=chosen, num_draws=DRAWS)
    samples = {name: np.asarray(values) for name, values in found.posterior.items()}
    given, inputs = {name: samples[name] for name in model.latents}, model.inputs(dataset)
    after = posterior_predictive(
        jax.random.key(SEED), model.program, given, inputs=inputs, variables=list(model.observed)
    )
    parts = list(
        predict(jax.random.key(SEED), model.program, num_draws=DRAWS, inputs=inputs, variables=list(model.observed))
    )
    before = {name: np.concatenate([part[name] for part in parts]) for name in model.observed}
    SCRATCH.mkdir(parents=True, exist_ok=True)
    arrays = {f"prior/{name}": values for name, values in before.items()}
    arrays |= {f"posterior/{name}": values for name, values in after.items()}
    np.savez_compressed(SCRATCH / f"{model.name}.npz", allow_pickle=False, **arrays)
    few = {name: values for name, values in samples.items() if values[0].size <= 12}
    return {
        "code_hash": model.code_hash,
        "method": chosen.method,
        "family": found.diagnostics.get("family") or chosen.family or "full_rank",
        "steps": chosen.steps,
        "seed": SEED,
        "draws": DRAWS,
        "warnings": list(found.warnings),
        "k_hat": _rounded(found.diagnostics.get("k_hat")),
        "inside": {
            name: {str(share): inside(after[name], dataset.arrays[name], share) for share in (50, 90)}
            for name in model.observed
        },
        "summary": {
            name: {word: _rounded(values) for word, values in row.items() if word != FAILED}
            for name, row in summarize(few).items()
        },
    }


def inside(draws: np.ndarray, values: np.ndarray, share: int) -> float:
    """Per cent of the values that lie within the middle `share` per cent of what is predicted for them."""
    low, high = np.quantile(draws, [0.5 - share / 200, 0.5 + share / 200], axis=0)
    return round(float(100 * np.mean((values >= low) & (values <= high))), 1)


def _rounded(value: Any) -> Any:
    """Numbers to four digits, in nested lists."""
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main() -> int:
    compilation.configure(device="cpu", cache=ROOT / "scratch" / "jax-cache")
    wanted = sys.argv[1:]
    record = read_record()
    for model in load_registry().models.values():
        known = record.get(model.name, {})
        current = known.get("code_hash") == model.code_hash and (SCRATCH / f"{model.name}.npz").exists()
        if model.name in wanted or not (wanted or current):
            print(f"{model.name}: fitting", flush=True)
            record[model.name] = fitted(model)
            RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        elif wanted:
            continue
        with np.load(SCRATCH / f"{model.name}.npz") as draws:
            drawing.draw(model, dict(draws), GALLERY / f"{model.name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
