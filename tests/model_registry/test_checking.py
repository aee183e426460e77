"""Each rule a model can break, and the sentence that says what to change."""

import jax
import jax.numpy as jnp
import pytest

from model_registry import Field
from tacit.errors import ModelLoadError
from tacit.ppl import Bernoulli, Deterministic, HalfNormal, Implicit, Normal, Poisson, plate


def refusal(model):
    with pytest.raises(ModelLoadError) as raised:
        model.check()
    return str(raised.value)


def test_the_small_model_is_valid(make_model):
    make_model().check()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Small_Model"}, "the name 'Small_Model' is not lower-case words joined by hyphens"),
        ({"name": "small-"}, "joined by hyphens"),
        ({"name": "small@1"}, "joined by hyphens"),
        ({"name": None}, "joined by hyphens"),
        ({"version": 1}, "the version 1 is not a string such as '1'"),
        ({"version": "a@b"}, "the version 'a@b' is not"),
        ({"title": " "}, "the title is empty"),
        ({"description": ""}, "the description is empty"),
        ({"references": "one string"}, "write a tuple"),
        ({"data": {}}, "data has no field"),
        ({"data": {"y": ("N",)}}, "data['y'] is of type tuple; make it a Field(...)."),
        ({"data": {"the y": Field(("N",))}}, "the field name 'the y' is not an identifier"),
        ({"data": {"N": Field(("N",))}}, "'N' is a field and a dimension symbol; rename one"),
        ({"data": {"y": Field(("N",))}}, "parameter 'x' is neither a field (y) nor a dimension (N)"),
        ({"data": {"x": Field(("N",))}}, "nothing is observed"),
        ({"program": None}, "program is not a function"),
        (
            {"data": {n: Field(("N",)) for n in "xyz"}},
            "'z' is neither a parameter of the program nor one of its random",
        ),
        (
            {"data": {"y": Field(("N", 2)), "x": Field(("N",))}},
            "the field 'y' is N by 2 values, its random variable N values",
        ),
        ({"data": {"y": Field(("N",), "int"), "x": Field(("N",))}}, "write Field(..., dtype='float')."),
        ({"example": {"y": [1.0, 2.0]}}, "the example does not fit the model: /example/x: x is missing"),
        ({"example": {"y": [1.0, 2.0], "x": [1.0]}}, "x has 1 value where y has 2: both are N."),
    ],
)
def test_a_broken_rule_is_named_with_its_remedy(make_model, changes, says):
    assert says in refusal(make_model(**changes))


def observing(make_model, constructor, field, **options):
    """A model whose observed variable is made by `constructor(latent)`."""

    def program(N):
        mu = HalfNormal(1.0, name="mu")
        with plate("N", N):
            constructor(mu)

    return make_model(program=program, data={"y": field}, example={"y": [1, 1]}, **options)


@pytest.mark.parametrize(
    ("constructor", "field", "says"),
    [
        (lambda mu: Poisson(mu, name="y"), Field(("N",), "float", "nonnegative"), "write Field(..., dtype='int')."),
        (lambda mu: Poisson(mu, name="y"), Field(("N",), "int"), "write Field(..., support='nonnegative')."),
        (lambda mu: Bernoulli(mu / (1 + mu), name="y"), Field(("N",), "int"), "write Field(..., support='boolean')."),
        (
            lambda mu: HalfNormal(mu, name="y"),
            Field(("N",), support="nonnegative"),
            "write Field(..., support='positive').",
        ),
        (lambda mu: Deterministic(mu * jnp.ones(2), name="y"), Field(("N",)), "'y' is Deterministic; observe a random"),
    ],
)
def test_a_field_that_does_not_suit_its_variable(make_model, constructor, field, says):
    assert says in refusal(observing(make_model, constructor, field))


def test_a_field_may_be_narrower_than_its_variable(make_model):
    observing(make_model, lambda mu: Poisson(mu, name="y"), Field(("N",), "int", "positive")).check()
    observing(make_model, lambda mu: Normal(mu, 1.0, name="y"), Field(("N",), support="unit_interval")).check()


def test_a_name_that_is_parameter_and_variable_at_once(make_model):
    def program(x, N):
        mu = Normal(0.0, 1.0, name="mu")
        with plate("N", N):
            Normal(mu + x, 1.0, name="x")
            Normal(mu, 1.0, name="y")

    assert "'x' is a parameter of the program and a random variable in it" in refusal(make_model(program=program))


def test_a_model_without_latents(make_model):
    def program(x):
        with plate("N", len(x)):
            Normal(x, 1.0, name="y")

    assert "every random variable is observed; there is nothing to infer." in refusal(make_model(program=program))


def test_a_discrete_latent(make_model):
    def program(x):
        with plate("N", len(x)):
            group = Bernoulli(0.5, name="group")
            Normal(x + group, 1.0, name="y")

    says = refusal(make_model(program=program))
    assert "the latent variable 'group' is discrete (boolean)" in says
    assert "sum it out" in says


def test_implicit_latents_may_be_local_but_not_global(make_model):
    def noise(key):
        return jax.random.normal(key)

    def program_with_global(x):
        shift = Implicit(noise, name="shift")
        with plate("N", len(x)):
            Normal(x + shift, 1.0, name="y")

    def program_with_local(x):
        with plate("N", len(x)):
            shift = Implicit(noise, name="shift")
            Normal(x + shift, 1.0, name="y")

    assert "the global latent variable 'shift' is Implicit" in refusal(make_model(program=program_with_global))
    make_model(program=program_with_local, defaults={"contrast": "empirical"}).check()
    assert "defaults.contrast: shift is a latent without" in refusal(make_model(program=program_with_local))


def test_the_data_plate_is_named_like_a_dimension(make_model):
    def program(x):
        mu = Normal(0.0, 1.0, name="mu")
        with plate("points", len(x)):
            Normal(mu + x, 1.0, name="y")

    assert "the plate 'points' of the observed variables is named like no dimension of the data (N)" in refusal(
        make_model(program=program)
    )


def test_observed_variables_share_one_outermost_plate(make_model):
    def program(N, M):
        mu = Normal(0.0, 1.0, name="mu")
        with plate("N", N):
            Normal(mu, 1.0, name="x")
        with plate("M", M):
            Normal(mu, 1.0, name="y")

    model = make_model(program=program, data={"x": Field(("N",)), "y": Field(("M",))})
    assert "the observed variables stand in different plates ({'x': 'N', 'y': 'M'})" in refusal(model)


def test_one_observation_without_any_plate_is_fine(make_model):
    def program(D):
        mu = Normal(0.0, 1.0, name="mu")
        Normal(mu * jnp.ones(D), 1.0, name="y")

    model = make_model(program=program, data={"y": Field(("D",))}, example={"y": [1.0, 2.0]})
    model.check()
    assert model.data_plate is None
    assert not model.is_local("mu")


def test_defaults_must_be_inference_options(make_model):
    make_model(defaults={"steps": 500}).check()
    assert "defaults.no_such_option: Extra inputs" in refusal(make_model(defaults={"no_such_option": 1}))
    assert "defaults.steps: " in refusal(make_model(defaults={"steps": -1}))
    clash = {"contrast": "empirical", "ratio_loss": "multiclass"}
    assert "defaults: " in refusal(make_model(defaults=clash))
    assert "defaults.family: amortized is for latents of each" in refusal(make_model(defaults={"family": "amortized"}))
