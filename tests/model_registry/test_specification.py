import hashlib
import inspect
from dataclasses import FrozenInstanceError
from pathlib import Path

import jax
import numpy as np
import pytest

import model_registry
from model_registry import Field, Model
from tacit.errors import ModelLoadError
from tacit.inference.problem import layout
from tacit.ppl import Deterministic, Normal, plate, seed


def test_public_names():
    assert model_registry.__all__ == [
        "Dataset",
        "Field",
        "LoadProblem",
        "Model",
        "Registry",
        "Variable",
        "load_registry",
        "unsuitable",
    ]
    assert all(hasattr(model_registry, name) for name in model_registry.__all__)


def hierarchical(x, sizes, N, K):
    Normal(0.0, 1.0, sample_shape=(x.shape[1],), name="w")
    with plate("K", K):
        Normal(0.0, 1.0, name="by_group")
    with plate("N", N):
        z = Normal(0.0, 1.0, name="z")
        with plate("K", K):
            cell = Normal(z, 1.0, name="cell")
        Deterministic(2.0 * z, name="double")
        Normal(cell.value.sum(0), sizes.sum(), name="y")


@pytest.fixture
def model():
    return Model(
        name="hierarchical",
        title="Hierarchical",
        description="For the tests.",
        program=hierarchical,
        data={"x": Field(("N", "D")), "sizes": Field(("K",)), "y": Field(("N",))},
        example={"x": np.ones((4, 2)), "sizes": [1.0, 2.0, 3.0], "y": [1, 2, 3, 4]},
    )


def test_what_is_what(model):
    model.check()
    assert model.dims == ("N", "D", "K")
    assert model.covariates == ("x", "sizes")
    assert model.observed == ("y",)
    assert model.latents == ("w", "by_group", "z", "cell")
    assert model.deterministics == ("double",)
    assert model.data_plate == "N"
    assert {name: model.variables[name].shape for name in model.variables} == {
        "w": ("D",),
        "by_group": ("K",),
        "z": ("N",),
        "cell": ("K", "N"),
        "double": ("N",),
        "y": ("N",),
    }


def test_local_is_what_stands_in_the_data_plate_and_inference_agrees(model):
    local = {name for name in model.latents if model.is_local(name)}
    assert local == {"z", "cell"}
    structure = layout(model.problem(model.resolve(model.example)))
    assert {site.name for site in structure.locals} == local
    assert {site.name for site in structure.globals} == {"w", "by_group"}
    assert (structure.plate, structure.num_points) == ("N", 4)


def test_inputs_are_the_arguments_of_the_program(model):
    inputs = model.inputs(model.resolve(model.example))
    assert list(inputs) == ["x", "sizes", "N", "K"]
    assert (inputs["N"], inputs["K"]) == (4, 3)
    assert type(inputs["N"]) is int
    with seed(jax.random.key(0)):
        model.program(**inputs)


def test_the_problem_carries_data_and_axes(model):
    dataset = model.resolve(model.example)
    problem = model.problem(dataset)
    assert problem.program is hierarchical
    assert problem.observed == {"y": dataset.arrays["y"]}
    assert problem.inputs.keys() == {"x", "sizes", "N", "K"}
    assert problem.axes == {"x": ("N", "D"), "sizes": ("K",), "y": ("N",)}


def test_a_model_cannot_be_changed(model):
    with pytest.raises(FrozenInstanceError):
        model.version = "2"
    with pytest.raises(TypeError):
        model.variables["z"] = None


def test_making_a_model_runs_nothing(make_model):
    def program(N):
        raise RuntimeError("must not run yet")

    model = make_model(program=program)
    with pytest.raises(ModelLoadError, match="RuntimeError: must not run yet"):
        model.check()


def test_the_code_hash_follows_name_version_and_source(make_model):
    model = make_model(source="text")
    assert model.code_hash == hashlib.sha256(b"small-model\x001\x00text").hexdigest()
    others = [make_model(source="other"), make_model(source="text", version="2"), make_model(source="text", name="a")]
    assert len({other.code_hash for other in [model, *others]}) == 4


def test_the_source_is_by_default_the_file_of_the_program(model):
    text = Path(inspect.getsourcefile(hierarchical)).read_text(encoding="utf-8")
    assert model.code_hash == hashlib.sha256(f"hierarchical\x001\x00{text}".encode()).hexdigest()


def test_a_model_from_no_file_has_no_hash(make_model):
    namespace = {}
    exec("def program(N): pass", namespace)
    with pytest.raises(ModelLoadError, match="define it in one"):
        _ = make_model(program=namespace["program"]).code_hash
