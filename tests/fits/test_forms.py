"""Records of other versions of Tacit."""

import json
from typing import ClassVar

import pytest

from tacit.errors import StoreError, TooNewError, TooOldError
from tacit.fits import FitStore
from tacit.fits.records import FitRequest, Record
from tests.fits.builders import accept
from tests.fits.places import StoredPath

# What the first form lacks, and the second.
_ADDED = ("owner", "priority", "engine_revision", "origins", "resolved_options")
_ADDED_BY_THE_THIRD = ("engine_revision", "origins", "resolved_options")


def _rewrite(folder: StoredPath, fit_id: str, **changes: object) -> None:
    path = folder / "fits" / fit_id / "request.json"
    values = json.loads(path.read_bytes())
    path.write_bytes(json.dumps({k: v for k, v in {**values, **changes}.items() if v is not ...}).encode())


def test_a_fit_of_the_first_form_is_read(store: FitStore, folder: StoredPath) -> None:
    fit_id = accept(store).id
    _rewrite(folder, fit_id, form=1, **dict.fromkeys(_ADDED, ...))
    fit = store.fit(fit_id)
    assert (fit.request.form, fit.request.owner, fit.request.engine_revision) == (1, None, None)
    assert store.data(fit.request).keys() == {"y", "n"}
    assert json.loads(fit.request.to_bytes())["form"] == FitRequest.newest_form() > 1


def test_a_fit_of_the_second_form_is_read(store: FitStore, folder: StoredPath) -> None:
    fit_id = accept(store, owner="me").id
    _rewrite(folder, fit_id, form=2, **dict.fromkeys(_ADDED_BY_THE_THIRD, ...))
    fit = store.fit(fit_id)
    assert (fit.request.form, fit.request.owner, fit.request.resolved_options) == (2, "me", {})


def test_a_fit_of_a_newer_form_waits_for_a_newer_version(store: FitStore, folder: StoredPath) -> None:
    fit_id = accept(store).id
    _rewrite(folder, fit_id, form=FitRequest.newest_form() + 1, invented="later")
    with pytest.raises(TooNewError, match=r"request\.json was written by a newer version"):
        store.fit(fit_id)


class _Changed(Record):
    OLDEST_FORM: ClassVar[int] = 3
    form: int = 4


def test_what_is_too_old_is_named() -> None:
    with pytest.raises(TooOldError, match=r"a/b\.json is too old: it has form 2, and .* from 3 on"):
        _Changed.from_bytes(b'{"form": 2, "gone": 1}', key="a/b.json")
    assert _Changed.from_bytes(b'{"form": 3}', key="a/b.json").form == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"form": "x"}', b'{"form": 4, "unknown": 1}'])
def test_what_is_damaged_is_neither(content: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        _Changed.from_bytes(content, key="a")
