"""Likelihood-free variational inference: `fit` a `Problem` by ImplicitKLqp."""

from tacit.inference.driver import Fit, Progress, fit
from tacit.inference.options import InferenceOptions
from tacit.inference.problem import Problem

__all__ = ["Fit", "InferenceOptions", "Problem", "Progress", "fit"]
