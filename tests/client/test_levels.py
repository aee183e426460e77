"""Levels of an index, by name, on the way to the service."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_registry import Field
from model_registry.description import describe_field
from model_registry.resolution import resolve
from tacit.client.answers import ModelField
from tacit.client.commands.data_files import read_fields
from tacit.client.encoding import encode
from tacit.client.errors import UnsendableError

ARM = ModelField(
    name="arm", shape=["N"], dtype="int", support="real", levels=["control", "very low"], minimum=0, maximum=1
)
Y = ModelField(name="y", shape=["N"], dtype="float", support="positive", minimum=0.5)


def _read(folder: Path, text: str) -> dict[str, object]:
    path = folder / "data.csv"
    path.write_text(text)
    return read_fields([str(path)], {"arm": ARM, "y": Y}, {})


def test_a_table_may_name_levels(tmp_path: Path) -> None:
    data = _read(tmp_path, "arm,y\nvery low,1.5\ncontrol,2\n1,3\n")
    assert encode(data)["arm"] == ["very low", "control", 1.0]
    assert encode(data)["y"]["dtype"] == "float64"


def test_what_is_no_level_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        UnsendableError,
        match=r"Row 2 \(line 3\), column arm: 'cntrol' is not a level of the field: write one of control, very low",
    ):
        _read(tmp_path, "arm,y\ncontrol,1\ncntrol,2\n")
    with pytest.raises(UnsendableError, match=r"column arm: there is no number, .*Field\(missing=True\)"):
        _read(tmp_path, "arm,y\n,1\ncontrol,2\n")


def test_a_table_of_levels_gaps_and_an_origin_becomes_arrays(tmp_path: Path) -> None:
    fields = {
        "time": Field(("N",), origin=1.7e9),
        "arm": Field(("N",), levels=("control", "none", "high")),
        "mood": Field(("N",), levels=("good", "bad"), support="positive", missing=True),
        "north": Field(("N", 2), minimum=5.8e6, origin=5.8e6, missing=True),
    }
    path = tmp_path / "data.csv"
    path.write_text(
        "time;arm;mood;north.1;north.2\n1700000001;none;bad;5800001,25;\n1700000002;control;;;5800002,5\n"
        "1700000003;2;1;NA;\n"
    )
    described = {name: ModelField.model_validate(describe_field(name, field)) for name, field in fields.items()}
    found = resolve(fields, encode(read_fields([str(path)], described, {})))
    assert {name: array.tolist() for name, array in found.arrays.items()} == {
        "time": [1, 2, 3],
        "arm": [1, 0, 2],
        "mood": [2, 1, 1],
        "north": [[1.25, 0], [0, 2.5], [0, 0]],
    }
    assert {name: gaps.tolist() for name, gaps in found.missing.items()} == {
        "mood": [False, True, False],
        "north": [[False, True], [True, False], [True, True]],
    }


@pytest.mark.parametrize(
    "values",
    [
        ["control", "very low"],
        np.array(["control", "very low"]),
        pd.Series(["control", "very low"]),
        pd.Series(["control", "very low"], dtype="category"),
    ],
)
def test_names_are_sent_as_they_are(values: object) -> None:
    assert encode({"arm": values}) == {"arm": ["control", "very low"]}


def test_what_a_field_takes_in_a_few_words() -> None:
    assert ARM.numbers == "0 to 1: control, very low"
    assert Y.numbers == "float, positive, from 0.5"
