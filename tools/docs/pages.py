"""The pages of the gallery: one for each model, and their list."""

import json
from collections.abc import Mapping
from typing import Any

from model_registry import Model
from model_registry.fields import shape_words
from tools.docs.fitting import MOST_STEPS
from tools.docs.tables import table

_NOTE = "<!-- Written by `python -m tools.docs` from the registry: edit the model. -->\n\n"
# Longer examples are fetched, not printed.
_LONGEST_BODY = 100


def index(models: Mapping[str, Model], record: Mapping[str, Any]) -> str:
    """The list of all models."""
    rows = []
    for model in models.values():
        fitted = record[model.name]["method"] == "implicit_klqp"
        simulated = any(model.variables[name].kind == "implicit" for name in model.observed)
        kind = "simulator" if simulated else "density, fitted without it" if fitted else "density, fitted with it"
        local = any(model.is_local(name) for name in model.latents)
        rows.append(
            (f"[{model.title}]({model.name}.md)", f"`{model.name}`", kind, "global, local" if local else "global")
        )
    return (
        f"{_NOTE}# The gallery\n\n"
        "The models that come with Tacit. Each has a page with its data, its program, and a picture of what it "
        "predicts for its example, before and after the fit. *Kind* says whether the observed variable can only be "
        "simulated, and if it has a density, whether the fit uses it by default (`method`). Latent variables are "
        "*local* if there is one for each data point.\n\n"
        + table(("model", "name", "kind", "latent variables"), rows)
        + f"\nThe pictures are of fits with the model's default options, but at most {MOST_STEPS:,} steps "
        f"(`make gallery`): enough to see, too few for some: read the warnings below a picture. "
        "How near posteriors come to exact ones "
        "is in [Accuracy](../accuracy.md), how a model is written in [Writing a model](../models.md).\n"
    )


def page(model: Model, record: Mapping[str, Any], reference: Mapping[str, Any] | None) -> str:
    """All about a model; where a reference posterior is known, how far off the fit is."""
    picture = _picture(model, record) + (_off(record["summary"], reference) if reference is not None else "")
    parts = (_head(model), _data(model), _latents(model), picture, _run(model), _program(model))
    return _NOTE + "\n".join(parts)


def _head(model: Model) -> str:
    references = "".join(f"- {each}\n" for each in model.references)
    return f"# {model.title}\n\n`{model.name}`, version {model.version}\n\n{_escaped(model.description)}\n" + (
        f"\nReferences:\n\n{references}" if references else ""
    )


def _data(model: Model) -> str:
    rows = []
    for name, field in model.data.items():
        kind = "whole numbers" if field.dtype == "int" else "numbers"
        use = "given" if name in model.covariates else "observed"
        about = f"{field.description}, in {field.unit}" if field.unit else field.description
        rows.append((f"`{name}`", use, shape_words(field.shape), f"{kind}, {field.words}", about))
    return "## Data\n\n" + table(("field", "use", "size", "values", "what it is"), rows)


def _latents(model: Model) -> str:
    rows = [
        (f"`{name}`", shape_words(each.shape), each.support, "local" if model.is_local(name) else "global")
        for name, each in ((name, model.variables[name]) for name in model.latents)
    ]
    rows += [(f"`{name}`", shape_words(model.variables[name].shape), "", "computed") for name in model.deterministics]
    options = json.dumps(dict(model.defaults)) if model.defaults else ""
    own = f"Default options of its own: `{options}`; the others" if options else "Its default options"
    return (
        "## What is inferred\n\n"
        + table(("variable", "size", "support", "scope"), rows)
        + f"\n{own} are those of [the service](../options.md).\n"
    )


def _picture(model: Model, record: Mapping[str, Any]) -> str:
    told = "; ".join(
        f"{shares['50']:g} % of `{name}` within its middle 50 %, {shares['90']:g} % within its middle 90 %"
        for name, shares in record["inside"].items()
    )
    warnings = "".join(f"- {_escaped(each)}\n" for each in record["warnings"])
    said = f"The fit warned:\n\n{warnings}" if warnings else "The fit gave no warning.\n"
    return (
        f"## Predictions over the example\n\n![Predictions of {model.name} over its example]({model.name}.svg)\n\n"
        "On the left what the model predicts before it has seen data (axes are those of the right, so much of it may "
        "lie outside), on the right what it predicts after the fit, for the points that were fitted: a model that fits "
        f"too closely looks good here. The fit: `{record['method']}`, {record['steps']:,} steps, seed "
        f"{record['seed']}. "
        f"Predicted for each value by itself: {told}.\n\n{said}" + _summary(record["summary"])
    )


def _summary(summary: Mapping[str, Any]) -> str:
    rows = []
    for name, row in summary.items():
        flat = {word: _flat(values) for word, values in row.items()}
        for index, label in flat["mean"]:
            numbers = [
                dict((place, value) for place, value in flat[word])[index] for word in ("sd", "q05", "q50", "q95")
            ]
            rows.append((f"`{name}{index}`", *(f"{number:.4g}" for number in (label, *numbers))))
    return f"\n{table(('posterior', 'mean', 'sd', '5 %', '50 %', '95 %'), rows)}" if rows else ""


def _off(summary: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    rows = []
    for name, exact in reference["moments"].items():
        found, mean, sd = summary[name], exact["mean"], exact["sd"]
        off, ratio = (found["mean"] - mean) / sd, found["sd"] / sd
        rows.append((f"`{name}`", f"{mean:.4g}", f"{sd:.4g}", f"{off:+.2f}", f"{ratio:.2f}"))
    head = ("posterior", "exact mean", "exact sd", "error of the fit's mean, in exact sds", "ratio of sds")
    return f"\nHow far off this fit is, against {reference['how']}:\n\n{table(head, rows)}"


def _flat(values: Any, index: tuple[int, ...] = ()) -> list[tuple[str, float]]:
    if isinstance(values, list):
        return [found for place, each in enumerate(values) for found in _flat(each, (*index, place))]
    return [(f"[{', '.join(map(str, index))}]" if index else "", values)]


def _run(model: Model) -> str:
    body = json.dumps({name: _compact(each) for name, each in model.describe()["example"]["data"].items()})
    if len(body) <= _LONGEST_BODY:
        data = f'data = {body}\nfit = client.fit("{model.name}", data, seed=1)'
        sent = f'-d \'{{"model": "{model.name}", "data": {body}, "seed": 1}}\''
        before = ""
    else:
        data = f'data = client.model("{model.name}").example.data\nfit = client.fit("{model.name}", data, seed=1)'
        before = (
            f"$ curl -s localhost:8000/v1/models/{model.name} \\\n"
            "    | python -c 'import json, sys; print(json.dumps(json.load(sys.stdin)[\"example\"]))' > body.json\n"
        )
        sent = "-d @body.json"
    return (
        "## Run it\n\n"
        f"```python\nfrom tacit.client import Client\n\nclient = Client()\n{data}\nfit.wait()\n"
        "print(fit.summary())\n```\n\n"
        f"```console\n{before}$ curl -s localhost:8000/v1/fits -H 'content-type: application/json' "
        f"\\\n    {sent}\n```\n"
    )


def _compact(values: Any) -> Any:
    """Whole numbers as they are typed."""
    if isinstance(values, list):
        return [_compact(each) for each in values]
    return int(values) if isinstance(values, float) and values.is_integer() else values


def _program(model: Model) -> str:
    return f'## Program\n\n```python title="{model.name.replace("-", "_")}.py"\n{(model.source or "").strip()}\n```\n'


def _escaped(text: str) -> str:
    """Text in which nothing is Markdown."""
    for sign in "\\*_[]<":
        text = text.replace(sign, f"\\{sign}")
    return text
