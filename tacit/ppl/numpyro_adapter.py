"""NumPyro models as programs: written with `numpyro.sample` and `numpyro.plate`, run on our interception stack.

| in NumPyro | in Tacit |
|---|---|
| `sample(name, law)` | a random variable that follows `law`, in the plates around it |
| `sample(name, law, obs=...)` | the same with its value set; a setter outside may still replace it |
| `deterministic`, `param` | `Deterministic`; a param stands at its initial value unless a setter gives another |
| `factor` | a random variable that follows `Unit`: its log density is the factor |
| `plate`, `plate_stack` | `plate`; subsampling is refused |
| `handlers.mask`, `scale`, `reparam`, `condition`, `scope`, ... inside the model | as in NumPyro |
| `contrib.control_flow.scan` and `cond`, `mutable`, network modules | refused, saying what to write instead |

NumPyro keeps its stack of handlers in one global list, so programs made here run one at a time, whatever the thread;
what JAX has compiled runs freely. NumPyro handlers around the program are not seen by it.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.primitives import CondIndepStackFrame, Messenger

from tacit.errors import InvalidValueError, ProgramError
from tacit.ppl.constructors import Deterministic, from_distribution
from tacit.ppl.interception import interceptable
from tacit.ppl.plates import active_plates
from tacit.ppl.random_variable import Plate, RandomVariable
from tacit.ppl.values import check_support

_one_at_a_time = threading.RLock()


def from_numpyro(model: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a program of a NumPyro model; it takes what the model takes, and returns what it returns.

    Args:
      model: a function of NumPyro primitives.

    >>> import numpyro
    >>> from tacit.ppl import from_numpyro, make_log_joint_fn, seed, tape
    >>> def model(x):
    ...     slope = numpyro.sample("slope", dist.Normal(0.0, 1.0))
    ...     with numpyro.plate("N", len(x)):
    ...         numpyro.sample("y", dist.Normal(slope * x, 0.5))
    >>> program = from_numpyro(model)
    >>> with seed(jax.random.key(0)), tape() as trace:
    ...     program(jnp.arange(3.0))
    >>> trace["y"].shape, trace["y"].plates
    ((3,), (Plate(name='N', size=3, dim=-1),))
    >>> make_log_joint_fn(program)(jnp.arange(3.0), slope=0.5, y=jnp.zeros(3)).shape
    ()
    """

    @functools.wraps(model)
    def program(*args: Any, **kwargs: Any) -> Any:
        with _one_at_a_time, _Bridge():
            return model(*args, **kwargs)

    return program


class _Bridge(Messenger):
    """Turns each message of the model into a call on our stack. Its handlers have acted on the message already."""

    def process_message(self, msg: dict[str, Any]) -> None:
        handle = _HANDLERS.get(msg["type"])
        if handle is None:
            raise ProgramError(_REFUSALS.get(msg["type"], "a {type} site is not supported in a program.").format(**msg))
        handle(msg)
        msg["stop"] = True  # handlers further out are none of the program's


class _Scaled(dist.Distribution):
    """A law whose log density is multiplied by a factor."""

    pytree_data_fields = ("base_dist", "scale")

    def __init__(self, base_dist: dist.Distribution, scale: Any) -> None:
        self.base_dist = base_dist
        self.scale = scale
        super().__init__(base_dist.batch_shape, base_dist.event_shape)

    @property
    def support(self) -> Any:
        return self.base_dist.support

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        return self.base_dist.sample(key, sample_shape)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        del intermediates
        return self.scale * self.base_dist.log_prob(value)


def _sample(msg: dict[str, Any]) -> None:
    law, value, name = msg["fn"], msg["value"], msg["name"]
    sample_shape = msg["kwargs"].get("sample_shape", ())
    if value is not None:
        law, value = _fitted(law, value, name)
        sample_shape = ()
    if msg.get("scale") is not None:
        law = _Scaled(law, msg["scale"])
    key, plates = msg["kwargs"].get("rng_key"), _plates(msg)
    rv = from_distribution(law, name=name, sample_shape=sample_shape, value=value, key=key, plates=plates)
    _take(rv, msg)


def _fitted(law: dist.Distribution, value: Any, name: str) -> tuple[dist.Distribution, jax.Array]:
    """NumPyro broadcasts a law and its observed value against each other, and takes 1.0 for 1."""
    value = jnp.asarray(value)
    try:
        batch = jnp.broadcast_shapes(value.shape[: value.ndim - law.event_dim], law.batch_shape)
        value = jnp.broadcast_to(value, batch + law.event_shape)
    except ValueError as error:
        expected = law.shape()
        raise InvalidValueError(f"{name!r} was given a value of shape {value.shape}; expected {expected}.") from error
    if law.support is not None and law.is_discrete and jnp.issubdtype(value.dtype, jnp.floating):
        check_support(value, law.support, name)
        value = value.astype(jnp.result_type(int))
    return (law if batch == law.batch_shape else law.expand(batch)), value


def _deterministic(msg: dict[str, Any]) -> None:
    _take(Deterministic(_array(msg["value"], msg), name=msg["name"], plates=_plates(msg)), msg)


def _param(msg: dict[str, Any]) -> None:
    initial = msg["value"] if msg["value"] is not None else msg["fn"](*msg["args"], **msg["kwargs"])
    _take(Deterministic(_array(initial, msg), name=msg["name"]), msg)
    check_support(msg["value"], msg["kwargs"].get("constraint"), msg["name"])


def _plate(msg: dict[str, Any]) -> None:
    size, subsample_size = msg["args"]
    if msg["value"] is None:
        raise ProgramError(
            f"plate {msg['name']!r} takes {subsample_size} of {size} points: a program runs on the points it is given. "
            "Leave subsample_size out and pass fewer points."
        )
    # The plates of ours around the program hold their axes.
    msg["cond_indep_stack"] += [CondIndepStackFrame(p.name, p.dim, p.size) for p in active_plates()]


def _prng_key(msg: dict[str, Any]) -> None:
    if msg["kwargs"].get("rng_key") is None:
        msg["value"] = _fresh_key(name="numpyro.prng_key")


@interceptable
def _fresh_key(*, key: jax.Array | None = None, **_: Any) -> jax.Array:
    if key is None:
        raise ProgramError("the model asks for numpyro.prng_key(): run it inside `with seed(jax.random.key(...)):`.")
    return key


def _pass(msg: dict[str, Any]) -> None:
    """What needs nothing of us: NumPyro's default is right."""


def _take(rv: Any, msg: dict[str, Any]) -> None:
    """The model goes on with a plain array: NumPyro models index and compute with `jax.lax` freely."""
    msg["value"] = rv.value if isinstance(rv, RandomVariable) else rv


def _array(value: Any, msg: dict[str, Any]) -> jax.Array:
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise ProgramError(
            f"{msg['type']} {msg['name']!r} holds {type(value).__name__}, no array: give each array a site of its own."
        ) from error


def _plates(msg: dict[str, Any]) -> tuple[Plate, ...]:
    return tuple(Plate(frame.name, frame.size, frame.dim) for frame in reversed(msg["cond_indep_stack"]))


_HANDLERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "sample": _sample,
    "deterministic": _deterministic,
    "param": _param,
    "plate": _plate,
    "prng_key": _prng_key,
    "subsample": _pass,
    "inspect": _pass,
}
_REFUSALS = {
    "control_flow": (
        "numpyro.contrib.control_flow is not supported: a variable inside a scan cannot be set from outside. Write the "
        "series as one variable (GaussianRandomWalk, GaussianStateSpace, or innovations accumulated by jnp.cumsum or "
        "jax.lax.scan), or as a Python loop with a name per step."
    ),
    "mutable": "mutable {name!r} is not supported: a program has no state; pass it in and return it.",
}
