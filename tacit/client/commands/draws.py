"""Commands that read what fits found and models predict: `tacit predict`, `tacit prior`, `tacit posterior`."""

import functools
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from tacit.client.answers import ModelDetail
from tacit.client.commands import tables
from tacit.client.commands.data_files import read_fields
from tacit.client.commands.service import FitId, ModelName, shows_unconverged, with_service
from tacit.client.commands.values import Assignment, Columns, given
from tacit.client.errors import UnsendableError
from tacit.client.synchronous import Client

_SHOWN = (0.05, 0.5, 0.95)

_output = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Save into a file: .nc (ArviZ), .npz, .arrow or .json."
)
_variables = click.option("--var", "vars", multiple=True, help="Only this variable; may be repeated.")
# What is predicted, and from which covariates; the first is shown first.
_PREDICTING = (
    click.argument("inputs", nargs=-1, type=click.Path(allow_dash=True)),
    click.option(
        "-c", "--columns", multiple=True, type=Columns(), help="Which columns of a CSV file an input consists of."
    ),
    click.option("--set", "held", multiple=True, type=Assignment(), help="Hold a variable at a value: tau=5, w=[1,2]."),
    _variables,
    click.option("--draws", type=int, help="How many draws; as many as a fit stores when not given."),
    click.option("--seed", type=int, help="Seed of the draws."),
    click.option(
        "-q", "--quantile", "quantiles", multiple=True, type=float, help="Quantiles instead of draws; repeatable."
    ),
)


def _predicting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a prediction."""
    return functools.reduce(lambda inner, option: option(inner), reversed(_PREDICTING), command)


@click.command(
    epilog="""\b
Examples:
  tacit predict fit_01m7...
  tacit predict fit_01m7... new.csv --set tau=5 --var theta --var y
  echo '{"sigma": [10, 10]}' | tacit predict fit_01m7... - --output predicted.nc
"""
)
@click.argument("fit_id", metavar="FIT", type=FitId())
@_predicting
@click.option("--log-likelihood", is_flag=True, default=None, help="Also the log likelihood of the fit's own data.")
@shows_unconverged
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
    new = _read_inputs(client.model(fit.state.model), inputs, columns) if inputs else None
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
  tacit prior eight-schools --example
  tacit prior eight-schools schools.csv --set tau=5 --var theta --var y
  echo '{"N": 20}' | tacit prior poisson-rate - --output prior.nc
"""
)
@click.argument("model", type=ModelName())
@_predicting
@click.option("--example", is_flag=True, help="Take the covariates and sizes of the model's own example.")
@_output
@with_service
def prior(
    client: Client,
    as_json: bool,
    model: str,
    inputs: tuple[str, ...],
    columns: tuple[tuple[str, list[str]], ...],
    held: tuple[tuple[str, Any], ...],
    example: bool,
    output: Path | None,
    **options: Any,
) -> None:
    """Show what MODEL predicts before it has seen data: quantiles for people, draws with --json or --output.

    INPUTS are files with what the model is given: covariates, and sizes that it takes by their name.
    """
    if inputs and example:
        raise click.UsageError("Give files of inputs (`-` for standard input), or --example.")
    detail = client.model(model)
    given_to = detail.example_inputs if example else _read_inputs(detail, inputs, columns)
    asked = given(inputs=given_to, set=dict(held), **options)
    if as_json or output is not None:
        _put(lambda path: client.save_prior_predictive(path, model, **asked), output)
        return
    probabilities = asked.pop("quantiles", _SHOWN)
    found = client.prior_predictive_arrays(model, **asked, quantiles=probabilities)
    tables.show(*tables.quantiles(found, probabilities))


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
@shows_unconverged
@_output
@with_service
def posterior(client: Client, as_json: bool, fit_id: str, output: Path | None, **options: Any) -> None:
    """Show the posterior of FIT: a summary for people, draws with --json or --output."""
    fit = client.get(fit_id)
    asked = given(**options)
    if as_json or output is not None:
        _put(lambda path: fit.save_posterior(path, **asked), output)
        return
    summary = fit.summary(unconverged=asked.pop("unconverged", False))
    chosen = asked.pop("vars", tuple(summary.vars))
    unknown = [name for name in chosen if name not in summary.vars]
    if asked or unknown:
        raise UnsendableError(
            f"There is no variable {unknown[0]!r}; there is {', '.join(summary.vars)}."
            if unknown
            else "--draws and --offset are for --json and --output; the summary is of all draws."
        )
    tables.show(*tables.summary(summary.model_copy(update={"vars": {name: summary.vars[name] for name in chosen}})))


def _read_inputs(model: ModelDetail, files: Sequence[str], columns: Iterable[tuple[str, list[str]]]) -> dict[str, Any]:
    """What a prediction is given, by name."""
    return read_fields(files, {each.name: each for each in model.inputs}, dict(columns))


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
