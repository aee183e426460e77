"""Counts that share one rate: the smallest model there is. Copy this file to begin your own."""

import jax.numpy as jnp

from model_registry import Field, Model
from tacit.ppl import Normal, Poisson, plate


def program(N: int) -> None:
    # A random variable outside every plate is global: one for all data.
    z = Normal(0.0, 1.0, name="z")
    # Inside a plate: one for each data point. The plate is named like the dimension it runs along.
    with plate("N", N):
        Poisson(jnp.exp(z), name="x")


model = Model(
    name="poisson-rate",
    title="Rate of a Poisson count",
    description="Independent counts with one common rate exp(z); the prior of the log rate z is Normal(0, 1).",
    program=program,
    # What a user sends. `x` is no parameter of the program, so it is the observed random variable of that name.
    # `N`, the number of counts sent, is a parameter.
    data={"x": Field(("N",), dtype="int", support="nonnegative", description="counts")},
    example={"x": [6, 3, 1, 8, 7, 0, 6, 4, 7, 5]},
    references=("Edward2, make_value_setter: the model and the ten counts of its documentation",),
)
