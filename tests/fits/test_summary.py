import json

import numpy as np

from tacit.fits.summary import quantiles_of, summarize, to_json


def test_moments_and_quantiles_are_shaped_like_the_variable() -> None:
    draws = np.stack([np.arange(101.0), 2 * np.arange(101.0)], axis=1)
    summary = summarize({"w": draws, "b": np.arange(101)})
    assert summary["w"]["mean"] == [50.0, 100.0]
    assert summary["w"]["q05"] == [5.0, 10.0]
    assert summary["w"]["q50"] == [50.0, 100.0]
    assert summary["w"]["q95"] == [95.0, 190.0]
    assert summary["b"]["sd"] == np.arange(101).std(ddof=1)


def test_statistics_are_of_the_draws_that_are_numbers_and_the_others_are_counted() -> None:
    draws = np.stack([np.arange(101.0), np.arange(101.0), np.full(101, np.nan)], axis=1)
    draws[7, 0] = draws[50, 1] = np.nan
    known = np.delete(np.arange(101.0), 50)
    summary = summarize({"w": draws[:, :2], "v": draws, "b": np.arange(101)})
    assert summary["w"]["mean"][1] == known.mean()  # type: ignore[index, call-overload]
    np.testing.assert_allclose(summary["w"]["sd"][1], known.std(ddof=1))  # type: ignore[index, call-overload]
    assert summary["w"]["q05"][1] == np.quantile(known, 0.05)  # type: ignore[index, call-overload]
    assert [summary[name]["failed_draws"] for name in "wvb"] == [2, 101, 0]
    assert [summary["v"][name][2] for name in ("mean", "sd", "q50")] == [None] * 3  # type: ignore[index, call-overload]


def test_infinite_draws_are_values() -> None:
    block = np.array([[1.0, -np.inf, 1.0], [2.0, -np.inf, np.nan], [np.inf, 1.0, np.inf], [3.0, np.inf, np.inf]])
    found = quantiles_of(block, [0.0, 1 / 3, 2 / 3, 0.9, 1.0])
    np.testing.assert_allclose(found[:, 0], [1, 2, 3, np.inf, np.inf])
    np.testing.assert_array_equal(found[:, 1], [-np.inf, -np.inf, 1, np.inf, np.inf])
    np.testing.assert_array_equal(found[:, 2], [1, np.inf, np.inf, np.inf, np.inf])


def test_what_json_lacks_becomes_null() -> None:
    values = to_json(np.array([[1.0, np.nan], [np.inf, -np.inf]], dtype=np.float32))
    assert values == [[1.0, None], [None, None]]
    assert to_json(np.array(np.nan)) is None
    json.dumps(summarize({"a": np.ones((1, 2)), "b": np.full(3, np.nan)}), allow_nan=False)
