"""Builds the API, and serves it: `tacit api`."""

import gc
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app import documentation, errors, page, revalidation
from app.bodies import JsonRoute
from app.gate import Gate
from app.metrics import HttpMetrics
from app.middleware import RequestMiddleware
from app.origins import OriginMiddleware
from app.routes import events as event_routes
from app.routes import fits, models, results, system, tables
from app.service import Service, close_service, open_service
from model_registry import Registry, load_registry
from tacit import binding, compilation, logs
from tacit.errors import (
    ForbiddenError,
    NotFoundError,
    RateError,
    TooOldError,
    UnauthorizedError,
    UnavailableError,
)
from tacit.fits import connections, open_keys, open_store
from tacit.fits.breaker import Breaker
from tacit.fits.events import EventLog
from tacit.settings import Settings

_GRACE_S = 5
_SCHEME = "key"
_ROUTERS = (
    models.router,
    tables.router,
    fits.router,
    event_routes.router,
    results.router,
    system.router,
    system.guarded,
)


def create_app(settings: Settings, *, registry: Registry | None = None) -> FastAPI:
    """The API on the given settings. JAX runs on the CPU in this process, whatever the worker has.

    Args:
        settings: The service's settings.
        registry: The models; those that the settings name are loaded when it is not given.

    Raises:
        UnavailableError: The settings name no Redis, or the store cannot be opened.
    """
    if settings.redis_url is None:
        raise UnavailableError("No Redis is known: set REDIS_URL, or start everything with `tacit up`.")
    redis_url = settings.redis_url
    compilation.configure(device="cpu", cache=settings.compiled_programs)
    # Large answers lie here while they are made, also when the store is a bucket.
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    breaker = Breaker()
    events = EventLog(connections.quick(redis_url, breaker))
    store = open_store(settings, changed=events.changed)
    api_keys = open_keys(settings)
    if registry is None:
        registry = load_registry(settings.model_path)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = open_service(
            settings, store=store, registry=registry, redis_url=redis_url, events=events, breaker=breaker
        )
        app.state.service = service
        app.state.gate = Gate(settings, keys=api_keys, store=store, redis=service.redis, blocking=service.blocking)
        try:
            yield
        finally:
            await close_service(service)

    # The usual documentation pages load their scripts from elsewhere; this service works without a network.
    app = FastAPI(title="Tacit", version=version("tacit"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.max_body_bytes = settings.max_body_bytes
    app.state.max_json_values = settings.max_json_values
    for router in _ROUTERS:
        app.include_router(router)
    errors.install(app)
    app.state.metrics = HttpMetrics()
    app.add_middleware(OriginMiddleware, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(RequestMiddleware, metrics=app.state.metrics)
    documentation.install(app)
    page.install(app)
    _describe(app)
    return app


def serve(settings: Settings, *, descriptor: int | None = None) -> None:
    """Serve until a signal says stop.

    Args:
        settings: The service's settings.
        descriptor: A listening socket to serve on, instead of the host and port of the settings.
    """
    logs.configure(settings.log_level, process="api", form=settings.log_format)
    binding.check(settings)
    app = create_app(settings)
    # What is loaded now stays: the collector need not look at it again and again, with every request waiting for it.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    sockets = None if descriptor is None else [socket.socket(fileno=descriptor)]
    _Server(config, app).run(sockets=sockets)


class _Server(uvicorn.Server):
    """Ends well when a signal says stop.

    Waits and streams of clients are ended; uvicorn would wait for them. And `run` returns: uvicorn keeps the signal to
    raise it once more when everything is closed, and whoever started the process would take a good end for a death.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in good order; at once, when Ctrl-C is pressed again."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        await super().main_loop()
        service: Service = self._app.state.service
        service.signals.close()


def _describe(app: FastAPI) -> None:
    """Have the OpenAPI document say what is true: errors are problems, and where none can occur none is promised."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schemas = document["components"]["schemas"]
            problem = errors.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs") | {"Problem": problem}
            # FastAPI promises a 422 of its own form wherever there is a parameter, be it a text that cannot be wrong.
            for operation in (each for methods in document["paths"].values() for each in methods.values()):
                if errors.MEDIA_TYPE not in operation["responses"].get("422", {}).get("content", {}):
                    operation["responses"].pop("422", None)
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            _describe_access(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _describe_access(document: dict[str, Any]) -> None:
    """Say which scope each operation needs, how it answers those who may not, and those who have the answer."""
    scheme = {"type": "http", "scheme": "bearer", "description": "An API key, made by `tacit keys create`."}
    document["components"]["securitySchemes"] = {_SCHEME: scheme}
    refusals = errors.problems(UnauthorizedError, ForbiddenError, RateError, UnavailableError)
    for route in (route for router in _ROUTERS for route in router.routes):
        if isinstance(route, JsonRoute) and route.include_in_schema:
            about_fit = errors.problems(NotFoundError, TooOldError) if "fit_id" in route.param_convertors else {}
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                operation["security"] = [{_SCHEME: [route.needs.value]}]
                if method == "GET" and route.response_model is not None:
                    operation["responses"]["304"] = revalidation.UNCHANGED
                for status, response in {**refusals, **about_fit}.items():
                    operation["responses"].setdefault(str(status), response)
