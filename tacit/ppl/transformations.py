"""Program transformations: `tape`, `make_value_setter`, `make_log_joint_fn`."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from typing import Any

import jax
import jax.numpy as jnp

from tacit.errors import (
    DuplicateNameError,
    MissingKeyError,
    MissingValueError,
    ProgramError,
    UnknownVariableError,
)
from tacit.ppl.interception import Interceptor, interceptable, interception
from tacit.ppl.random_variable import RandomVariable


@contextmanager
def tape() -> Iterator[dict[str, RandomVariable]]:
    """Records the random variables of the block, `{name: random variable}` in the order they were made.

    `.is_set` tells what was given from what was sampled.

    Raises:
      DuplicateNameError: two variables of the block share a name.

    >>> from tacit.ppl import Normal, make_value_setter, seed
    >>> def model():
    ...     z = Normal(0.0, 1.0, name="z")
    ...     Normal(z, 1.0, name="x")
    >>> with seed(jax.random.key(0)), tape() as trace:
    ...     with make_value_setter(x=0.5):
    ...         model()
    >>> [(name, rv.is_set) for name, rv in trace.items()]
    [('z', False), ('x', True)]
    """
    recorded: dict[str, RandomVariable] = {}

    def record(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        output = interceptable(f)(*args, **kwargs)
        if isinstance(output, RandomVariable):
            refuse_duplicate(output.name, recorded)
            recorded[output.name] = output
        return output

    with interception(record):
        yield recorded


_entered: ContextVar[tuple[AbstractContextManager[None], ...]] = ContextVar("tacit_entered_setters", default=())


class ValueSetter:
    """The interceptor `make_value_setter` returns; also a context manager that intercepts with itself.

    It changes nothing of its own, so one setter serves many blocks, threads and tasks at once.
    """

    def __init__(self, values: Mapping[str, Any], *, strict: bool = True) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}
        self.strict = strict

    def __call__(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("name") in self.values:
            kwargs["value"] = self.values[kwargs["name"]]
        return interceptable(f)(*args, **kwargs)

    def begin(self) -> tuple[Interceptor, Callable[[], None]]:
        seen: dict[str, None] = {}

        def set_values(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            seen[kwargs.get("name") or ""] = None
            return self(f, *args, **kwargs)

        def finish() -> None:
            if self.strict:
                _refuse_unknown([name for name in self.values if name not in seen], seen)

        return set_values, finish

    def lenient(self) -> "ValueSetter":
        """The same setter, that lets values pass whose variable the program does not have."""
        return ValueSetter(self.values, strict=False)

    def __enter__(self) -> "ValueSetter":
        block = interception(self)
        block.__enter__()
        _entered.set((*_entered.get(), block))
        return self

    def __exit__(self, *exc_info: Any) -> bool | None:
        *others, block = _entered.get()
        _entered.set(tuple(others))
        return block.__exit__(*exc_info)


def make_value_setter(values: Mapping[str, Any] | None = None, /, **model_kwargs: Any) -> ValueSetter:
    """Makes an interceptor that sets the values of random variables: to condition on data, to replay, to intervene.

    Variables without a value here keep their meaning (a draw given their parents).

    Args:
      values: `{name: value}`, for names that are not Python identifiers.
      **model_kwargs: values by the variable's name; arrays or random variables. None leaves the variable as it is.

    Returns:
      An interceptor: `with interception(make_value_setter(...)):`, or shorter `with make_value_setter(...):`.
      The block raises `UnknownVariableError` at its end where the program has no such variable;
      `make_value_setter(...).lenient()` does not mind. Where several setters have a value, the outermost wins.

    The model and variational program of the examples below:

    >>> import jax, jax.numpy as jnp
    >>> from tacit.ppl import Normal, Poisson, interception, make_log_joint_fn, make_value_setter, seed, tape
    >>> num_observations = 10
    >>> def model():
    ...     z = Normal(loc=0.0, scale=1.0, name="z")  # log rate
    ...     x = Poisson(rate=jnp.exp(z) * jnp.ones(num_observations), name="x")
    ...     return x
    >>> def variational_model():
    ...     return Normal(loc=0.0, scale=jax.nn.softplus(-4.0), name="z")  # for simplicity, match name of the model RV

    Condition the model on observed data, and form the variational lower bound E_q[log p(x, z) - log q(z)]:

    >>> x_observed = jnp.array([6, 3, 1, 8, 7, 0, 6, 4, 7, 5])
    >>> def observed_model():
    ...     with interception(make_value_setter(x=x_observed)):
    ...         model()
    >>> observed_log_joint_fn = make_log_joint_fn(observed_model)
    >>> variational_log_joint_fn = make_log_joint_fn(variational_model)
    >>> with seed(jax.random.key(0)), tape() as variational_sample:  # sample trace from the variational model
    ...     _ = variational_model()
    >>> elbo_loss = -(observed_log_joint_fn(**variational_sample) - variational_log_joint_fn(**variational_sample))
    >>> elbo_loss.shape
    ()

    Sample the posterior predictive distribution:

    >>> with seed(jax.random.key(1)):
    ...     with tape() as posterior_samples:  # tape is a map {rv.name: rv}
    ...         _ = variational_model()
    ...     with interception(make_value_setter(**posterior_samples)):
    ...         x = model()
    >>> x.shape  # a sample from p(X | Z = z') where z' ~ q(z)
    (10,)

    A log joint is a value setter inside a tape:

    >>> def make_log_joint_fn_demo(model):
    ...     def log_joint_fn(**model_kwargs):
    ...         with tape() as model_tape:
    ...             with make_value_setter(**model_kwargs):
    ...                 model()
    ...         # accumulate sum_i log p(X_i = x_i | X_{:i-1} = x_{:i-1})
    ...         log_prob = 0.0
    ...         for rv in model_tape.values():
    ...             log_prob += jnp.sum(rv.log_prob(rv.value))
    ...         return log_prob
    ...     return log_joint_fn
    >>> demo = make_log_joint_fn_demo(model)(z=0.5, x=x_observed)
    >>> bool(jnp.isclose(demo, make_log_joint_fn(model)(z=0.5, x=x_observed)))
    True
    """
    return ValueSetter({**(values or {}), **model_kwargs})


class LogJoint:
    """What `make_log_joint_fn` returns: call it for the total, `terms` for each variable's share."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self._model = model
        self._signature = inspect.signature(model)

    def __call__(self, /, *args: Any, **kwargs: Any) -> jax.Array:
        terms = self.terms(*args, **kwargs)
        return functools.reduce(jnp.add, terms.values()) if terms else jnp.zeros(())

    def terms(self, /, *args: Any, **kwargs: Any) -> dict[str, jax.Array]:
        """Log density of each random variable, summed over its elements, `{name: scalar}`."""
        names = self._input_names(args)
        inputs = {k: v for k, v in kwargs.items() if k in names}
        values = {k: v for k, v in kwargs.items() if k not in names}
        recorded: dict[str, RandomVariable] = {}

        def score(f: Callable[..., Any], *f_args: Any, **f_kwargs: Any) -> Any:
            name = f_kwargs.get("name")
            if name in inputs and f_kwargs.get("value") is None:  # else the program observes its input
                raise ProgramError(f"{name!r} is both an input of the program and a random variable: rename one.")
            if values.get(name) is not None:
                f_kwargs["value"] = values[name]
            rv = _with_value(f, f_args, f_kwargs, name)
            if isinstance(rv, RandomVariable):
                refuse_duplicate(rv.name, recorded)
                recorded[rv.name] = rv
            return rv

        with interception(score):
            self._model(*args, **inputs)
        _refuse_unknown([name for name in values if name not in recorded], recorded, inputs=names)
        return {name: jnp.sum(rv.log_prob()) for name, rv in recorded.items() if rv.kind != "deterministic"}

    def _input_names(self, args: tuple[Any, ...]) -> list[str]:
        """The parameters of the program that keywords can still fill."""
        taken = self._signature.bind_partial(*args).arguments
        by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return [k for k, p in self._signature.parameters.items() if p.kind in by_keyword and k not in taken]


def make_log_joint_fn(model: Callable[..., Any]) -> LogJoint:
    """Makes log p(variables | inputs) of a program.

    Args:
      model: a program; positional or keyword inputs.

    Returns:
      A function of the program's inputs and of one keyword per random variable, returning the log joint density, a
      scalar. Variables that an interceptor in or around the program sets need no keyword; if they are given one, it
      wins. Its `.terms(...)` takes the same and returns the terms per variable. A keyword is an input if the program
      has a parameter of that name that no positional argument fills, else a variable.

    Raises (when called):
      MissingValueError: a variable has no value.
      UnknownVariableError: a keyword is neither input nor variable.
      NoDensityError: a variable is implicit.

    >>> from tacit.ppl import Normal
    >>> def model(covariate):
    ...     w = Normal(0.0, 1.0, name="w")
    ...     Normal(w * covariate, 1.0, name="y")
    >>> log_joint = make_log_joint_fn(model)
    >>> terms = log_joint.terms(covariate=2.0, w=0.5, y=1.0)
    >>> list(terms), bool(log_joint(2.0, w=0.5, y=1.0) == sum(terms.values()))
    (['w', 'y'], True)
    """
    return LogJoint(model)


def _with_value(f: Callable[..., Any], args: Any, kwargs: Any, name: Any) -> Any:
    """The random variable, which must not have been sampled: a log joint is a function of its arguments."""
    missing = MissingValueError(
        f"the log joint needs a value for {name!r}: pass {name}=..., or set it inside the program."
    )
    try:
        rv = interceptable(f)(*args, **kwargs)
    except MissingKeyError:
        raise missing from None
    if isinstance(rv, RandomVariable) and rv.kind != "deterministic" and not rv.is_set:
        raise missing
    return rv


def refuse_duplicate(name: str, recorded: Mapping[str, Any]) -> None:
    """Raises `DuplicateNameError` if `name` was recorded already."""
    if name in recorded:
        raise DuplicateNameError(f"two random variables of one run are named {name!r}: names must be unique.")


def _refuse_unknown(unknown: list[str], known: Mapping[str, Any], *, inputs: list[str] | None = None) -> None:
    if not unknown:
        return
    candidates = [*known, *(inputs or ())]
    near = get_close_matches(unknown[0], candidates, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    others = f", and the inputs {', '.join(map(repr, inputs))}" if inputs else ""
    raise UnknownVariableError(
        f"the program has no random variable {', '.join(map(repr, unknown))}; it has "
        f"{', '.join(map(repr, known)) or 'none'}{others}.{hint}"
    )
