"""The command line. Each command imports what it needs: `tacit --version` needs no JAX."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from tacit.errors import TacitError
from tacit.settings import Settings


def _settings(**given: Any) -> Settings:
    """The settings of the environment, with what was given on the command line."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise click.ClickException(f"setting {where}: {first['msg']}") from error


def _say(error: TacitError) -> click.ClickException:
    return click.ClickException(str(error))


def _with_data_dir(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option(
        "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Folder for all data.  [TACIT_DATA_DIR]"
    )
    return option(command)


def _with_address(command: Callable[..., Any]) -> Callable[..., Any]:
    host = click.option("--host", help="Address to listen on.  [TACIT_HOST, else 127.0.0.1]")
    port = click.option("--port", type=int, help="Port to listen on; 0 for any free one.  [TACIT_PORT, else 8000]")
    return host(port(command))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tacit")
def main() -> None:
    """Tacit: Bayesian inference as a service."""


@main.command()
@_with_address
@_with_data_dir
def up(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Start everything: API, one worker, and a server unless REDIS_URL names one."""
    from tacit import logs, supervisor

    settings = _settings(host=host, port=port, data_dir=data_dir)
    logs.configure(settings.log_level, process="up")

    def announce(address: str) -> None:
        click.echo(f"Tacit is ready at {address} (data in {settings.data_dir.absolute()}; Ctrl-C stops it)")

    try:
        supervisor.up(settings, announce=announce)
    except TacitError as error:
        raise _say(error) from error


@main.command()
@_with_address
@_with_data_dir
@click.option("--fd", type=int, hidden=True, help="A listening socket to serve on.")
def api(host: str | None, port: int | None, data_dir: Path | None, fd: int | None) -> None:
    """Start the API alone. It needs REDIS_URL, or a `tacit up` on the same data folder."""
    from app.main import serve

    try:
        serve(_connected(_settings(host=host, port=port, data_dir=data_dir)), descriptor=fd)
    except TacitError as error:
        raise _say(error) from error


@main.command()
@_with_data_dir
def worker(data_dir: Path | None) -> None:
    """Start one worker alone. It needs REDIS_URL, or a `tacit up` on the same data folder."""
    from worker.main import main as work

    try:
        sys.exit(work(_connected(_settings(data_dir=data_dir))))
    except TacitError as error:
        raise _say(error) from error


@main.command()
def demo() -> None:
    """Fit the eight schools on a service of its own, and compare with published results."""
    from tacit.client.demo import DemoError, run

    try:
        run()
    except DemoError as error:
        raise click.ClickException(f"demo: {error}") from error


def _connected(settings: Settings) -> Settings:
    """The settings with the address of a server: given, or that of a running `tacit up`."""
    if settings.redis_url is not None:
        return settings
    from tacit.embedded_redis import running_url

    url = running_url(settings.data_dir)
    if url is None:
        raise click.ClickException("no server is known: set REDIS_URL, or start everything with `tacit up`")
    return settings.model_copy(update={"redis_url": url})


if __name__ == "__main__":
    main()
