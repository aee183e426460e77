"""What the commands share: options, and errors in words."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from tacit.errors import TacitError
from tacit.settings import Settings, mistaken


def read_settings(**given: Any) -> Settings:
    """The settings of the environment, with what was given on the command line.

    Raises:
        click.ClickException: One makes no sense; or a variable is named like a setting and is none, and whoever set it
            would believe that it counts.
    """
    unknown = [
        f"{name} is no setting{f' (did you mean {near}?)' if near else ''}"
        for name, near in mistaken(os.environ).items()
    ]
    if unknown:
        raise click.ClickException(f"environment: {'; '.join(unknown)}. Unset what is not meant for Tacit.")
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
