"""The served OpenAPI document, taken at its word: requests drawn from it, answers checked against it.

python -m tests.app.fuzzing --cases 5000 --seed 1
"""

import argparse
import itertools
import math
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from app.main import create_app
from app.schemas.fits import FitCreate
from app.submission import resolve
from model_registry import load_registry
from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import FitStore, Scope, keys, new_fit_id, open_keys, open_store, workers
from tacit.fits.workers import WorkerInfo
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, fail, succeed

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
    unsupported_method,
]


# Answers are small: a request drawn at random would take gigabytes as readily as bytes.
LIMITS = {"max_queued_fits": 10**6, "max_wrong_keys_per_minute": 0, "max_result_bytes": 2**20}

# What suits a model is hardly ever drawn at random.
_SANE: dict[str, Any] = {
    "POST /v1/fits": {**EIGHT_SCHOOLS, "seed": 1},
    "POST /v1/models/{reference}/validate": {"data": EIGHT_SCHOOLS["data"]},
    "POST /v1/models/{reference}/prior-predictive": {
        "inputs": {"sigma": EIGHT_SCHOOLS["data"]["sigma"]},
        "draws": 3,
    },
}

_SURPLUS = 1.2

# Predictions are compiled first; on a busy machine that takes its time, and says nothing about the answer.
_ANSWERED_WITHIN_S = 120


class Service:
    """An API on a socket, with a worker that is announced, and fits in every state."""

    def __init__(self, settings: Settings, address: str) -> None:
        self.address = address
        self.store: FitStore = open_store(settings)
        self._keys = open_keys(settings)
        self.key, self.token = self._keys.create("fuzz", [Scope.READ, Scope.SUBMIT])
        self._data_of = FitData(self)

    def fits(self) -> dict[str, str]:
        """Ids of new fits, by their state."""
        made = {state: self._data_of.accept() for state in ("queued", "running", "cancelling", "succeeded", "failed")}
        self.store.begin_attempt(self.store.fit(made["running"]), worker="w", device="cpu")
        self.store.request_cancel(made["cancelling"])
        succeed(self.store, made["succeeded"])
        fail(self.store, made["failed"])
        return {**made, "absent": new_fit_id()}


class FitData:
    """Accepts fits of the eight schools, past the API."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._registry = load_registry(())
        self._seeds = itertools.count()

    def accept(self) -> str:
        body = FitCreate(**EIGHT_SCHOOLS, seed=next(self._seeds), draws=6)
        request, data = resolve(body, self._registry.get("eight-schools"), Settings(), self._service.key.owner)
        self._service.store.accept(request, data)
        return request.id


@contextmanager
def serving(settings: Settings) -> Iterator[Service]:
    """Serve the API on a free port of this machine, in a thread."""
    assert settings.redis_url is not None
    with redis.Redis.from_url(settings.redis_url) as connection:
        workers.announce(
            connection, WorkerInfo(name="w", host="h", pid=1, child_pid=2, queue="tacit:cpu", device="cpu")
        )
        connection.persist(keys.worker("w"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app(settings), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                time.sleep(0.02)
            yield Service(settings, f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()


def fuzz(service: Service, *, cases: int, number: int) -> Counter[str]:
    """Send about `cases` requests, as many to each operation of the document; how often which status was answered.

    Raises:
        AssertionError: An answer is not what the document says, or a 5xx. (schemathesis's own, a group of failures.)
    """
    schema = schemathesis.openapi.from_url(f"{service.address}/openapi.json", headers=_headers(service))
    answered: Counter[str] = Counter()
    operations = [result.ok() for result in schema.get_all_operations()]
    # Some have few requests that differ.
    each = math.ceil(_SURPLUS * cases / len(operations))
    for operation in operations:
        _fuzz_operation(service, operation, cases=each, number=number, answered=answered)
    return answered


def _fuzz_operation(service: Service, operation: Any, *, cases: int, number: int, answered: Counter[str]) -> None:
    fits = service.fits()
    modes = [
        operation.as_strategy(generation_mode=mode)
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        if mode is schemathesis.GenerationMode.POSITIVE
        or operation.path_parameters
        or operation.query
        or operation.body
    ]

    @seed(number)
    @hypothesis_settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of(modes),
        fit_id=st.sampled_from([*fits.values(), *[fits["succeeded"]] * 4, None]),
        sane=st.booleans(),
        stranger=st.integers(0, 9).map(lambda number: number == 7),
    )
    def send(case: Any, fit_id: str | None, sane: bool, stranger: bool) -> None:
        if not stranger:
            _introduce(case)
        if fit_id is not None and "fit_id" in (case.path_parameters or {}):
            case.path_parameters["fit_id"] = fit_id
        if sane and operation.label in _SANE:
            case.body = _SANE[operation.label]
        if sane and "reference" in (case.path_parameters or {}):
            case.path_parameters["reference"] = EIGHT_SCHOOLS["model"]
        _shorten(case)
        response = case.call(headers=_headers(service), timeout=_ANSWERED_WITHIN_S)
        answered[f"{operation.label} {response.status_code}"] += 1
        case.validate_response(response, checks=_CHECKS, headers=_headers(service))

    send()


def _introduce(case: Any) -> None:
    """Have a request carry no key but ours: those with a wrong one are all refused at the door."""
    for name in list(case.headers or ()):
        if name.lower() == "authorization":
            del case.headers[name]


def _shorten(case: Any) -> None:
    """Have nothing wait for a fit that will never end, nor stream what becomes of it."""
    if isinstance((case.query or {}).get("wait"), int | float) and 0 < case.query["wait"] <= 60:
        case.query["wait"] = 0.01
    for name in list(case.headers or ()):
        if name.lower() == "prefer" or "event-stream" in str(case.headers[name]):
            del case.headers[name]


def _headers(service: Service) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.token}"}


def main() -> int:
    """Fuzz a service of its own; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="requests in all, at least")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tacit-fuzz-") as folder:
        server = EmbeddedRedis(Path(folder) / "redis")
        server.start()
        try:
            settings = Settings(
                data_dir=Path(folder),
                redis_url=server.url,
                model_path=(),
                log_level="error",
            ).model_copy(update=LIMITS)
            with serving(settings) as service:
                answered = fuzz(service, cases=arguments.cases, number=arguments.seed)
        finally:
            server.stop()
    for label, count in sorted(answered.items()):
        print(f"{count:6d}  {label}")
    refused = sum(count for label, count in answered.items() if label.endswith(" 401"))
    print(f"{refused} without a good key")
    print(f"{sum(answered.values())} cases, seed {arguments.seed}: every answer as documented, no 5xx")
    return 0 if sum(answered.values()) >= arguments.cases else 1


if __name__ == "__main__":
    sys.exit(main())
