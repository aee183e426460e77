"""What Prometheus gets to see."""

import redis
from prometheus_client.parser import text_string_to_metric_families

from tacit.fits import keys, metrics
from tacit.fits.metrics import AttemptFigures
from tests.app.bodies import EIGHT_SCHOOLS
from tests.app.client import Client

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _scrape(client: Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def _of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_requests_are_counted_by_route(client: Client) -> None:
    fit_id = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 1}).json()["id"]
    client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 1})
    client.get(f"/v1/fits/{fit_id}")
    client.get("/nowhere")
    samples = _scrape(client)
    count = "tacit_http_request_seconds_count"
    assert _of(samples, count, method="GET", route="/v1/fits/{fit_id}", status="200") == 1
    assert _of(samples, count, method="POST", route="/v1/fits", status="202") == 2
    assert _of(samples, count, method="GET", route="", status="404") == 1
    assert _of(samples, "tacit_fit_requests_total", cache="miss") == 1
    assert _of(samples, "tacit_fit_requests_total", cache="coalesced") == 1
    assert _of(samples, "tacit_queue_depth") == 1
    assert _of(samples, "tacit_workers") == 0


def test_figures_of_workers_add_up(client: Client, connection: redis.Redis) -> None:
    metrics.publish(connection, AttemptFigures(0.2, {"steps": 4.0, "compile": 2000.0}, "succeeded", 3, 1))
    metrics.publish(connection, AttemptFigures(None, {"steps": 40.0}, "failed", 0, 2))
    samples = _scrape(client)
    assert _of(samples, "tacit_fit_phase_seconds_bucket", phase="steps", le="2.5") == 0
    assert _of(samples, "tacit_fit_phase_seconds_bucket", phase="steps", le="5.0") == 1
    assert _of(samples, "tacit_fit_phase_seconds_bucket", phase="steps", le="+Inf") == 2
    assert _of(samples, "tacit_fit_phase_seconds_sum", phase="steps") == 44
    assert _of(samples, "tacit_fit_phase_seconds_bucket", phase="compile", le="1800.0") == 0
    assert _of(samples, "tacit_fit_wait_seconds_count") == 1
    assert _of(samples, "tacit_fits_ended_total", status="failed") == 1
    assert _of(samples, "tacit_compilations_total") == 3
    assert _of(samples, "tacit_compile_cache_hits_total") == 3
    connection.delete(keys.METRICS)
    assert ("tacit_compilations_total", frozenset[tuple[str, str]]()) not in _scrape(client)


def test_the_page_about_the_api_needs_no_network(client: Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"/docs/static/{name}" in page.text
        assert client.get(f"/docs/static/{name}").status_code == 200
    assert client.get("/docs/static/../../../pyproject.toml").status_code == 404
