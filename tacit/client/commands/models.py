"""Commands about models: `tacit models`."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress

from tacit.client.commands import tables
from tacit.client.commands.exits import Exit
from tacit.client.commands.options import errors_said, read_settings, with_data_dir
from tacit.client.commands.service import ModelName, with_service
from tacit.client.errors import MissingPackageError
from tacit.client.packages import needed
from tacit.client.synchronous import Client

if TYPE_CHECKING:
    from model_registry.rehearsal import Finding, Rehearsal

_FILE = click.Path(path_type=Path, dir_okay=False)
_SIGNS = {"good": ("ok", "green"), "note": ("note", "yellow"), "problem": ("PROBLEM", "red")}


@click.group()
def models() -> None:
    """Look at the models of a service, and write models of your own."""


@models.command("list", epilog="\b\nExample:\n  tacit models list --json | jq -r '.[].name'")
@with_service
def list_models(client: Client, as_json: bool) -> None:
    """List the models that can be fitted."""
    found = client.models()
    tables.print_json(found) if as_json else tables.show(tables.models(found))


@models.command(
    epilog="""\b
Examples:
  tacit models show eight-schools
  tacit models show eight-schools --example > data.json
"""
)
@click.argument("model", type=ModelName())
@click.option("--example", is_flag=True, help="Print data that fit the model, as JSON: a file for `tacit fit`.")
@with_service
def show(client: Client, as_json: bool, model: str, example: bool) -> None:
    """Show the data that MODEL wants, and what it infers."""
    found = client.model(model)
    if example:
        click.echo(json.dumps(found.example.data))
    elif as_json:
        tables.print_json(found)
    else:
        tables.show(*tables.model(found))


@models.command(epilog="\b\nExample:\n  tacit models new frog-counts && tacit models check frog_counts.py")
@click.argument("name")
@click.option("-o", "--output", type=_FILE, help="The file.  [name_with_underscores.py]")
def new(name: str, output: Path | None) -> None:
    """Write a file to begin the model NAME with: a small simulator that can be served as it is."""
    from model_registry import starting

    with errors_said():
        text = starting.text(name)
    path = output or Path(f"{name.replace('-', '_')}.py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}.") from error
    click.echo(f"{path} is written. Change it, and see what it does: tacit models check {shlex.quote(str(path))}")


@models.command(
    epilog="""\b
Examples:
  tacit models check my_model.py
  tacit models check my_model.py --fits 100 --steps 12000
  tacit models check my_model.py --fits 0 --picture prior.pdf
"""
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--fits", type=click.IntRange(min=0), default=20, show_default=True, help="Made-up data sets to fit; 0 for none."
)
@click.option(
    "--steps", type=click.IntRange(min=100), default=2000, show_default=True, help="Steps of each of these fits."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all that is drawn.")
@click.option("--picture", type=_FILE, help="Where to draw it.  [FILE-check.png]")
@click.option("--no-picture", is_flag=True, help="Draw none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@with_data_dir
def check(
    file: Path,
    fits: int,
    steps: int,
    seed: int,
    picture: Path | None,
    no_picture: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Try out the model in FILE, and say in words what is good and what is not.

    Does it load and simulate, has it the densities it needs, can its latent variables be inferred? Data are made from
    the prior, and some of them fitted, to see whether the posteriors hold what the data were made from. The exit code
    is 3 where there is a problem. Compiled programs are kept where a service on the same data folder keeps its own: the
    next check of this file is faster.
    """
    # All that follows takes a while, and JAX alone takes seconds: say at once what goes on.
    _stage("Starting JAX")
    from tacit import compilation

    settings = read_settings(data_dir=data_dir)
    try:
        # Before anything of the model is loaded: JAX takes the folder when it compiles for the first time.
        compilation.configure(device=settings.device, cache=settings.compiled_programs)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
    from model_registry.rehearsal import rehearse

    drawing = not no_picture and _can_draw()
    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    task = bar.add_task("Fits", total=fits)

    def on_fit(done: int) -> None:
        if not console.is_terminal:
            click.echo(f"  {done} of {fits} done", err=True)
            return
        # It lives only while nothing else is printed.
        bar.update(task, completed=done)
        if done == fits:
            bar.stop()
        else:
            bar.start()

    try:
        found = rehearse(
            file,
            fits=fits,
            steps=steps,
            seed=seed,
            on_stage=_stage,
            on_finding=(lambda finding: None) if as_json else _say,
            on_fit=on_fit,
        )
    finally:
        bar.stop()
    drawn = None
    if drawing and found.draws is not None:
        _stage("Drawing the picture")
        from model_registry.rehearsal import pictures

        drawn = picture or file.with_name(f"{file.stem}-check.png")
        pictures.draw(found, drawn)
    _report(found, file, drawn, as_json=as_json)
    if not found.passed:
        sys.exit(Exit.REFUSED)


def _stage(stage: str) -> None:
    """Say what is done next. Not among the findings: those may go to a file, or be JSON."""
    click.echo(click.style(f"{stage} ...", dim=True), err=True)


def _say(finding: "Finding") -> None:
    sign, colour = _SIGNS[finding.mark]
    click.echo(f"{click.style(f'{sign:>7}', fg=colour)}  {finding.text}")


def _can_draw() -> bool:
    """Whether pictures can be drawn; says it where they cannot."""
    try:
        needed("matplotlib", extra="check")
    except MissingPackageError as error:
        click.echo(f"No picture is drawn. {error}", err=True)
        return False
    return True


def _report(found: "Rehearsal", file: Path, drawn: Path | None, *, as_json: bool) -> None:
    if as_json:
        findings = [finding._asdict() for finding in found.findings]
        tables.print_json({"passed": found.passed, "findings": findings, "picture": drawn and str(drawn)})
        return
    if drawn is not None:
        click.echo(f"\nThe picture is {drawn}.")
    if found.passed and found.model is not None:
        folder = shlex.quote(str(file.absolute().parent))
        click.echo(
            f"\nServe it:\n  TACIT_MODEL_PATH={folder} tacit up\nand then\n  tacit fit {found.model.name} --example"
        )
