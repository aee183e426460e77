# Written by tools/make_sync.py from tacit/client/asynchronous/client.py: edit that.
"""The client: models, and fits made, found and listed."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from tacit.client import calls, reading
from tacit.client.addresses import headers_of, settings_of
from tacit.client.answers import FitState, ModelDetail, ModelList, ModelSummary, Page, ResolvedData
from tacit.client.calls import Call, FitFilter, FitOptions, PriorPrediction
from tacit.client.encoding import Data
from tacit.client.reading import Arrays, InferenceData
from tacit.client.synchronous.connection import Connection
from tacit.client.synchronous.fit import Fit

_PAGE = 100


class Client:
    """A Tacit service.

    Every method raises an `ApiError` that carries the problem document where the service refuses, and
    `UnreachableError` where no answer comes. Before that, calls that may be sent again are: those that read, those that
    the service told to come again (`Retry-After` is honoured), and requests for fits, which carry an idempotency key.

    Args:
        url: Address of the service; by default TACIT_URL, else http://127.0.0.1:8000.
        api_key: API key; by default TACIT_API_KEY. A service may need none.
        retries: How often a call is sent again, at most.
        timeout_s: Longest silence of the service to bear.
        transport: What carries the requests, instead of the network.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        retries: int = 5,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        found = settings_of(url, api_key)
        http = httpx.Client(
            base_url=found.url,
            headers=headers_of(found),
            timeout=timeout_s,
            transport=transport,
            trust_env=found.trust_env,
        )
        self._connection = Connection(http, retries=retries)

    @property
    def url(self) -> str:
        """Address of the service."""
        return str(self._connection.http.base_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._connection.http.close()

    def models(self) -> list[ModelSummary]:
        """The models that can be fitted."""
        return (self._connection.ask(Call("GET", "/v1/models"), ModelList)).items

    def model(self, reference: str) -> ModelDetail:
        """All about a model, by `name` or `name@version`."""
        return self._connection.ask(Call("GET", calls.model_path(reference)), ModelDetail)

    def validate(self, model: str, data: Data, *, inference: Mapping[str, Any] | None = None) -> ResolvedData:
        """Whether a fit of these data would be taken, and of what sizes it would be; nothing is stored."""
        return self._connection.ask(calls.validation(model, data, inference), ResolvedData)

    def fit(
        self,
        model: str,
        data: Data,
        *,
        fresh: bool = False,
        idempotency_key: str | None = None,
        **options: Unpack[FitOptions],
    ) -> Fit:
        """Ask for a fit, which then waits for a worker: `fit.wait()`.

        Args:
            model: `name` or `name@version`.
            data: Fields by name: a dict, a `pandas.DataFrame` (a field per column), an `xarray.Dataset`.
            fresh: Compute it although the same was computed before.
            idempotency_key: Names this request, to make sure that it counts once also when the program that makes it
                is started again; by default each call has one of its own.
            **options: `inference`, `seed`, `draws`, `timeout_s`, `priority`, `tags`, `webhook`, `start_from`, as in
                the API.
        """
        call = calls.fit(model, data, key=idempotency_key, fresh=fresh, **options)
        response = self._connection.send(call)
        state = self._connection.parsed(response, FitState)
        return Fit(self._connection, state, cache=response.headers.get("Fit-Cache"))

    def get(self, fit_id: str) -> Fit:
        """The fit of an id."""
        return Fit(self._connection, self._connection.ask(Call("GET", calls.fit_path(fit_id)), FitState))

    def fits(self, **wanted: Unpack[FitFilter]) -> Iterator[Fit]:
        """All fits, those accepted latest first, fetched page by page as they are gone through.

        Args:
            **wanted: `model`, `status`, `tag`, `created_after`; what is not given does not matter.
        """
        cursor: str | None = None
        while True:
            page = self._connection.ask(calls.fits(limit=_PAGE, cursor=cursor, **wanted), Page)
            for state in page.items:
                yield Fit(self._connection, state)
            cursor = page.next_cursor
            if cursor is None:
                return

    def prior_predictive(self, model: str, **wanted: Unpack[PriorPrediction]) -> InferenceData:
        """What a model predicts before it has seen data, for ArviZ.

        Args:
            model: `name` or `name@version`.
            **wanted: `inputs`, `set`, `vars`, `draws`, `seed`, `quantiles`: docs/results.md.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "prior.nc")
            self.save_prior_predictive(path, model, **wanted)
            return reading.inference_data(path)

    def prior_predictive_arrays(self, model: str, **wanted: Unpack[PriorPrediction]) -> Arrays:
        """The same as NumPy arrays by variable; the first axis is the draws (or the quantiles).

        Beside the quantiles of `y` there is `failed_draws/y`, how many draws have a NaN in it: docs/results.md.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "prior.npz")
            self.save_prior_predictive(path, model, **wanted)
            return reading.arrays(path)

    def save_prior_predictive(self, path: str | Path, model: str, **wanted: Unpack[PriorPrediction]) -> None:
        """The same into a file, whose suffix says the form: .nc, .npz, .arrow or .json."""
        form = calls.form_of(Path(path).suffix)
        call = calls.prediction(f"{calls.model_path(model)}/prior-predictive", form, **wanted)
        self._connection.save(call, Path(path))
