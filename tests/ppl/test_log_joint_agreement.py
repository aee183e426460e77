"""Log joints equal those of NumPyro, program by program."""

import jax
import numpy as np
import pytest
from numpyro.infer.util import log_density

from tacit.ppl import from_numpyro, make_log_joint_fn, seed, tape
from tests.ppl.programs import PROGRAMS

# What matters is the number, not how fast it comes: compile without optimising.
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def test_there_are_more_than_thirty_programs():
    assert len(PROGRAMS) >= 30


@pytest.mark.parametrize("name", PROGRAMS)
def test_log_joint_is_that_of_numpyro(name):
    program, model = PROGRAMS[name]
    sites = []

    def scores(key):
        with seed(key), tape() as trace:
            program()
        values = {name: rv.value for name, rv in trace.items() if rv.kind != "deterministic"}
        expected, sites_of_model = log_density(model, (), {}, values)
        sites.append({k for k, site in sites_of_model.items() if site["type"] == "sample"} ^ set(values))
        return make_log_joint_fn(program)(**values), make_log_joint_fn(from_numpyro(model))(**values), expected

    own, adapted, expected = jax.jit(scores, compiler_options=QUICKLY)(jax.random.key(0))
    assert sites == [set()]
    assert np.isfinite(expected)
    np.testing.assert_allclose(own, expected, rtol=1e-5)
    np.testing.assert_allclose(adapted, expected, rtol=1e-5)
