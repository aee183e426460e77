"""What is to be predicted, made from what a user sent and checked completely. Uses JAX: call it in a thread."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from app.draws import chosen, refused
from model_registry import Dataset, Field, Model
from model_registry.parsing import MAX_VALUES, at
from model_registry.resolution import resolve
from tacit.errors import FieldError, InvalidInputError, InvalidValueError
from tacit.predictive import Outline, outline

_log = logging.getLogger(__name__)

Array = NDArray[Any]

# Numbers that one draw of all variables may have.
_LARGEST_DRAW = 2**26


@dataclass(frozen=True)
class Prediction:
    """A program with all that it is given, and which of its variables are wanted.

    Attributes:
        inputs: Keywords of the program: arrays and sizes.
        fixed: Variables that are set to one value (an intervention).
        sampled: Variables whose values are draws of a fit.
        outlines: All variables of the program at these inputs.
        variables: The ones that are wanted.
    """

    model: Model
    inputs: Mapping[str, Array | int]
    fixed: Mapping[str, Array]
    sampled: tuple[str, ...]
    outlines: Mapping[str, Outline]
    variables: tuple[str, ...]


def from_fit(
    model: Model,
    dataset: Dataset,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    inputs: Mapping[str, Any],
    pinned: Mapping[str, Any],
    wanted: Sequence[str],
) -> Prediction:
    """A prediction from the draws of a fit.

    At new inputs all data points are new: what is local to a point is drawn given the globals, as the program says. At
    the fit's own, with no `inputs`, it is what the fit has found.

    Args:
        dataset: The fit's own data.
        shapes: Of one stored draw of each variable.

    Raises:
        InvalidInputError: With one entry for each thing that is wrong.
    """
    given = _new_inputs(model, inputs, dataset) if inputs else model.inputs(dataset)
    sampled = [name for name in model.latents if name not in pinned and not (inputs and model.is_local(name))]
    outlines = look(model, given)
    errors = [
        error
        for name in sampled
        for error in _unsuited(model, name, inputs, fitted=shapes[name], now=outlines[name].shape)
    ]
    if errors:
        raise InvalidInputError(errors)
    return _prediction(model, given, outlines, pinned, tuple(sampled), wanted)


def from_prior(
    model: Model, *, inputs: Mapping[str, Any], pinned: Mapping[str, Any], wanted: Sequence[str]
) -> Prediction:
    """A prediction with no fit: everything is drawn as the program says. Errors as `from_fit`."""
    given = _new_inputs(model, inputs, None)
    return _prediction(model, given, look(model, given), pinned, (), wanted)


def look(
    model: Model, inputs: Mapping[str, Any], fixed: Mapping[str, Array] | None = None, *, pointer: str = "/inputs"
) -> dict[str, Outline]:
    """The variables of the model's program at these inputs, which stand at `pointer` in the request.

    Raises:
        InvalidInputError: The program does not run with them, or makes more numbers than can be computed.
        InvalidValueError: A value of `fixed` does not suit its variable.
    """
    try:
        found = outline(model.program, inputs=inputs, fixed=fixed)
    except InvalidValueError:
        raise
    except Exception as error:  # a model's program may raise anything
        _log.warning("model %s does not run at the inputs of a request", model.name, exc_info=error)
        raise refused(pointer, f"The model does not run at these inputs: {type(error).__name__}: {error}") from error
    size = sum(each.size for each in found.values())
    if size > _LARGEST_DRAW:
        detail = (
            f"One draw of all variables would have {size} numbers; {_LARGEST_DRAW} are the most: send fewer points."
        )
        raise refused(pointer, detail)
    return found


def _prediction(
    model: Model,
    inputs: Mapping[str, Array | int],
    outlines: Mapping[str, Outline],
    pinned: Mapping[str, Any],
    sampled: tuple[str, ...],
    wanted: Sequence[str],
) -> Prediction:
    fixed = _pinned(model, inputs, outlines, pinned)
    variables = chosen(wanted, outlines, "/vars") or [name for name in model.observed if name not in fixed]
    if not variables:
        raise refused("/vars", "Every observed variable is set; name the variables that you want.")
    return Prediction(model, inputs, fixed, sampled, outlines, tuple(variables))


def _new_inputs(model: Model, given: Mapping[str, Any], fitted: Dataset | None) -> dict[str, Array | int]:
    """The keywords of the program; what is not given is the fit's, if there is one."""
    sizes = [name for name in model.parameters if name in model.dims]
    fields = {name: model.data[name] for name in model.covariates}
    known = [*fields, *sizes]
    unknown = [name for name in given if name not in known]
    if unknown:
        has = f"has {', '.join(known)}" if known else "takes none"
        raise InvalidInputError(
            [FieldError(at("/inputs", name), f"There is no such input; this model {has}.") for name in unknown[:20]]
        )
    arrays = {name: given[name] for name in fields if name in given}
    if fitted is not None:
        kept = [name for name in fields if name not in given]
        arrays |= {name: fitted.arrays[name] for name in kept}
        fields |= {name: fields[name].resolved for name in kept}
    dataset = resolve(fields, arrays, pointer="/inputs")
    found: dict[str, Array | int] = dict(dataset.arrays)
    for name in sizes:
        found[name] = _size(name, given, dataset.dims, fitted.dims if fitted is not None else {})
    return {name: found[name] for name in model.parameters}


def _size(name: str, given: Mapping[str, Any], measured: Mapping[str, int], fitted: Mapping[str, int]) -> int:
    """A size that the program wants: given, or that of the inputs, or that of the fit."""
    pointer = at("/inputs", name)
    if name not in given:
        if name not in measured and name not in fitted:
            raise refused(pointer, f"{name} is missing: say how many, as a whole number.")
        return measured.get(name, fitted.get(name, 0))
    size = given[name]
    if type(size) is not int or not 1 <= size <= MAX_VALUES:
        raise refused(pointer, f"{name} is a size; send a whole number from 1 to {MAX_VALUES}.")
    if measured.get(name, size) != size:
        raise refused(pointer, f"{name} is {size}, and the other inputs have {measured[name]} along it.")
    return size


def _unsuited(
    model: Model, name: str, inputs: Mapping[str, Any], *, fitted: tuple[int, ...], now: tuple[int, ...]
) -> list[FieldError]:
    """Why the fit's draws of a variable cannot be taken at these inputs."""
    advice = f"keep these inputs as they were in the fit, or give {name} in `set`."
    if fitted != now:
        return [FieldError("/inputs", f"{name} has shape {fitted} in the fit and {now} at these inputs: {advice}")]
    if model.data_plate is None and _symbols(model.variables[name].shape) & _moved(model, inputs):
        # Such as a function's values at the fit's points: nothing says what they are at other points.
        return [FieldError("/inputs", f"{name} belongs to the points of the fit, and these are others: {advice}")]
    return []


def _moved(model: Model, inputs: Mapping[str, Any]) -> set[str]:
    """The dimensions along which the data lie and new inputs are given."""
    points = {symbol for name in model.observed for symbol in model.data[name].symbols}
    new = {symbol for name in inputs if name in model.data for symbol in model.data[name].symbols}
    return points & (new | set(inputs))


def _symbols(shape: Sequence[str | int]) -> set[str]:
    """The dimension symbols in a shape; sizes such as "N - 1" hold one, too."""
    return {symbol for size in shape if isinstance(size, str) for symbol in re.findall(r"[^\W\d]\w*", size)}


def _pinned_field(model: Model, name: str, outline: Outline) -> Field:
    """What a value of a variable has to be: of an observed one, what its data have to be, and complete."""
    if name in model.observed:
        return replace(model.data[name], shape=outline.shape, missing=False)
    return Field(outline.shape, "int" if outline.dtype.kind in "iub" else "float")


def _pinned(
    model: Model, inputs: Mapping[str, Any], outlines: Mapping[str, Outline], pinned: Mapping[str, Any]
) -> dict[str, Array]:
    unknown = [name for name in pinned if name not in outlines]
    if unknown:
        detail = f"There is no such random variable; this model has {', '.join(outlines)}."
        raise InvalidInputError([FieldError(at("/set", name), detail) for name in unknown[:20]])
    fields = {name: _pinned_field(model, name, outlines[name]) for name in pinned}
    fixed = dict(resolve(fields, pinned, pointer="/set").arrays)
    errors = []
    for name, value in fixed.items():
        try:
            look(model, inputs, {name: value}, pointer=at("/set", name))
        except InvalidValueError as error:
            errors.append(FieldError(at("/set", name), str(error)))
        except InvalidInputError as error:
            errors += error.errors
    if errors:
        raise InvalidInputError(errors)
    return fixed
