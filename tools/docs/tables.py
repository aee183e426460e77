"""Tables made from the code: settings, inference options, arguments of what a model is written with.

A page that has `<!-- begin settings -->` and `<!-- end settings -->` gets the table between them.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from model_registry import Field, Model
from model_registry.fields import SUPPORTS
from model_registry.models import poisson_rate
from tacit.inference import InferenceOptions
from tacit.inference.optimizers import NATURAL
from tacit.inference.options import OptimizerOptions
from tacit.settings import Settings

_MARK = re.compile(r"(<!-- begin (\w+) -->\n)(.*?)(<!-- end \2 -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Markdown; a bar in a cell would begin another one."""
    lines = [list(head)]
    lines += [["---"] * len(lines[0]), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def settings() -> str:
    """Every setting as its environment variable."""
    rows = []
    for name, each in Settings.model_fields.items():
        variable = each.validation_alias if isinstance(each.validation_alias, str) else f"TACIT_{name.upper()}"
        default = "" if each.default in (None, "", ()) else f"`{_plain(each.default)}`"
        about = each.description or f"One of {', '.join(Settings.model_json_schema()['properties'][name]['enum'])}."
        rows.append((f"`{variable}`", default, about))
    return table(("variable", "default", "meaning"), rows)


def options() -> str:
    """Every inference option."""
    return _schema_table(InferenceOptions.model_json_schema())


def optimizers() -> str:
    """The parts of an optimizer's options."""
    return _schema_table(OptimizerOptions.model_json_schema())


def model_arguments() -> str:
    """What a Model consists of."""
    return _arguments(Model)


def field_arguments() -> str:
    """What a Field consists of."""
    return _arguments(Field)


def supports() -> str:
    """The supports of fields."""
    return table(("`support`", "admits"), [(f"`{name}`", each.words) for name, each in SUPPORTS.items()])


def smallest() -> str:
    """A whole model file."""
    return f'```python title="poisson_rate.py"\n{inspect.getsource(poisson_rate)}```\n'


TABLES: dict[str, Callable[[], str]] = {
    each.__name__: each
    for each in (settings, options, optimizers, model_arguments, field_arguments, supports, smallest)
}


def filled(text: str) -> str:
    """A page with its tables.

    Raises:
      KeyError: it asks for one that there is not.
    """
    return _MARK.sub(lambda mark: f"{mark[1]}\n{TABLES[mark[2]]()}\n{mark[4]}", text)


def arguments(docstring: str) -> list[tuple[str, str]]:
    """The names and words of the section Args."""
    section = re.search(r"^Args:\n((?:  .*\n|\n)+)", inspect.cleandoc(docstring) + "\n", re.MULTILINE)
    assert section is not None, "the docstring has no section Args"
    parts = re.findall(r"^  (\S[^:\n]*): ((?:.*\n?)(?:    .*\n?)*)", section[1], re.MULTILINE)
    return [(names, " ".join(words.split())) for names, words in parts]


def _arguments(kind: type) -> str:
    defaults = {
        name: each.default
        for name, each in inspect.signature(kind).parameters.items()
        if each.default is not each.empty
    }
    rows = []
    for names, words in arguments(kind.__doc__ or ""):
        parts = names.split(", ")
        told = ", ".join(f"`{name}`" for name in parts)
        given = [repr(defaults[name]) for name in parts if name in defaults and isinstance(defaults[name], str | tuple)]
        rows.append((told, f"`{given[0]}`" if given else "", words))
    return table(("argument", "default", "what it is"), rows)


def _schema_table(schema: dict[str, Any]) -> str:
    rows = []
    for name, each in schema["properties"].items():
        default = each.get("default")
        shown = f"`{_plain(default)}`" if default is not None and not isinstance(default, dict) else ""
        if isinstance(default, dict) and default.get("name") in (NATURAL, "adam"):
            shown = f"`{default['name']}`"
        rows.append((f"`{name}`", _values(each), shown, each.get("description", "")))
    return table(("option", "values", "default", "meaning"), rows)


def _values(schema: dict[str, Any]) -> str:
    """What a part of a JSON Schema admits, in words."""
    if "anyOf" in schema:
        return _values(next(each for each in schema["anyOf"] if each.get("type") != "null"))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        return {"OptimizerOptions": "an optimizer", "Start": "`mean`, `covariance`"}[schema["$ref"].rpartition("/")[2]]
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    if low is None:
        return {"boolean": "`true`, `false`", "object": "an object", "string": "a name"}[schema["type"]]
    words = f"above {_plain(low)}, " if "exclusiveMinimum" in schema else f"{_plain(low)} "
    return f"{words}to {_plain(schema['maximum'])}" + (", whole" if schema["type"] == "integer" else "")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)
