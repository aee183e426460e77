"""Commands that make and follow fits: `tacit fit`, `status`, `watch`, `cancel`, `retry`."""

from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console

from tacit.client import progress
from tacit.client.answers import Priority, Status
from tacit.client.commands import tables
from tacit.client.commands.data_files import read_fields
from tacit.client.commands.service import FitId, ModelName, latest, waiting_for, with_service
from tacit.client.commands.values import Assignment, Columns, given, nested
from tacit.client.synchronous import Client, Fit

_LISTED = 20


class _Fitting(click.Command):
    """A command that says where an option of the inference goes which is given like one of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = error.option_name.lstrip("-").replace("-", "_")
            given = f"{error.message} If it is one of the inference, it is given by -i {name}=VALUE."
            raise click.NoSuchOption(error.option_name, given, error.possibilities, ctx) from error


@click.command(
    cls=_Fitting,
    epilog="""\b
Examples:
  tacit fit eight-schools --example
  tacit fit eight-schools schools.csv -i steps=4000 --seed 1 --output posterior.nc
  tacit fit linear-regression houses.csv --columns x=area,rooms --columns y=price
  cat data.json | tacit fit poisson-rate - --detach --json
""",
)
@click.argument("model", type=ModelName())
@click.argument("data", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--example", is_flag=True, help="Fit the model's own example.")
@click.option(
    "-c",
    "--columns",
    multiple=True,
    type=Columns(),
    help="Which columns of a CSV file a field consists of: x=age,weight.",
)
@click.option("-i", "--inference", multiple=True, type=Assignment(), help="An inference option: steps=2000.")
@click.option("--seed", type=int, help="Seed of the fit; drawn at random when not given.")
@click.option("--draws", type=int, help="Posterior draws to store.")
@click.option("--timeout", type=int, help="Longest the fit may run, in seconds.")
@click.option("--priority", type=click.Choice(get_args(Priority)), help="Which of the fits that wait goes first.")
@click.option("--tag", "tags", multiple=True, help="A word to find the fit by; may be repeated.")
@click.option("--fresh", is_flag=True, help="Compute it although the same was computed before.")
@click.option("-d", "--detach", is_flag=True, help="Do not wait for its end; print its id.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Save the posterior: .nc, .npz, .arrow, .json.")
@with_service
def fit(
    client: Client,
    as_json: bool,
    model: str,
    data: tuple[str, ...],
    example: bool,
    columns: tuple[tuple[str, list[str]], ...],
    inference: tuple[tuple[str, Any], ...],
    fresh: bool,
    detach: bool,
    output: Path | None,
    timeout: int | None,
    **options: Any,
) -> None:
    """Fit MODEL to DATA, wait for the end, and show the posterior.

    DATA are files: JSON, CSV or npz; `-` is standard input. What is in several files is put together.
    """
    if bool(data) == example:
        raise click.UsageError("Give files of data (`-` for standard input), or --example.")
    if detach and output is not None:
        raise click.UsageError("--output wants the end of the fit, and --detach does not wait for it.")
    detail = client.model(model)
    content = detail.example.data if example else read_fields(data, detail.fields, dict(columns))
    asked = given(inference=nested(inference), timeout_s=timeout, **options)
    made = client.fit(model, content, fresh=fresh, **asked)
    if detach:
        tables.print_json(made.state) if as_json else click.echo(made.id)
        return
    with waiting_for(made):
        _tell(made)
        _follow(made, as_json=as_json)
    if output is not None:
        made.save_posterior(output)
        click.echo(f"The posterior is in {output}.", err=True)


@click.command(
    epilog="""\b
Examples:
  tacit status
  tacit status --model eight-schools --status succeeded --json
  tacit status fit_01m7...
"""
)
@click.argument("fit_id", metavar="[FIT]", required=False, type=FitId())
@click.option("--model", type=ModelName(), help="Only fits of this model.")
@click.option("--status", type=click.Choice(get_args(Status)), help="Only fits that stand so.")
@click.option("--tag", help="Only fits with this tag.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=_LISTED, show_default=True, help="Most fits.")
@with_service
def status(client: Client, as_json: bool, fit_id: str | None, limit: int, **wanted: Any) -> None:
    """Show where FIT stands; without one, list the latest fits."""
    if fit_id is not None:
        if given(**wanted):
            raise click.UsageError("--model, --status and --tag choose from the list; they do not go with a fit.")
        _show(client.get(fit_id), as_json=as_json)
        return
    found = [fit.state for fit in latest(client, limit, **given(**wanted))]
    tables.print_json(found) if as_json else tables.show(tables.fits(found))


@click.command(
    epilog="""\b
Examples:
  tacit watch fit_01m7...
  tacit watch fit_01m7... --json | jq .data.step
"""
)
@click.argument("fit_id", metavar="FIT", type=FitId())
@with_service
def watch(client: Client, as_json: bool, fit_id: str) -> None:
    """Follow FIT to its end and show the posterior. With --json, print an event on each line."""
    found = client.get(fit_id)
    with waiting_for(found):
        if not as_json:
            _follow(found, as_json=False)
            return
        for event in found.events():
            tables.print_json(event)
    # Ends as the fit has ended.
    found.wait()


@click.command(epilog="\b\nExample:\n  tacit cancel fit_01m7...")
@click.argument("fit_ids", metavar="FIT...", nargs=-1, required=True, type=FitId())
@with_service
def cancel(client: Client, as_json: bool, fit_ids: tuple[str, ...]) -> None:
    """Stop fits that wait or run."""
    for fit_id in fit_ids:
        stopped = client.get(fit_id).cancel()
        tables.print_json(stopped.state) if as_json else click.echo(f"{stopped.id}: {stopped.status}")


@click.command(epilog="\b\nExample:\n  tacit retry fit_01m7...")
@click.argument("fit_id", metavar="FIT", type=FitId())
@with_service
def retry(client: Client, as_json: bool, fit_id: str) -> None:
    """Do a failed or cancelled fit again, from its last checkpoint; prints the id of the new fit."""
    again = client.get(fit_id).retry()
    tables.print_json(again.state) if as_json else click.echo(again.id)


def _tell(made: Fit) -> None:
    how = {"hit": " was computed before.", "coalesced": " is underway: it was asked for before."}
    click.echo(f"{made.id}{how.get(made.cache or '', '')}", err=True)


def _follow(fit: Fit, *, as_json: bool) -> None:
    """Wait for the end, with a bar, and show what was found."""
    with progress.shown(Console(stderr=True)) as show:
        fit.wait(progress=show)
    if as_json:
        _show(fit, as_json=True)
    else:
        tables.show(*tables.summary(fit.summary()), *tables.warnings(fit.state))


def _show(fit: Fit, *, as_json: bool) -> None:
    """A fit, and its summary if it has succeeded."""
    summary = fit.summary() if fit.status == "succeeded" else None
    if as_json:
        tables.print_json({**fit.state.model_dump(mode="json"), "summary": summary})
    else:
        tables.show(*tables.fit(fit.state), *(["", *tables.summary(summary)] if summary is not None else []))
