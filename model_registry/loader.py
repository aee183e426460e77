"""Finds the models that can be served: those of this package, and those of the folders a user names."""

import hashlib
import importlib
import logging
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType, ModuleType

from model_registry.specification import Model
from tacit.errors import ModelLoadError, NotFoundError

logger = logging.getLogger(__name__)

BUILT_IN = Path(__file__).parent / "models"


@dataclass(frozen=True)
class LoadProblem:
    """A model file (or folder) that is not served, and why."""

    path: Path
    detail: str


@dataclass(frozen=True, eq=False)
class Registry:
    """The models that can be served, by name, and what could not be loaded."""

    models: Mapping[str, Model]
    problems: tuple[LoadProblem, ...] = ()

    def get(self, reference: str) -> Model:
        """The model of a name, or of "name@version".

        Raises:
          NotFoundError: there is no such model or version; names those that come near.
        """
        name, at_sign, version = reference.partition("@")
        model = self.models.get(name)
        if model is None:
            near = get_close_matches(name.lower(), list(self.models), n=3) or sorted(self.models)
            raise NotFoundError(f"there is no model {name[:80]!r}; there is {', '.join(near) or 'none at all'}.")
        if at_sign and version != model.version:
            raise NotFoundError(f"model {name!r} has no version {version[:80]!r}; there is {name}@{model.version}.")
        return model


def load_registry(paths: Iterable[str | Path] = ()) -> Registry:
    """Loads the built-in models, then every `*.py` file of the folders `paths`, in order of name.

    A file that cannot be served is logged, becomes a `LoadProblem`, and does not stop the rest. Files whose name begins
    with an underscore are left alone. Model files are code: whoever can write to these folders can run anything.

    Args:
      paths: folders of model files; each file has a module-level `model = Model(...)`.
    """
    models: dict[str, Model] = {}
    origins: dict[str, Path] = {}
    problems: list[LoadProblem] = []
    for folder in (BUILT_IN, *map(Path, paths)):
        if not folder.is_dir():
            problems.append(LoadProblem(folder, "there is no such folder; create it or take it off the path."))
        for path in sorted(folder.glob("[!_]*.py")):
            try:
                model = _load(path)
                if model.name in models:
                    raise ModelLoadError(f"{origins[model.name]} already defines {model.name!r}; rename this one.")
            except ModelLoadError as error:
                problems.append(LoadProblem(path, str(error)))
                continue
            models[model.name], origins[model.name] = model, path
    for problem in problems:
        logger.warning("not served: %s: %s", problem.path, problem.detail)
    return Registry(MappingProxyType(models), tuple(problems))


def _load(path: Path) -> Model:
    """The checked model of one file.

    Raises:
      ModelLoadError: whatever is wrong with it.
    """
    model = read_model(path)
    with _errors_of(path):
        model.check()
    return model


def read_model(path: Path) -> Model:
    """The model of one file, not yet checked.

    Raises:
      ModelLoadError: the file does not run, or has no model.
    """
    with _errors_of(path):
        source = path.read_text(encoding="utf-8")
        model = getattr(_import(path, source), "model", None)
        if not isinstance(model, Model):
            raise ModelLoadError("the file has no model; write `model = Model(...)` at its top level.")
        return replace(model, source=source)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Whatever a file raises, as a ModelLoadError that says in which line."""
    try:
        yield
    except ModelLoadError as error:
        raise ModelLoadError(with_line(str(error), error, path)) from error
    except (Exception, SystemExit) as error:  # a user's file may raise anything, or try to exit
        raise ModelLoadError(with_line(f"{type(error).__name__}: {error}", error, path)) from error


def _import(path: Path, source: str) -> ModuleType:
    if path.parent == BUILT_IN:
        return importlib.import_module(f"model_registry.models.{path.stem}")
    # Unique per path: two folders may each have a `model.py`, and neither may hide an installed module.
    name = f"tacit_user_model_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        # Not through importlib's finder: what is run is exactly the text that is hashed, and no .pyc is left behind.
        exec(compile(source, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def with_line(detail: str, error: BaseException, path: Path) -> str:
    """`detail`, after the line of the file where it (or what caused it) went wrong, if it did there."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {detail}"
    cause: BaseException | None = error
    while cause is not None:
        lines = [frame.lineno for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == str(path)]
        if lines:
            return f"line {lines[-1]}: {detail}"
        cause = cause.__cause__
    return detail
