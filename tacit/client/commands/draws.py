"""Commands that read what fits have found: `tacit predict`, `tacit posterior`."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tacit.client.answers import ModelField
from tacit.client.commands import tables
from tacit.client.commands.data_files import read_fields
from tacit.client.commands.service import FitId, with_service
from tacit.client.commands.values import Assignment, Columns, given
from tacit.client.errors import UnsendableError
from tacit.client.synchronous import Client

_SHOWN = (0.05, 0.5, 0.95)

_output = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Save into a file: .nc (ArviZ), .npz, .arrow or .json."
)
_variables = click.option("--var", "vars", multiple=True, help="Only this variable; may be repeated.")


@click.command(
    epilog="""\b
Examples:
  tacit predict fit_01m7...
  tacit predict fit_01m7... new.csv --set tau=5 --var theta --var y
  echo '{"sigma": [10, 10]}' | tacit predict fit_01m7... - --output predicted.nc
"""
)
@click.argument("fit_id", metavar="FIT", type=FitId())
@click.argument("inputs", nargs=-1, type=click.Path(allow_dash=True))
@click.option(
    "-c", "--columns", multiple=True, type=Columns(), help="Which columns of a CSV file an input consists of."
)
@click.option("--set", "held", multiple=True, type=Assignment(), help="Hold a variable at a value: tau=5, w=[1,2].")
@_variables
@click.option("--draws", type=int, help="How many draws; as many as are stored when not given.")
@click.option("--seed", type=int, help="Seed of the draws.")
@click.option(
    "-q", "--quantile", "quantiles", multiple=True, type=float, help="Quantiles instead of draws; repeatable."
)
@click.option("--log-likelihood", is_flag=True, default=None, help="Also the log likelihood of the fit's own data.")
@_output
@with_service
def predict(
    client: Client,
    as_json: bool,
    fit_id: str,
    inputs: tuple[str, ...],
    columns: tuple[tuple[str, list[str]], ...],
    held: tuple[tuple[str, Any], ...],
    output: Path | None,
    **options: Any,
) -> None:
    """Show what the model of FIT predicts: quantiles for people, draws with --json or --output.

    INPUTS are files with other covariates (and sizes); without any, the fit's own are taken.
    """
    fit = client.get(fit_id)
    new = read_fields(inputs, _inputs(client, fit.state.model), dict(columns)) if inputs else None
    asked = given(inputs=new, set=dict(held), **options)
    if as_json or output is not None:
        _put(lambda path: fit.save_posterior_predictive(path, **asked), output)
        return
    if asked.get("log_likelihood"):
        raise UnsendableError("--log-likelihood is for --json and --output; there is no table of it.")
    probabilities = asked.pop("quantiles", _SHOWN)
    tables.show(*tables.quantiles(fit.posterior_predictive_arrays(**asked, quantiles=probabilities), probabilities))


@click.command(
    epilog="""\b
Examples:
  tacit posterior fit_01m7... --output posterior.nc
  tacit posterior fit_01m7... --var mu --draws 100 --json
"""
)
@click.argument("fit_id", metavar="FIT", type=FitId())
@_variables
@click.option("--draws", type=int, help="How many draws; all that are stored when not given.")
@click.option("--offset", type=int, help="How many to leave out at the beginning.")
@_output
@with_service
def posterior(client: Client, as_json: bool, fit_id: str, output: Path | None, **options: Any) -> None:
    """Show the posterior of FIT: a summary for people, draws with --json or --output."""
    fit = client.get(fit_id)
    asked = given(**options)
    if as_json or output is not None:
        _put(lambda path: fit.save_posterior(path, **asked), output)
        return
    summary = fit.summary()
    chosen = asked.pop("vars", tuple(summary.vars))
    unknown = [name for name in chosen if name not in summary.vars]
    if asked or unknown:
        raise UnsendableError(
            f"There is no variable {unknown[0]!r}; there is {', '.join(summary.vars)}."
            if unknown
            else "--draws and --offset are for --json and --output; the summary is of all draws."
        )
    tables.show(*tables.summary(summary.model_copy(update={"vars": {name: summary.vars[name] for name in chosen}})))


def _inputs(client: Client, model: str) -> dict[str, ModelField]:
    """What a prediction takes, by name."""
    return {each.name: each for each in client.model(model).inputs}


def _put(save: Callable[[Path], None], output: Path | None) -> None:
    """Draws into a file, or as JSON on stdout."""
    if output is not None:
        save(output)
        click.echo(f"Saved as {output}.", err=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "draws.json")
        save(path)
        click.echo(path.read_bytes())
