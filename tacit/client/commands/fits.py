"""Commands that make and follow fits: `tacit fit`, `status`, `watch`, `cancel`, `retry`."""

from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console

from tacit.client import progress
from tacit.client.answers import Priority, Status
from tacit.client.commands import tables
from tacit.client.commands.data_files import read_fields
from tacit.client.commands.service import FitId, ModelName, latest, shows_unconverged, waiting_for, with_service
from tacit.client.commands.values import Assignment, Columns, given, nested
from tacit.client.errors import FitFailedError
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
@shows_unconverged
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
    unconverged: bool | None,
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
        missed = _wait(made)
    _show_found(made, as_json=as_json, unconverged=bool(unconverged))
    if output is not None and (missed is None or unconverged):
        made.save_posterior(output, unconverged=bool(unconverged))
        what = "The posterior is" if missed is None else "Draws that are no posterior are"
        click.echo(f"{what} in {output}.", err=True)
    if missed is not None:
        raise missed


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
@shows_unconverged
@with_service
def status(
    client: Client, as_json: bool, fit_id: str | None, limit: int, unconverged: bool | None, **wanted: Any
) -> None:
    """Show where FIT stands; without one, list the latest fits."""
    if fit_id is not None:
        if given(**wanted):
            raise click.UsageError("--model, --status and --tag choose from the list; they do not go with a fit.")
        _show(client.get(fit_id), as_json=as_json, unconverged=bool(unconverged))
        return
    if unconverged:
        raise click.UsageError("--unconverged shows the draws of one fit: give its id.")
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
@shows_unconverged
@with_service
def watch(client: Client, as_json: bool, fit_id: str, unconverged: bool | None) -> None:
    """Follow FIT to its end and show the posterior. With --json, print an event on each line."""
    found = client.get(fit_id)
    with waiting_for(found):
        for event in found.events() if as_json else ():
            tables.print_json(event)
        missed = _wait(found, shown=not as_json)
    if not as_json:
        _show_found(found, as_json=False, unconverged=bool(unconverged))
    # Ends as the fit has ended.
    if missed is not None:
        raise missed


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
    """Do a failed or cancelled fit again, from its last checkpoint; prints the id of the new fit.

    A fit that has not converged would end the same way: fit it with other options instead.
    """
    again = client.get(fit_id).retry()
    tables.print_json(again.state) if as_json else click.echo(again.id)


def _tell(made: Fit) -> None:
    how = {"hit": " was computed before.", "coalesced": " is underway: it was asked for before."}
    click.echo(f"{made.id}{how.get(made.cache or '', '')}", err=True)


def _wait(fit: Fit, *, shown: bool = True) -> FitFailedError | None:
    """Wait for the end, with a bar unless that is not to be `shown`.

    Returns:
        How it failed, if it has figures and draws all the same; they are shown before that is raised.
    """
    try:
        if shown:
            with progress.shown(Console(stderr=True)) as show:
                fit.wait(progress=show)
        else:
            fit.wait()
    except FitFailedError as error:
        if not fit.state.not_converged:
            raise
        return error
    return None


def _show_found(fit: Fit, *, as_json: bool, unconverged: bool) -> None:
    """What a fit that was computed to its end has found."""
    if as_json:
        _show(fit, as_json=True, unconverged=unconverged)
    elif fit.state.not_converged:
        tables.show(*_missed(fit, unconverged=unconverged), "", *tables.warnings(fit.state))
    else:
        tables.show(*tables.summary(fit.summary()), *tables.warnings(fit.state))


def _show(fit: Fit, *, as_json: bool, unconverged: bool) -> None:
    """A fit, and its summary if it has succeeded; of one that has not converged, what explains that."""
    missed = fit.state.not_converged
    if not as_json:
        more = _missed(fit, unconverged=unconverged) if missed else []
        more = tables.summary(fit.summary()) if fit.status == "succeeded" else more
        tables.show(*tables.fit(fit.state), *(["", *more] if more else []))
        return
    summary = fit.summary(unconverged=unconverged) if fit.status == "succeeded" or (missed and unconverged) else None
    explained = {"diagnostics": fit.diagnostics(), "losses": fit.losses()} if missed else {}
    tables.print_json({**fit.state.model_dump(mode="json"), "summary": summary, **explained})


def _missed(fit: Fit, *, unconverged: bool) -> list[Any]:
    """The figures and losses of a fit that has not converged, and its summary or the way to it."""
    summary = (
        tables.summary(fit.summary(unconverged=True))
        if unconverged
        else [f"Its draws are no posterior. To see them all the same: tacit posterior {fit.id} --unconverged"]
    )
    return [tables.figures(fit.diagnostics()), "", *tables.losses(fit.losses()), "", *summary]
