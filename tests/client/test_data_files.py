"""Files as the commands read them, without a service."""

import io
import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from tacit.client.answers import ModelField
from tacit.client.commands.data_files import read_fields, suggested
from tacit.client.errors import UnsendableError
from tests.dialects import DATA, REFUSED, UNDERSTOOD, Dialect

_FIELD = {"dtype": "float", "support": "real", "description": "", "unit": ""}
_FIELDS = {name: ModelField.model_validate({"name": name, "shape": ["N"], **_FIELD}) for name in DATA}


@pytest.mark.parametrize("dialect", UNDERSTOOD, ids=lambda each: each.label)
def test_dialects_that_mean_one_thing_are_understood(dialect: Dialect, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dialect.content)
    found = read_fields([str(path)], _FIELDS, {})
    assert {name: values.tolist() for name, values in found.items()} == DATA


@pytest.mark.parametrize("dialect", REFUSED, ids=lambda each: each.label)
def test_what_can_mean_two_things_is_refused(dialect: Dialect, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dialect.content)
    with pytest.raises(UnsendableError) as refusal:
        read_fields([str(path)], _FIELDS, {})
    for words in dialect.refused:
        assert words in str(refusal.value)


def test_columns_of_a_matrix_must_be_complete(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x.1,x.2\n1,2\n3,\n")
    field = ModelField.model_validate({"name": "x", "shape": ["N", "P"], **_FIELD})
    with pytest.raises(UnsendableError, match="different numbers of values"):
        read_fields([str(path)], {"x": field}, {})
    path.write_text("x.1,x.2\n1,2\n3,4\n")
    np.testing.assert_array_equal(read_fields([str(path)], {"x": field}, {})["x"], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["x", "x.1"], ["x"]),
        (["x.age", "y", "x.weight", "x1"], ["x.age", "x.weight"]),
        (["x[0]", "x[1]", "xa"], ["x[0]", "x[1]"]),
        (["x_1", "x_2", "x_max"], ["x_1", "x_2"]),
        (["x1", "x2", "y1"], ["x1", "x2"]),
        (["y"], []),
    ],
)
def test_the_columns_that_a_name_suggests(header: list[str], names: list[str]) -> None:
    assert suggested("x", header) == names


def test_the_forms_of_json(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text("[1, 2]")
    time = {"time": _FIELDS["time"]}
    assert read_fields([str(path)], time, {}) == {"time": [1, 2]}
    with pytest.raises(UnsendableError, match="member for each field"):
        read_fields([str(path)], _FIELDS, {})
    path.write_text(json.dumps({"model": "m", "data": {"time": [3]}, "seed": 1}))
    assert read_fields([str(path)], _FIELDS, {}) == {"time": [3]}


def test_zip_files(tmp_path: Path) -> None:
    path = tmp_path / "data"
    np.savez(path.with_suffix(".npz"), time=np.ones(2))
    assert read_fields([str(path.with_suffix(".npz"))], _FIELDS, {})["time"].tolist() == [1, 1]
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    path.write_bytes(content.getvalue())
    with pytest.raises(UnsendableError, match=r"\.xlsx.*save it as CSV"):
        read_fields([str(path)], _FIELDS, {})
