"""Threads and asyncio tasks share no interceptors, whatever the interleaving."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from tacit.ppl import Normal, from_numpyro, make_value_setter, plate, seed, tape
from tacit.ppl.interception import active_interceptors

WORKERS = 64


def variables(number, pause):
    """A program with names and plates of its own, that pauses between its variables."""
    Normal(0.0, 1.0, name=f"a{number}")
    yield pause
    with plate(f"P{number}", 3):
        Normal(0.0, 1.0, name=f"b{number}", value=np.full(3, number, np.float32))
        yield pause
        Normal(0.0, 1.0, name="shared")


def check(number, trace):
    assert list(trace) == [f"a{number}", f"b{number}", "shared"]
    assert [p.name for p in trace["shared"].plates] == [f"P{number}"]
    np.testing.assert_array_equal(trace[f"b{number}"].value, [number] * 3)
    assert float(trace[f"a{number}"]) == number / 8
    np.testing.assert_array_equal(trace["shared"].value, [0.5] * 3)


def setter(number):
    return make_value_setter({f"a{number}": number / 8})


VECTOR = make_value_setter(shared=np.full(3, 0.5, np.float32))


def test_threads_running_different_programs_do_not_mix():
    together = threading.Barrier(WORKERS)

    def work(number):
        with VECTOR, seed(jax.random.key(number)), tape() as trace, setter(number):
            for wait in variables(number, together.wait):
                wait()  # all threads stand at the same line
        assert active_interceptors() == ()
        check(number, trace)
        return number

    with ThreadPoolExecutor(WORKERS) as pool:
        assert sorted(pool.map(work, range(WORKERS))) == list(range(WORKERS))


def test_tasks_running_different_programs_do_not_mix():
    async def work(number):
        with VECTOR, seed(jax.random.key(number)), tape() as trace, setter(number):
            for pause in variables(number, asyncio.sleep):
                await pause(0)
        assert active_interceptors() == ()
        check(number, trace)
        return number

    async def gather():
        return await asyncio.gather(*map(work, range(WORKERS)))

    assert asyncio.run(gather()) == list(range(WORKERS))


def test_a_failing_neighbour_changes_nothing():
    async def fail():
        with seed(jax.random.key(0)), plate("broken", 2):
            await asyncio.sleep(0)
            raise KeyError("on purpose")

    async def work():
        with make_value_setter(z=1.0):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return Normal(0.0, 1.0, name="z").shape

    async def both():
        return await asyncio.gather(fail(), work(), return_exceptions=True)

    failed, shape = asyncio.run(both())
    assert isinstance(failed, KeyError)
    assert shape == ()


def test_a_task_inherits_the_blocks_around_its_start():
    async def work():
        return float(Normal(0.0, 1.0, name="z"))

    async def main():
        with make_value_setter(z=2.0).lenient():
            task = asyncio.ensure_future(work())
        return await task

    assert asyncio.run(main()) == 2.0


def test_threads_running_numpyro_models_do_not_mix():
    together = threading.Barrier(WORKERS)

    def work(number):
        def model():
            with numpyro.plate(f"P{number}", 2):
                return numpyro.sample(f"x{number}", dist.Normal(0.0, 1.0))

        together.wait()
        with tape() as trace, make_value_setter({f"x{number}": np.full(2, number, np.float32)}):
            from_numpyro(model)()
        assert [(name, rv.plates[0].name) for name, rv in trace.items()] == [(f"x{number}", f"P{number}")]
        return float(trace[f"x{number}"][0])

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(work, range(WORKERS))) == list(range(WORKERS))


def test_a_model_that_fails_leaves_numpyro_in_order():
    def broken():
        with numpyro.plate("N", 2):
            raise KeyError("on purpose")

    with pytest.raises(KeyError):
        from_numpyro(broken)()
    assert numpyro.primitives._PYRO_STACK == []
