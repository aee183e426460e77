"""The command line. Each command imports what it needs: `tacit --version` needs no JAX."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from tacit.client.commands import draws, fits, models, operating
from tacit.client.commands.options import errors_said, read_settings, with_data_dir
from tacit.settings import Settings


def _with_address(command: Callable[..., Any]) -> Callable[..., Any]:
    host = click.option("--host", help="Address to listen on.  [TACIT_HOST, else 127.0.0.1]")
    port = click.option("--port", type=int, help="Port to listen on; 0 for any free one.  [TACIT_PORT, else 8000]")
    insecure = click.option(
        "--insecure", is_flag=True, default=None, help="Listen on the network although nobody needs an API key."
    )
    return host(port(insecure(command)))


_EPILOG = """\b
Begin with:
  tacit up                              start a service on this machine
  tacit fit eight-schools --example     fit a model that is there to its example
  tacit models new my-model             begin a model of your own

\b
Exit codes:
  0 done                    6 conflict with the state of a fit
  1 another error           7 the fit failed
  2 wrong command line      8 the fit was cancelled
  3 the input is refused    9 service not reachable, or too busy
  4 no such model or fit   10 not in time
  5 not allowed           130 Ctrl-C

TACIT_URL is the address of the service, TACIT_API_KEY your key where it wants one.
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(package_name="tacit")
def main() -> None:
    """Tacit: Bayesian inference as a service."""


@main.command()
@_with_address
@with_data_dir
def up(host: str | None, port: int | None, insecure: bool | None, data_dir: Path | None) -> None:
    """Start everything: API, one worker, and a server unless REDIS_URL names one."""
    from tacit import logs, supervisor

    settings = read_settings(host=host, port=port, data_dir=data_dir, insecure=insecure)
    logs.configure(settings.log_level, process="up", form=settings.log_format)

    with errors_said():
        supervisor.up(settings, announce=lambda address: _announce(address, settings.data_dir))


@main.command()
@_with_address
@with_data_dir
@click.option("--fd", type=int, hidden=True, help="A listening socket to serve on.")
def api(host: str | None, port: int | None, insecure: bool | None, data_dir: Path | None, fd: int | None) -> None:
    """Start the API alone. It needs REDIS_URL, or a `tacit up` on the same data folder."""
    from app.main import serve

    with errors_said():
        serve(_connected(read_settings(host=host, port=port, data_dir=data_dir, insecure=insecure)), descriptor=fd)


@main.command()
@with_data_dir
def worker(data_dir: Path | None) -> None:
    """Start one worker alone. It needs REDIS_URL, or a `tacit up` on the same data folder."""
    from worker.main import main as work

    with errors_said():
        sys.exit(work(_connected(read_settings(data_dir=data_dir))))


@main.command()
def demo() -> None:
    """Fit the eight schools on a service of its own, and compare with published results."""
    from tacit.client.demo import DemoError, run

    try:
        run()
    except DemoError as error:
        raise click.ClickException(f"demo: {error}") from error


@main.command(
    epilog="""\b
Examples:
  tacit completion bash > ~/.local/share/bash-completion/completions/tacit
  tacit completion zsh > "${fpath[1]}/_tacit"
  tacit completion fish > ~/.config/fish/completions/tacit.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that has SHELL complete commands, options, models and fits."""
    kind = get_completion_class(shell)
    assert kind is not None, "click knows all the shells that are offered"
    click.echo(kind(main, {}, "tacit", "_TACIT_COMPLETE").source())


for command in (
    models.models,
    fits.fit,
    fits.status,
    fits.watch,
    draws.predict,
    draws.prior,
    draws.posterior,
    fits.cancel,
    fits.retry,
    operating.keys,
    operating.gc,
):
    main.add_command(command)


def _announce(address: str, data_dir: Path) -> None:
    """Say that everything runs: one line for programs; on a terminal it stands out among those of the log."""
    line = f"Tacit is ready at {address} (data in {data_dir.absolute()}; Ctrl-C stops it)"
    on_terminal = sys.stdout.isatty()
    click.secho(f"\n{line}\n" if on_terminal else line, bold=True, fg="green")


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
