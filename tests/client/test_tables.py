"""What people see of draws that failed."""

import numpy as np
import pytest

from tacit.client.answers import Summary
from tacit.client.commands import tables

_ROW = {"mean": [1.5, None], "sd": [0.5, None], "q05": [1.0, None], "q50": [1.5, None], "q95": [2.0, None]}
_SAID = "37 draws have a NaN in y, as where a simulation fails"


def test_quantiles_say_how_many_draws_they_are_not_of(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        "y": np.array([[1.0, np.nan], [2.0, np.nan]]),
        "z": np.array([3.0, 4.0]),
        "failed_draws/y": np.array(37),
        "failed_draws/z": np.array(0),
    }
    tables.show(*tables.quantiles(found, [0.1, 0.9]))
    shown = capsys.readouterr().out
    assert "nan" not in shown
    assert [line.split() for line in shown.splitlines()[:4]] == [
        ["variable", "q10", "q90"],
        ["y[0]", "1", "2"],
        ["y[1]", "-", "-"],
        ["z", "3", "4"],
    ]
    assert _SAID in shown
    assert "in z" not in shown


def test_summaries_say_how_many_draws_they_are_not_of(capsys: pytest.CaptureFixture[str]) -> None:
    body = {"fit": "fit_1", "num_draws": 100, "ess": None, "k_hat": None, "vars": {"y": _ROW}}
    summary = Summary.model_validate({**body, "failed_draws": {"y": 37}})
    tables.show(*tables.summary(summary))
    assert _SAID in capsys.readouterr().out
    assert _SAID in str(summary)
    # A service of an earlier version does not say.
    assert "NaN" not in str(Summary.model_validate(body))
