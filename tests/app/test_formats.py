"""The same draws as JSON, npz, Arrow and NetCDF."""

import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.errors import NotAcceptableError
from app.formats import FORMATS, VARS, Column, Part, Table, written
from app.formats.negotiation import choose
from tacit.errors import UnavailableError
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, make_draws, succeed
from tests.app.client import Client

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # it announces a version to come
    import arviz

JSON, NPZ, ARROW, NETCDF = FORMATS


@pytest.fixture(scope="module")
def path(shared: tuple[Client, Any]) -> str:
    client, store = shared
    body = {**EIGHT_SCHOOLS, "draws": DRAWS, "seed": 5}
    fit_id = str(client.post("/v1/fits", json=body).json()["id"])
    succeed(store, fit_id, {**make_draws(), "mu": np.array([np.nan, np.inf, 2, 3, 4, 5], np.float32)})
    return f"/v1/fits/{fit_id}"


@pytest.fixture(scope="module")
def client(shared: tuple[Client, Any]) -> Client:
    return shared[0]


def read(form: str, content: bytes, tmp_path: Path) -> Any:
    """What a user's tools make of a body: arrays by name, or ArviZ's groups."""
    if form == JSON:
        body = json.loads(content, parse_constant=lambda name: pytest.fail(f"bare {name}"))
        return {name: np.array(rows, np.float32) for name, rows in body["vars"].items()}
    if form == NPZ:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return dict(archive)
    if form == ARROW:
        table = pa.ipc.open_stream(content).read_all()
        return {name: np.array(table[name].to_pylist(), np.float32) for name in table.column_names}
    file = tmp_path / "draws.nc"
    file.write_bytes(content)
    return arviz.from_netcdf(str(file))


def groups_of(found: Any) -> set[str]:
    """ArviZ before and after its version 1.0."""
    return set(found.groups() if callable(found.groups) else found.children)


@pytest.mark.parametrize("form", [JSON, NPZ, ARROW])
def test_the_posterior_in_flat_forms(client: Client, path: str, tmp_path: Path, form: str) -> None:
    answer = client.get(f"{path}/posterior?vars=mu,theta", headers={"Accept": form})
    assert answer.headers["content-type"] == form
    assert answer.headers["vary"] == "Accept"
    found = read(form, answer.content, tmp_path)
    assert list(found) == ["mu", "theta"]
    np.testing.assert_array_equal(found["theta"], make_draws()["theta"])
    finite = found["mu"][2:]
    np.testing.assert_array_equal(finite, [2, 3, 4, 5])
    assert np.isnan(found["mu"][0])


def test_the_posterior_for_arviz(client: Client, path: str, tmp_path: Path) -> None:
    answer = client.get(f"{path}/posterior", headers={"Accept": NETCDF})
    assert answer.headers["content-disposition"].endswith('-posterior.nc"')
    found = read(NETCDF, answer.content, tmp_path)
    assert groups_of(found) == {"posterior", "observed_data", "constant_data"}
    assert found["posterior"]["theta"].dims == ("chain", "draw", "J")
    np.testing.assert_array_equal(found["posterior"]["theta"][0], make_draws()["theta"])
    np.testing.assert_array_equal(found["observed_data"]["y"], EIGHT_SCHOOLS["data"]["y"])
    np.testing.assert_array_equal(found["constant_data"]["sigma"], EIGHT_SCHOOLS["data"]["sigma"])
    assert found["posterior"].attrs["inference_library"] == "tacit"


def test_the_posterior_predictive_for_arviz(client: Client, path: str, tmp_path: Path) -> None:
    answer = client.post(f"{path}/posterior-predictive", json={"log_likelihood": True}, headers={"Accept": NETCDF})
    found = read(NETCDF, answer.content, tmp_path)
    groups = {"posterior", "posterior_predictive", "log_likelihood", "observed_data", "constant_data"}
    assert groups_of(found) == groups
    flat = client.post(f"{path}/posterior-predictive", json={"log_likelihood": True}).json()
    np.testing.assert_array_equal(found["posterior_predictive"]["y"][0, 2:], np.float32(flat["vars"]["y"][2:]))
    assert found["log_likelihood"]["y"].dims == ("chain", "draw", "J")
    np.testing.assert_array_equal(found["log_likelihood"]["y"][0, 2:], np.float32(flat["log_likelihood"]["y"][2:]))
    summary = arviz.summary(found, var_names=["theta"], kind="stats")
    assert len(summary) == 8


def test_predictions_at_new_points_for_arviz(client: Client, path: str, tmp_path: Path) -> None:
    body = {"inputs": {"sigma": [1, 2]}}
    found = read(
        NETCDF, client.post(f"{path}/posterior-predictive", json=body, headers={"Accept": NETCDF}).content, tmp_path
    )
    assert found["predictions"]["y"].shape == (1, DRAWS, 2)
    np.testing.assert_array_equal(found["predictions_constant_data"]["sigma"], [1, 2])
    assert found["posterior"]["theta"].shape == (1, DRAWS, 8)


def test_the_prior_for_arviz(client: Client, tmp_path: Path) -> None:
    body = {"inputs": {"sigma": [1, 2]}, "draws": 300, "vars": ["mu", "y"]}
    answer = client.post("/v1/models/eight-schools/prior-predictive", json=body, headers={"Accept": NETCDF})
    found = read(NETCDF, answer.content, tmp_path)
    assert groups_of(found) == {"prior", "prior_predictive", "constant_data"}
    assert found["prior"]["mu"].shape == (1, 300)
    flat = client.post("/v1/models/eight-schools/prior-predictive", json=body).json()["vars"]
    np.testing.assert_array_equal(found["prior_predictive"]["y"][0], np.float32(flat["y"]))


@pytest.mark.parametrize("form", [NPZ, ARROW])
def test_log_likelihoods_and_quantiles_in_flat_forms(client: Client, path: str, tmp_path: Path, form: str) -> None:
    body = {"log_likelihood": True, "quantiles": [0.25, 0.5, 0.75]}
    found = read(
        form, client.post(f"{path}/posterior-predictive", json=body, headers={"Accept": form}).content, tmp_path
    )
    shapes = {"y": (3, 8), "log_likelihood/y": (3, 8)}
    failed = {"failed_draws/y": (), "failed_draws/log_likelihood/y": ()} if form == NPZ else {}
    assert {name: values.shape for name, values in found.items()} == {**shapes, **failed}


def test_quantiles_for_arviz(client: Client, path: str, tmp_path: Path) -> None:
    body = {"quantiles": [0.25, 0.75]}
    answer = client.post(f"{path}/posterior-predictive", json=body, headers={"Accept": NETCDF})
    found = read(NETCDF, answer.content, tmp_path)["posterior_predictive"]
    assert found["y"].dims == ("quantile", "J")
    np.testing.assert_array_equal(found["quantile"], [0.25, 0.75])


def test_other_forms_are_not_acceptable(client: Client, path: str) -> None:
    for url in ("posterior", "posterior-predictive"):
        answer = client.get(f"{path}/{url}", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
        assert NETCDF in answer.json()["detail"]
    document = client.get("/openapi.json").json()["paths"]
    for url, methods in document.items():
        if url.endswith(("posterior", "predictive")):
            for operation in methods.values():
                assert set(operation["responses"]["200"]["content"]) == set(FORMATS)
                assert "406" in operation["responses"]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/html, */*;q=0.1", JSON),
        (f"{NPZ}, {ARROW};q=0.5", NPZ),
        (f"{NPZ};q=0.5, {ARROW}", ARROW),
        (f"{JSON};q=0, */*", NPZ),
        (NETCDF.upper(), NETCDF),
    ],
)
def test_what_is_wanted_most_is_given(accept: str, form: str) -> None:
    assert choose(accept).media_type == form


@pytest.mark.parametrize("accept", ["text/html", "image/*", f"{JSON};q=0", "*/*;q=0", f"{NPZ};q=nan", ",", ";"])
def test_what_we_do_not_have(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        choose(accept)


ROWS = 3000
COLUMNS = [
    Column("a", VARS, "prior", np.dtype(np.float32), (70, 30), ("i", "j")),
    Column("n", VARS, "prior", np.dtype(np.int32), (), ()),
    Column("y", VARS, "prior_predictive", np.dtype(np.float32), (5,), ("i5",)),
]
WHOLE = {
    "a": np.random.default_rng(0).normal(size=(ROWS, 70, 30)).astype(np.float32),
    "n": np.arange(ROWS, dtype=np.int32),
    "y": np.random.default_rng(1).normal(size=(ROWS, 5)).astype(np.float32),
}


def make_table() -> Table:
    """More than fits into the pieces, blocks and memory that writers work with."""

    def parts() -> Iterator[Part]:
        for start in range(0, ROWS, 256):
            yield {name: values[start : start + 256] for name, values in WHOLE.items()}
            yield {}

    return Table(header={"seed": 1}, columns=COLUMNS, rows=ROWS, parts=parts())


@pytest.mark.parametrize("form", [JSON, NPZ, NETCDF])
def test_large_tables(tmp_path: Path, form: str) -> None:
    pieces = list(FORMATS[form].write(make_table(), tmp_path))
    assert max(map(len, pieces)) < 2**21
    found = read(form, b"".join(pieces), tmp_path)
    for column in COLUMNS:
        values = found[column.group][column.name].values[0] if form == NETCDF else found[column.name]
        np.testing.assert_array_equal(values, WHOLE[column.name])


def test_quantiles_of_large_tables(tmp_path: Path) -> None:
    table = replace(make_table(), probabilities=[0.1, 0.9])
    found = read(NPZ, b"".join(written(table, FORMATS[NPZ].write, tmp_path)), tmp_path)
    for name, values in WHOLE.items():
        np.testing.assert_array_equal(found[name], np.quantile(values, [0.1, 0.9], axis=0))
        assert found[f"failed_draws/{name}"] == 0
    assert list(tmp_path.iterdir()) == []


FAILING = np.array([[1, 5, np.nan], [np.nan, 6, np.nan], [3, np.inf, np.nan], [2, 4, np.nan]], np.float32)


@pytest.mark.parametrize("form", list(FORMATS))
def test_quantiles_are_of_the_draws_that_are_numbers_and_say_how_many_are_not(tmp_path: Path, form: str) -> None:
    columns = [
        Column("y", VARS, "prior_predictive", np.dtype(np.float32), (3,), ("i",)),
        Column("n", VARS, "prior_predictive", np.dtype(np.int32), (), ()),
        Column("z", VARS, "prior_predictive", np.dtype(np.float32), (3,), ("i",)),
    ]
    whole: Part = {"y": FAILING[[0, 2, 3]], "n": np.arange(3, dtype=np.int32), "z": FAILING[:3]}
    parts = ({name: values[row : row + 1] for name, values in whole.items()} for row in range(3))
    table = Table(header={"seed": 1}, columns=columns, rows=3, parts=parts, probabilities=[0.5, 1.0])
    content = b"".join(written(table, FORMATS[form].write, tmp_path))
    found = read(form, content, tmp_path)
    group = found["prior_predictive"] if form == NETCDF else found
    middle, most = np.array(group["y"])
    # Of the first number all three draws; an infinite one is a value, and there is no value of the third.
    np.testing.assert_array_equal(middle, [2, 5, np.nan])
    np.testing.assert_array_equal(np.array(group["z"])[0], [2, 6, np.nan])
    assert most[0] == 3
    failed = {"y": 3, "n": 0, "z": 3}
    if form == JSON:
        assert json.loads(content)["failed_draws"] == failed
        assert json.loads(content)["vars"]["y"][0] == [2, 5, None]
    elif form == NPZ:
        assert {name: found[f"failed_draws/{name}"] for name in failed} == failed
    elif form == ARROW:
        assert json.loads(pa.ipc.open_stream(content).schema.metadata[b"failed_draws"]) == failed
    else:
        assert {name: group[name].attrs["failed_draws"] for name in failed} == failed


@pytest.mark.parametrize("form", [JSON, NETCDF])
def test_a_full_disk_is_told(form: str) -> None:
    with pytest.raises(UnavailableError, match="cannot be put on the disk"):
        # The large column is not the first, so it has to wait on the disk.
        list(FORMATS[form].write(replace(make_table(), columns=COLUMNS[::-1]), Path("/proc/none")))
