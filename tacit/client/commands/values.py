"""Options of the form NAME=VALUE."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click


class Assignment(click.ParamType[tuple[str, Any]]):
    """`name=value`; the value is JSON, or else text: steps=2000, tau=5, w=[1,2], family=flow."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        name, sign, text = str(value).partition("=")
        if not sign or not name.strip():
            self.fail(f"{value!r} is not of the form name=value.", param, ctx)
        try:
            return name.strip(), json.loads(text)
        except ValueError:
            return name.strip(), text


class Columns(click.ParamType[tuple[str, list[str]]]):
    """`field=column,column`: the columns of a table that a field consists of."""

    name = "field=columns"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, list[str]]:
        field, sign, text = str(value).partition("=")
        names = [name.strip() for name in text.split(",")]
        if not sign or not field.strip() or not all(names):
            self.fail(f"{value!r} is not of the form field=column,column.", param, ctx)
        return field.strip(), names


def nested(assignments: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Options by name; `gen_optimizer.name` is the member `name` of `gen_optimizer`.

    Raises:
        click.UsageError: One is given as a value and as an object.
    """
    found: dict[str, Any] = {}
    for name, value in assignments:
        *path, last = name.split(".")
        inner = found
        for step in path:
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                raise click.UsageError(f"{name}: {step} has a value of its own already.")
        inner[last] = value
    return found


def given(**options: Any) -> dict[str, Any]:
    """Those options that were given."""
    return {name: value for name, value in options.items() if value is not None and not _empty(value)}


def _empty(value: Any) -> bool:
    return isinstance(value, Sequence | dict) and not isinstance(value, str) and not value
