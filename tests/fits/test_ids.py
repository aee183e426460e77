import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from tacit.fits import is_fit_id, new_fit_id
from tacit.fits.ids import first_id_at


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


def test_a_moment_parts_the_ids() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    before, same = new_fit_id(moment - timedelta(milliseconds=1)), new_fit_id(moment + timedelta(microseconds=999))
    assert before < first_id_at(moment) < same
    assert all(is_fit_id(each) for each in (before, same))


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])
def test_every_moment_has_its_place(zone: tzinfo) -> None:
    first, last = (first_id_at(each.replace(tzinfo=zone)) for each in (datetime.min, datetime.max))
    assert first < new_fit_id() < last


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
