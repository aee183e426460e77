"""Levels of an index, by name, on the way to the service."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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
        UnsendableError, match=r"line 3, column arm: 'cntrol' is not a level; there is control, very low"
    ):
        _read(tmp_path, "arm,y\ncontrol,1\ncntrol,2\n")


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
