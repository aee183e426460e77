import numpy as np
import pytest

from model_registry.fields import SUPPORTS, Field, shape_words
from tacit.errors import ModelLoadError


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"shape": ("N", 0)}, "a number from 1 up"),
        ({"shape": ("N", True)}, "a number from 1 up"),
        ({"shape": ("2N",)}, "dimension symbol such as"),
        ({"shape": "N"}, 'write a tuple, such as ("N",)'),
        ({"dtype": "float64"}, 'write "float" or "int"'),
        ({"support": "complex"}, "write one of real, positive"),
    ],
)
def test_a_malformed_field_is_refused_where_it_is_written(arguments, says):
    with pytest.raises(ModelLoadError) as raised:
        Field(**arguments)
    assert says in str(raised.value)


def test_symbols_and_dtypes():
    field = Field(("N", 3, "D"), dtype="int")
    assert field.symbols == ("N", "D")
    assert field.numpy_dtype is np.int32
    assert Field().numpy_dtype is np.float32
    assert (shape_words(()), shape_words(("N", 3))) == ("a number", "N by 3 values")


@pytest.mark.parametrize(
    ("support", "inside"),
    [
        ("real", [True, True, True, True, True]),
        ("positive", [False, False, True, True, True]),
        ("nonnegative", [False, True, True, True, True]),
        ("unit_interval", [False, True, True, True, False]),
        ("boolean", [False, True, False, True, False]),
    ],
)
def test_supports_contain_what_they_say(support, inside):
    assert SUPPORTS[support].contains(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == inside
