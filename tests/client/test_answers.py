"""What answers look like when they are printed."""

import pytest

from tacit.client.answers import Summary

Z = {"mean": 1.5, "sd": 0.25, "q05": 1.1, "q50": 1.5, "q95": 1.9}


@pytest.mark.parametrize(
    ("ess", "k_hat", "last"),
    [
        (1812.4, 0.318, "2000 draws, ess 1812, k_hat 0.32"),
        (64.0, None, "2000 draws, ess 64"),
        (None, None, "2000 draws"),
    ],
)
def test_a_printed_summary_says_what_its_draws_are_worth(ess: float | None, k_hat: float | None, last: str) -> None:
    given = {"fit": "fit_1", "num_draws": 2000, "ess": ess, "k_hat": k_hat, "vars": {"z": Z}}
    assert str(Summary.model_validate(given)).splitlines() == [
        "        mean         sd        q05        q50        q95",
        "z        1.5       0.25        1.1        1.5        1.9",
        "",
        last,
    ]
