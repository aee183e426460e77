"""Which part may import which, seen in fresh interpreters."""

import subprocess
import sys

import pytest

_NUMERICS = ("jax", "jaxlib", "numpyro", "equinox", "optax")
_WEB = ("fastapi", "starlette", "uvicorn")
_QUEUE = ("redis", "rq")
_ANALYSIS = ("arviz", "arviz_stats", "pandas", "xarray", "matplotlib", "scipy.stats")
_OWN = ("app", "worker", "model_registry")

_FORBIDDEN = {
    "tacit": (*_NUMERICS, *_WEB, *_QUEUE, *_OWN, "numpy"),
    "tacit.errors": (*_NUMERICS, *_WEB, *_QUEUE, *_OWN),
    "tacit.settings": (*_NUMERICS, *_WEB, *_QUEUE, *_OWN),
    "tacit.client": (*_NUMERICS, *_WEB, *_QUEUE, *_OWN, *_ANALYSIS),
    "tacit.client.cli": (*_NUMERICS, *_WEB, *_OWN, "rq"),
    "tacit.client.demo": (*_NUMERICS, *_WEB, *_OWN, "rq"),
    "tacit.supervisor": (*_NUMERICS, *_WEB, *_OWN, "rq"),
    "tacit.fits": (*_NUMERICS, *_WEB, *_OWN, "rq", "tacit.ppl", "tacit.inference"),
    "tacit.fits.connections": (*_NUMERICS, *_WEB, *_OWN, "rq"),
    "tacit.fits.workers": (*_NUMERICS, *_WEB, *_OWN, "rq"),
    "tacit.ppl": (*_WEB, *_QUEUE, *_OWN, "tacit.fits", "tacit.inference", "tacit.predictive"),
    "tacit.inference": (*_WEB, *_QUEUE, *_OWN, *_ANALYSIS, "tacit.fits", "tacit.predictive"),
    "tacit.predictive": (*_WEB, *_QUEUE, *_OWN, *_ANALYSIS, "tacit.fits"),
    "model_registry": (*_WEB, *_QUEUE, *_ANALYSIS, "app", "worker", "tacit.fits"),
    "app.main": ("worker", *_ANALYSIS),
    # The worker's parent never has JAX: only its child does.
    "worker.main": (*_NUMERICS, *_WEB, "app", "model_registry"),
    "worker.child": (*_WEB, "app", *_ANALYSIS),
}


@pytest.mark.parametrize("module", _FORBIDDEN)
def test_layer_imports_nothing_above_it(module: str) -> None:
    program = f"import sys, {module}; print(chr(10).join(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    loaded = set(shown.stdout.split())
    assert module in loaded
    assert not loaded.intersection(_FORBIDDEN[module])
