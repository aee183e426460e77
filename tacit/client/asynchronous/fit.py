"""A fit: followed, ended, and asked for what it has found."""

import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self, Unpack

import anyio
import anyio.to_thread
import httpx
from httpx_sse import EventSource, ServerSentEvent

from tacit.client import calls, reading
from tacit.client.answers import Diagnostics, Event, FitState, Losses, PosteriorAnswer, Status, Summary
from tacit.client.asynchronous.connection import AsyncConnection
from tacit.client.calls import AnswerOptions, Call, Prediction, Selection
from tacit.client.encoding import Data
from tacit.client.errors import FitCancelledError, FitFailedError, UnreachableError, WaitTimeoutError
from tacit.client.progress import Show, progress_shown
from tacit.client.reading import Arrays, InferenceData

# How long the service holds an answer, at most, while the fit has not ended.
_HOLD_S = 30.0
_HOLD_SHOWN_S = 0.5
_MARGIN_S = 30.0
# A stream says at least every few seconds that it lives.
_SILENCE_S = 120.0
_RECONNECT_S = 1.0
_MOST_CUTS = 20


class AsyncFit:
    """A fit of a service, and where it stood when that was last asked.

    Attributes:
        state: All that the service said of it.
        cache: For a fit that was asked for, what answered: "miss" (a new fit), "coalesced" (an equal one that is
            underway) or "hit" (an equal one that had succeeded).
    """

    def __init__(self, connection: AsyncConnection, state: FitState, *, cache: str | None = None) -> None:
        self._connection = connection
        self.state = state
        self.cache = cache
        self._path = calls.fit_path(state.id)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, model={self.state.model!r}, status={self.status!r})"

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def status(self) -> Status:
        """Where it stood when that was last asked."""
        return self.state.status

    async def refresh(self) -> Self:
        """Ask where it stands."""
        self.state = await self._connection.ask(Call("GET", self._path), FitState)
        return self

    async def wait(self, *, timeout_s: float | None = None, progress: bool | Show = False) -> Self:
        """Wait until it has succeeded.

        Args:
            timeout_s: Longest to wait.
            progress: Show a live bar on standard error (lines, where that is no terminal); or a function that is given
                the state again and again.

        Raises:
            FitFailedError, FitCancelledError: It ended so; `code` and `reason` say why. One that failed with the code
                "not_converged" has draws all the same: `posterior(unconverged=True)`.
            WaitTimeoutError: It has not ended in time. It goes on.
        """
        with progress_shown(progress) as show:
            deadline = None if timeout_s is None else time.monotonic() + timeout_s
            hold_s = _HOLD_S if show is None else _HOLD_SHOWN_S
            while not self.state.ended:
                left_s = hold_s if deadline is None else deadline - time.monotonic()
                if left_s <= 0:
                    raise WaitTimeoutError(f"Fit {self.id} is still {self.status} after {timeout_s:g} s; it goes on.")
                await self._look(min(hold_s, left_s))
                if show is not None:
                    show(self.state)
        if self.state.status == "failed":
            raise FitFailedError(self.state)
        if self.state.status == "cancelled":
            raise FitCancelledError(self.state)
        return self

    async def _look(self, hold_s: float) -> None:
        """Ask where it stands; the answer comes when the fit has ended, or after `hold_s`."""
        call = Call("GET", self._path, params={"wait": f"{hold_s:.3f}"}, read_s=hold_s + _MARGIN_S)
        self.state = await self._connection.ask(call, FitState)

    async def events(self, *, after: int = 0) -> AsyncIterator[Event]:
        """What happened to it, and what happens until it has ended.

        A stream that is cut off is taken up again behind the last event.

        Args:
            after: Id of an event; only those behind it.
        """
        cuts = 0
        while cuts <= _MOST_CUTS:
            headers = {"Accept": calls.EVENTS, "Last-Event-ID": str(after)}
            call = Call("GET", f"{self._path}/events", headers=headers, read_s=_SILENCE_S)
            async with self._connection.stream(call) as response:
                if response.status_code == httpx.codes.NO_CONTENT:
                    return
                messages = EventSource(response).aiter_sse()
                # A loop over the messages would take what whoever gets the events raises for an error of the stream.
                while (message := await _next(messages)) is not None:
                    event = Event.model_validate_json(message.data)
                    after, cuts = event.id, 0
                    yield event
                    if event.type == "terminal":
                        return
            cuts += 1
            await anyio.sleep(_RECONNECT_S)
        raise UnreachableError(f"The events of fit {self.id} were cut off {cuts} times in a row.")

    async def cancel(self) -> Self:
        """Stop it. One that waits is cancelled at once, one that runs within seconds: `wait` says when."""
        self.state = await self._connection.ask(Call("POST", f"{self._path}/cancel"), FitState)
        return self

    async def retry(self, *, idempotency_key: str | None = None) -> "AsyncFit":
        """Do a failed or cancelled fit again, as a new fit, from its last checkpoint if there is one.

        Not one that has not converged: it would end the same way. Ask for a fit with a change instead.

        Args:
            idempotency_key: Requests with the same key are one request; by default a random one, so that this call may
                be sent again when its answer was lost.
        """
        call = calls.retry(self._path, key=idempotency_key)
        return AsyncFit(self._connection, await self._connection.ask(call, FitState))

    async def delete(self) -> None:
        """Remove it, with its data and results; it must have ended."""
        await self._connection.send(Call("DELETE", self._path, repeatable=False))

    async def summary(self, *, unconverged: bool = False) -> Summary:
        """Mean, standard deviation and quantiles of each variable.

        Args:
            unconverged: Also of a fit that has not converged, whose draws are no posterior.
        """
        params = {"unconverged": True} if unconverged else {}
        return await self._connection.ask(Call("GET", f"{self._path}/summary", params=params), Summary)

    async def diagnostics(self) -> Diagnostics:
        """Whether to trust it."""
        return await self._connection.ask(Call("GET", f"{self._path}/diagnostics"), Diagnostics)

    async def losses(self) -> Losses:
        """How its losses went."""
        return await self._connection.ask(Call("GET", f"{self._path}/losses"), Losses)

    async def posterior(self, **wanted: Unpack[Selection]) -> InferenceData:
        """The stored draws, for ArviZ: the group `posterior`, and the data.

        Args:
            **wanted: `vars` (names), `draws` (how many), `offset` (how many to leave out at the beginning),
                `unconverged` (True: also of a fit that has not converged, whose draws are no posterior).
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "posterior.nc")
            await self.save_posterior(path, **wanted)
            return await anyio.to_thread.run_sync(reading.inference_data, path)

    async def posterior_arrays(self, **wanted: Unpack[Selection]) -> Arrays:
        """The stored draws as NumPy arrays by variable; the first axis is the draws."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "posterior.npz")
            await self.save_posterior(path, **wanted)
            return await anyio.to_thread.run_sync(reading.arrays, path)

    async def save_posterior(self, path: str | Path, **wanted: Unpack[Selection]) -> None:
        """The stored draws into a file, whose suffix says the form: .nc, .npz, .arrow or .json."""
        call = calls.posterior(self._path, calls.form_of(Path(path).suffix), **wanted)
        await self._connection.save(call, Path(path))

    async def posterior_of(self, data: Data, **wanted: Unpack[AnswerOptions]) -> PosteriorAnswer:
        """The posterior of other data, at once: of a fit with the inference option `objective="amortized"`.

        Args:
            data: The observed variables, in the shapes of the fit; covariates stay as they were.
            **wanted: `vars` (names), `draws` (how many), `seed`, `unconverged`.
        """
        return await self._connection.ask(calls.answer(self._path, data, **wanted), PosteriorAnswer)

    async def posterior_predictive(self, **wanted: Unpack[Prediction]) -> InferenceData:
        """What the fitted model predicts, for ArviZ.

        The group is `posterior_predictive` at the fit's own covariates, `predictions` at others or with variables set.

        Args:
            **wanted: `inputs` (other covariates), `set` (variables held at a value: an intervention), `vars`, `draws`,
                `seed`, `quantiles`, `log_likelihood`, `unconverged`: docs/results.md.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "predictive.nc")
            await self.save_posterior_predictive(path, **wanted)
            return await anyio.to_thread.run_sync(reading.inference_data, path)

    async def posterior_predictive_arrays(self, **wanted: Unpack[Prediction]) -> Arrays:
        """The same as NumPy arrays by variable; the first axis is the draws (or the quantiles).

        Beside the quantiles of `y` there is `failed_draws/y`, how many draws have a NaN in it: docs/results.md.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "predictive.npz")
            await self.save_posterior_predictive(path, **wanted)
            return await anyio.to_thread.run_sync(reading.arrays, path)

    async def save_posterior_predictive(self, path: str | Path, **wanted: Unpack[Prediction]) -> None:
        """The same into a file, whose suffix says the form: .nc, .npz, .arrow or .json."""
        form = calls.form_of(Path(path).suffix)
        call = calls.prediction(f"{self._path}/posterior-predictive", form, **wanted)
        await self._connection.save(call, Path(path))


async def _next(messages: AsyncIterator[ServerSentEvent]) -> ServerSentEvent | None:
    """The next message of a stream that says something; None when it has been cut off."""
    try:
        while not (message := await anext(messages)).data:
            pass
        return message
    except (httpx.TransportError, StopAsyncIteration):
        return None
