import json

import numpy as np

from tacit.fits.summary import summarize, to_json


def test_moments_and_quantiles_are_shaped_like_the_variable() -> None:
    draws = np.stack([np.arange(101.0), 2 * np.arange(101.0)], axis=1)
    summary = summarize({"w": draws, "b": np.arange(101)})
    assert summary["w"]["mean"] == [50.0, 100.0]
    assert summary["w"]["q05"] == [5.0, 10.0]
    assert summary["w"]["q50"] == [50.0, 100.0]
    assert summary["w"]["q95"] == [95.0, 190.0]
    assert summary["b"]["sd"] == np.arange(101).std(ddof=1)


def test_what_json_lacks_becomes_null() -> None:
    values = to_json(np.array([[1.0, np.nan], [np.inf, -np.inf]], dtype=np.float32))
    assert values == [[1.0, None], [None, None]]
    assert to_json(np.array(np.nan)) is None
    json.dumps(summarize({"a": np.ones((1, 2)), "b": np.full(3, np.nan)}), allow_nan=False)
