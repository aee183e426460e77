"""What the README shows runs."""

import re
from pathlib import Path

import jax
import numpy as np

from model_registry import load_registry
from tacit.inference import InferenceOptions, fit
from tests.docs.pages import read

README = Path(__file__).parents[1] / "README.md"


def _blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


def test_the_readme_runs(service, tmp_path, jax_cache):
    read(README, service, tmp_path, jax_cache)


def test_the_model_in_the_readme_is_served_and_fits(tmp_path):
    (code,) = [block for block in _blocks() if "Model(" in block]
    (tmp_path / "reaction_times.py").write_text(code)
    registry = load_registry([tmp_path])
    assert registry.problems == ()
    model = registry.get("reaction-times")
    problem = model.problem(model.resolve(model.example))
    result = fit(jax.random.key(0), problem, options=InferenceOptions(steps=1000), num_draws=500)
    logs = np.log(model.example["seconds"])
    # Half a standard deviation of the data is more than twice the posterior's own.
    assert abs(result.posterior["drift"].mean() - logs.mean()) < logs.std() / 2
