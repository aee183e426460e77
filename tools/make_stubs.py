"""Writes `tacit/ppl/distributions.pyi`: the generated constructors as editors and type checkers want to see them.

python tools/make_stubs.py            # write
python tools/make_stubs.py --check    # exit with 1 if the file is not current
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import numpyro.distributions as numpyro_distributions

from tacit.ppl import distributions
from tacit.ppl.constructors import KEYWORDS

PATH = Path(__file__).resolve().parent.parent / "tacit" / "ppl" / "distributions.pyi"

HEADER = '''\
"""One random-variable constructor for every public distribution of NumPyro. Written by tools/make_stubs.py."""

from collections.abc import Callable
from typing import Any

import jax
from jax.typing import ArrayLike
from numpyro.distributions import Distribution, constraints

from tacit.ppl.random_variable import Plate, RandomVariable

_Parameter = ArrayLike | RandomVariable
'''

SHARED = """\
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
"""


def stub() -> str:
    """The text of the stub."""
    functions = "\n".join(constructor(name) for name in distributions.__all__)
    names = "".join(f'    "{name}",\n' for name in distributions.__all__)
    return f"{HEADER}\n__all__ = [  # noqa: RUF022 (NumPyro's order)\n{names}]\n\n{functions}".rstrip() + "\n"


def constructor(name: str) -> str:
    """One constructor: the parameters of the law, the shared keywords, the first line of documentation."""
    law = getattr(numpyro_distributions, name)
    lines = "".join(f"    {line},\n" for line in parameters(law))
    summary = f"A random variable that follows `numpyro.distributions.{name}`."
    return f'def {name}(\n{lines}{SHARED}) -> RandomVariable:\n    """{summary}"""\n'


def parameters(law: Any) -> Iterator[str]:
    """The parameters of a law, and the star that makes what follows keyword-only."""
    starred = False
    for parameter in inspect.signature(law).parameters.values():
        assert parameter.name not in KEYWORDS, (law, parameter)
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        optional = "" if parameter.default is parameter.empty else " = ..."
        yield f"{parameter.name}: {annotation(parameter)}{optional}"
    if not starred:
        yield "*"


def annotation(parameter: inspect.Parameter) -> str:
    """NumPyro's annotation in the words of the stub; random variables stand wherever arrays do."""
    if parameter.name == "validate_args":
        return "bool | None"
    found = parameter.annotation
    text = found if isinstance(found, str) else " ".join(_names(found))
    none = " | None" if "None" in text or "Optional" in text else ""
    for sign, type_name in (("Distribution", "Distribution"), ("Constraint", "constraints.Constraint")):
        if sign in text and "list" not in text:
            return type_name + none
    if "Callable" in text:
        return "Callable[..., Any]"
    if text.startswith("tuple"):
        return "tuple[int, ...]"
    if text.split() and text.split()[0] in ("int", "bool"):
        return text.split()[0] + none
    return "_Parameter" + none if "Array" in text else "Any"


def _names(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _names(part)
    else:
        yield getattr(annotation, "__name__", str(annotation)) if get_origin(annotation) is None else str(annotation)


def main() -> None:
    if "--check" in sys.argv[1:]:
        sys.exit(0 if PATH.exists() and PATH.read_text() == stub() else f"{PATH.name} is stale: run {__file__}")
    PATH.write_text(stub())


if __name__ == "__main__":
    main()
