"""What a model is: a program, the data it takes, and the words that go with it.

A model file exposes `model = Model(...)`; `model_registry/models/` has some to copy. The names tie data and program:

- a field named like a parameter of the program is an *input* (a covariate) and is given to it;
- a parameter named like a dimension symbol ("N") is given that size, a plain int;
- every other field names a random variable of the program: it is *observed*;
- every other random variable is inferred, or computed (`Deterministic`).

Write `with plate("N", N):` around what is independent for each data point; latents inside it are *local*.
"""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from model_registry import checking, description
from model_registry.discovery import Variable, dimension_symbols, discover, parameters
from model_registry.fields import Field
from model_registry.parsing import at
from model_registry.resolution import Dataset, resolve
from tacit.errors import FieldError, InvalidInputError, ModelLoadError
from tacit.inference.problem import Problem

__all__ = ["Field", "Model"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Model:
    """A model that can be fitted over HTTP. Making one costs nothing; `check` says whether it can be served.

    Args:
      name: lower-case words joined by hyphens, as in a URL.
      title, description: for the people who choose a model.
      program: a function that makes random variables (`tacit.ppl`).
      data: the fields a user sends, by name.
      example: data that fit, runnable as they are.
      version: change it when what the model means changes; fits of another version are never reused.
      defaults: inference options that differ from the service's own for this model.
      references: where model and data come from.
      source: the text of the file that defines the model. The loader fills it in; by default, the program's file.
    """

    name: str
    title: str
    description: str
    program: Callable[..., Any]
    data: Mapping[str, Field]
    example: Mapping[str, Any]
    version: str = "1"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    source: str | None = field(default=None, repr=False)

    def check(self) -> None:
        """Finds out what the program contains and whether all of the model fits together.

        Raises:
          ModelLoadError: with a sentence that says what to change.
        """
        checking.check(self)

    def resolve(self, data: Any, *, pointer: str = "/data") -> Dataset:
        """What a user sent, as arrays of the right types and shapes.

        Args:
          data: by field: a number, a nested list, a NumPy array, or `{"dtype", "shape", "data_b64"}`; None or nan for a
            number that is missing, where that may be.
          pointer: where `data` stands in the request.

        Raises:
          InvalidInputError: with one entry for each thing that is wrong.
        """
        dataset = resolve(self.data, data, pointer=pointer)
        if all(name in dataset.missing and dataset.missing[name].all() for name in self.observed):
            detail = (
                f"all of {', '.join(self.observed)} is missing; send at least one number that was observed, or draw "
                "from the prior predictive, which needs none."
            )
            raise InvalidInputError([FieldError(at(pointer, self.observed[0]), detail)])
        return dataset

    def inputs(self, dataset: Dataset) -> dict[str, np.ndarray | int]:
        """The keyword arguments of the program: covariates and sizes."""
        given = {**dataset.dims, **dataset.arrays}
        return {name: given[name] for name in self.parameters}

    def problem(self, dataset: Dataset) -> Problem:
        """What is to be inferred from these data."""
        return Problem(
            program=self.program,
            inputs=self.inputs(dataset),
            observed={name: dataset.arrays[name] for name in self.observed},
            axes={name: each.shape for name, each in self.data.items()},
            missing=dataset.missing,
        )

    def summary(self) -> dict[str, Any]:
        """The model in a list of models, JSON-able."""
        return description.summary(self)

    def describe(self) -> dict[str, Any]:
        """Everything a user of the model needs to know, JSON-able."""
        return description.describe(self)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the program's parameters."""
        return parameters(self.program)

    @cached_property
    def dims(self) -> tuple[str, ...]:
        """The dimension symbols of the data, in order of appearance."""
        return dimension_symbols(self.data)

    @cached_property
    def covariates(self) -> tuple[str, ...]:
        """The fields given to the program."""
        return tuple(name for name in self.data if name in self.parameters)

    @cached_property
    def observed(self) -> tuple[str, ...]:
        """The fields that are values of random variables of the program."""
        return tuple(name for name in self.data if name not in self.parameters)

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        """The random variables of the program, found by tracing it abstractly.

        Raises:
          ModelLoadError: the program does not run.
        """
        return MappingProxyType(discover(self.program, self.data))

    @cached_property
    def latents(self) -> tuple[str, ...]:
        """The random variables that are inferred."""
        return self._names(lambda variable: variable.kind != "deterministic")

    @cached_property
    def deterministics(self) -> tuple[str, ...]:
        """The named functions of other random variables."""
        return self._names(lambda variable: variable.kind == "deterministic")

    def _names(self, wanted: Callable[[Variable], bool]) -> tuple[str, ...]:
        found = self.variables.items()
        return tuple(name for name, each in found if name not in self.observed and wanted(each))

    @cached_property
    def data_plate(self) -> str | None:
        """The plate along which data points lie: the outermost one of the observed variables."""
        for name in self.observed:
            if self.variables[name].plates:
                return self.variables[name].plates[0]
        return None

    def is_local(self, name: str) -> bool:
        """Whether there is one of this variable for each data point, rather than one for all."""
        return self.data_plate is not None and self.data_plate in self.variables[name].plates

    @cached_property
    def code_hash(self) -> str:
        """SHA-256 over name, version and the text of the defining file. What that file imports is not covered.

        Raises:
          ModelLoadError: the model was defined outside any file.
        """
        parts = (self.name, self.version, self.source if self.source is not None else self._program_file())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _program_file(self) -> str:
        try:
            return Path(inspect.getsourcefile(inspect.unwrap(self.program)) or "").read_text(encoding="utf-8")
        except (TypeError, OSError) as error:
            raise ModelLoadError(
                f"model {self.name}: its program comes from no file, so its code cannot be hashed; define it in one."
            ) from error
