import time

import pytest

from tacit.fits import is_fit_id, new_fit_id


def test_ids_are_distinct_and_well_formed() -> None:
    ids = {new_fit_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_fit_id(each) for each in ids)


def test_ids_sort_by_time() -> None:
    first = new_fit_id()
    began = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == began:
        pass
    assert first < new_fit_id()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fit_",
        "fit_" + "a" * 35,
        "fit_" + "a" * 37,
        "fit_" + "A" * 36,
        "fit_" + "l" * 36,
        "fit_" + "a" * 36 + "\n",
        "job_" + "a" * 36,
        "fit_../../../../../../../../../../etc",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert not is_fit_id(text)
