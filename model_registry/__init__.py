"""What may be fitted: model specifications, the loader, and the built-in models.

>>> from model_registry import load_registry
>>> model = load_registry().get("eight-schools")
>>> model.latents
('mu', 'tau', 'theta_offset')
>>> model.resolve(model.example).dims["J"]
8
"""

from model_registry.discovery import Variable
from model_registry.loader import LoadProblem, Registry, load_registry
from model_registry.resolution import Dataset
from model_registry.specification import Field, Model
from model_registry.suitability import unsuitable

__all__ = ["Dataset", "Field", "LoadProblem", "Model", "Registry", "Variable", "load_registry", "unsuitable"]
