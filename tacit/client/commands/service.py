"""What the commands share that ask a service: its address, errors as words and exit codes, completion of names."""

import functools
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.shell_completion import CompletionItem

from tacit.client.commands.exits import Exit, code_of
from tacit.client.errors import ApiError, ClientError, FitEndedError
from tacit.client.synchronous import Client, Fit

_RETRIES = 3
# Someone who presses Tab does not wait.
_COMPLETION_S = 2.0


def with_service(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --url and --json, and a `client`; errors become words and exit codes."""

    @click.option("--url", envvar="TACIT_URL", help="Address of the service.  [TACIT_URL, else http://127.0.0.1:8000]")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs; errors too, on stderr.")
    @functools.wraps(command)
    def asked(url: str | None, as_json: bool, **given: Any) -> None:
        with errors_told(as_json=as_json), Client(url, retries=_RETRIES) as client:
            command(client=client, as_json=as_json, **given)

    return asked


@contextmanager
def errors_told(*, as_json: bool) -> Iterator[None]:
    """Tell an error of the client on stderr, and exit with the code that it stands for."""
    try:
        yield
    except ClientError as error:
        if as_json:
            click.echo(json.dumps({"error": _problem(error)}), err=True)
        else:
            click.echo(f"Error: {error}", err=True)
        sys.exit(code_of(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


def _problem(error: ClientError) -> dict[str, Any]:
    if isinstance(error, ApiError):
        return error.problem.model_dump(mode="json")
    code = {"code": error.code} if isinstance(error, FitEndedError) and error.code is not None else {}
    return {"detail": str(error), **code}


def shows_unconverged(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that asks for draws that are no posterior; None when it is not given."""
    words = "Show the draws also of a fit that has not converged; they are no posterior."
    return click.option("--unconverged", is_flag=True, default=None, help=words)(command)


@contextmanager
def waiting_for(fit: Fit) -> Iterator[None]:
    """Ctrl-C ends the waiting, not the fit."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nThe fit goes on: `tacit watch {fit.id}` or `tacit cancel {fit.id}`.", err=True)
        sys.exit(Exit.INTERRUPTED)


class _Completed(click.ParamType[str], ABC):
    """A text that the shell completes by asking the service, if that answers at once."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            with Client(ctx.params.get("url"), retries=0, timeout_s=_COMPLETION_S) as client:
                return [item for item in self.items(client) if item.value.startswith(incomplete)]
        except ClientError:
            return []  # there is nobody to tell: the shell shows no errors

    @abstractmethod
    def items(self, client: Client) -> list[CompletionItem]:
        """All that there is to choose from."""


class ModelName(_Completed):
    """The name of a model, or name@version."""

    name = "model"

    def items(self, client: Client) -> list[CompletionItem]:
        return [CompletionItem(model.name, help=model.title) for model in client.models()]


class FitId(_Completed):
    """The id of a fit; the latest are offered."""

    name = "fit"

    def items(self, client: Client) -> list[CompletionItem]:
        return [CompletionItem(fit.id, help=f"{fit.state.model}, {fit.status}") for fit in latest(client, 20)]


def latest(client: Client, count: int, **wanted: Any) -> list[Fit]:
    """The latest fits that are wanted."""
    found = client.fits(**wanted)
    return [fit for _, fit in zip(range(count), found, strict=False)]
