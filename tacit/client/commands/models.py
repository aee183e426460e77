"""Commands about models: `tacit models`."""

import json

import click

from tacit.client.commands import tables
from tacit.client.commands.service import ModelName, with_service
from tacit.client.synchronous import Client


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
