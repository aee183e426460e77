import logging
import sys

import pytest

from model_registry import load_registry
from tacit.errors import NotFoundError

GOOD = """
from model_registry import Field, Model
from tacit.ppl import Normal, plate

def program(N):
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        Normal(mu, 1.0, name="y")

model = Model(
    name="mine", title="Mine", description="A user's own.", version="2.1", program=program,
    data={"y": Field(("N",))}, example={"y": [1.0, 2.0]},
)
"""
BUILT_IN = [
    "ar-k",
    "bernoulli-glm",
    "boarding-school-influenza",
    "drift-diffusion",
    "eight-schools",
    "g-and-k",
    "gaussian-linear",
    "gaussian-linear-uniform",
    "gaussian-mixture",
    "gp-poisson-regression",
    "growth-curves",
    "linear-regression",
    "linear-regression-unknown-noise",
    "logistic-regression",
    "lotka-volterra",
    "lotka-volterra-noisy",
    "lotka-volterra-sde",
    "noisy-network",
    "panel-counts",
    "poisson-rate",
    "poisson-regression",
    "ricker",
    "sir-counts",
    "slcp",
    "slcp-distractors",
    "student-t-regression",
    "two-moons",
    "two-scale-mixture",
]


@pytest.fixture
def folder(tmp_path):
    """Writes files into a folder and returns it."""

    def write(name="models", **files):
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        for stem, text in files.items():
            (path / f"{stem}.py").write_text(text, encoding="utf-8")
        return path

    return write


def test_the_built_in_models_load():
    registry = load_registry()
    assert sorted(registry.models) == BUILT_IN
    assert registry.problems == ()
    with pytest.raises(TypeError):
        registry.models["mine"] = None


def test_a_user_s_model_is_served_next_to_the_built_in_ones(folder):
    registry = load_registry([folder(mine=GOOD)])
    assert sorted(registry.models) == sorted([*BUILT_IN, "mine"])
    model = registry.get("mine")
    assert registry.get("mine@2.1") is model
    assert model.source == GOOD
    assert dict(model.resolve({"y": [1, 2, 3]}).dims) == {"N": 3}


def test_broken_files_are_named_and_do_not_stop_the_rest(folder, caplog):
    path = folder(
        a_syntax="def program(:\n",
        b_import="import no_such_module_at_all\n",
        c_raises="x = 1\n\nraise ValueError('not today')\n",
        d_nothing="program = 1\n",
        e_wrong_type="model = 'mine'\n",
        f_exits="import sys\nsys.exit(3)\n",
        g_check=GOOD.replace('name="y")', 'name="other")'),
        h_field=GOOD.replace('Field(("N",))', 'Field(("N",), dtype="double")'),
        i_taken=GOOD.replace('"mine"', '"eight-schools"'),
        j_program=GOOD.replace('plate("N", N)', 'plate("N", N + undefined)'),
        k_good=GOOD,
        l_twice=GOOD.replace('"2.1"', '"3"'),
        _helper="raise RuntimeError('left alone')\n",
    )
    (path / "m_binary.py").write_bytes(b"\xff\xfe\x00")
    (path / "notes.txt").write_text("not a model")
    with caplog.at_level(logging.WARNING, logger="model_registry"):
        registry = load_registry([path])
    assert sorted(registry.models) == sorted([*BUILT_IN, "mine"])
    details = {problem.path.stem: problem.detail for problem in registry.problems}
    expected = {
        "a_syntax": "line 1: SyntaxError:",
        "b_import": "line 1: ModuleNotFoundError: No module named 'no_such_module_at_all'",
        "c_raises": "line 3: ValueError: not today",
        "d_nothing": "the file has no model; write `model = Model(...)`",
        "e_wrong_type": "the file has no model",
        "f_exits": "line 2: SystemExit: 3",
        "g_check": "the field 'y' is neither a parameter of the program nor one of its random variables (mu, other)",
        "h_field": 'line 12: Field: dtype is \'double\'; write "float" or "int".',
        "i_taken": "eight_schools.py already defines 'eight-schools'; rename this one.",
        "j_program": "NameError: name 'undefined' is not defined",
        "l_twice": "k_good.py already defines 'mine'; rename this one.",
        "m_binary": "UnicodeDecodeError",
    }
    assert details.keys() == expected.keys()
    assert [stem for stem in expected if expected[stem] not in details[stem]] == []
    assert [stem for stem in expected if f"{stem}.py" not in caplog.text] == []


def test_a_folder_that_is_not_there_is_a_problem(tmp_path):
    registry = load_registry([tmp_path / "nowhere"])
    assert sorted(registry.models) == BUILT_IN
    (problem,) = registry.problems
    assert problem.path == tmp_path / "nowhere"
    assert "there is no such folder" in problem.detail


def test_files_of_the_same_name_in_two_folders_are_different_models(folder):
    one = folder("one", model=GOOD)
    two = folder("two", model=GOOD.replace('"mine"', '"yours"'))
    registry = load_registry([one, two])
    assert {"mine", "yours"} <= registry.models.keys()
    assert registry.problems == ()


def test_a_user_s_file_hides_no_installed_module_and_leaves_nothing_behind(folder):
    path = folder(json=GOOD, broken="raise ValueError\n")
    registry = load_registry([path])
    assert "mine" in registry.models
    assert sys.modules["json"].__file__ != str(path / "json.py")
    assert not [name for name in sys.modules if name.startswith("tacit_user_model_broken")]
    assert sorted(p.name for p in path.iterdir()) == ["broken.py", "json.py"]


def test_a_changed_file_is_loaded_anew_with_another_hash(folder):
    first = load_registry([folder(mine=GOOD)]).get("mine")
    second = load_registry([folder(mine=GOOD.replace("A user's own.", "Changed."))]).get("mine")
    assert (first.description, second.description) == ("A user's own.", "Changed.")
    assert first.code_hash != second.code_hash
    assert first.code_hash == load_registry([folder(mine=GOOD)]).get("mine").code_hash


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("eight-school", "there is no model 'eight-school'; there is eight-schools."),
        ("Poisson-Rate", "there is no model 'Poisson-Rate'; there is poisson-rate, poisson-regression, "),
        ("zzz", f"there is no model 'zzz'; there is {', '.join(BUILT_IN)}."),
        ("", "there is no model ''"),
        ("g-and-k@7", "model 'g-and-k' has no version '7'; there is g-and-k@1."),
        ("g-and-k@", "model 'g-and-k' has no version ''"),
    ],
)
def test_unknown_references_name_what_comes_near(reference, says):
    with pytest.raises(NotFoundError) as raised:
        load_registry().get(reference)
    assert says in str(raised.value)


def test_known_references():
    registry = load_registry()
    assert registry.get("eight-schools") is registry.get("eight-schools@1") is registry.models["eight-schools"]
