"""What the commands share: options, and errors in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from tacit.errors import TacitError
from tacit.settings import Settings


def read_settings(**given: Any) -> Settings:
    """The settings of the environment, with what was given on the command line."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise click.ClickException(f"setting {where}: {first['msg']}") from error


@contextmanager
def errors_said() -> Iterator[None]:
    """Show what is raised on purpose as a sentence."""
    try:
        yield
    except TacitError as error:
        raise click.ClickException(str(error)) from error


def with_data_dir(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that says where the data is."""
    option = click.option(
        "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Folder for all data.  [TACIT_DATA_DIR]"
    )
    return option(command)
