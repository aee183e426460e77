import jax
import numpy as np
import pytest

from tacit.errors import ProgramError
from tacit.ppl import MultivariateNormal, Normal, Plate, plate, seed
from tacit.ppl.plates import active_plates

KEY = jax.random.key(0)


def test_axes_are_allotted_from_the_right():
    with seed(KEY), plate("A", 2):
        a = Normal(0.0, 1.0, name="a")
        with plate("B", 3):
            b = Normal(np.zeros((3, 1)), 1.0, name="b")
            c = MultivariateNormal(np.zeros(4), np.eye(4), name="c", sample_shape=(5,))
            assert active_plates() == (Plate("A", 2, -1), Plate("B", 3, -2))
    assert (a.shape, b.shape, c.shape) == ((2,), (3, 2), (5, 3, 2, 4))
    assert a.plates == (Plate("A", 2, -1),)
    assert b.plates == c.plates == (Plate("A", 2, -1), Plate("B", 3, -2))
    assert len(np.unique(b.value)) == 6
    assert active_plates() == ()


def test_an_explicit_axis_is_left_out_by_the_next():
    with seed(KEY), plate("A", 2, dim=-2), plate("B", 3), plate("C", 4):
        assert Normal(0.0, 1.0, name="x").shape == (4, 2, 3)
    with seed(KEY), plate("A", 2, dim=-3):
        assert Normal(0.0, 1.0, name="x").shape == (2, 1, 1)


@pytest.mark.parametrize(
    ("name", "size", "dim", "message"),
    [
        ("B", 2, 0, "must be negative"),
        ("B", 2, -1, "must differ"),
        ("A", 2, None, "must differ"),
        ("B", 0, None, "size 0; it needs at least 1"),
        ("B", 2.0, None, "size 2.0; it needs a whole number"),
    ],
)
def test_wrong_plates_are_refused(name, size, dim, message):
    with plate("A", 2), pytest.raises(ProgramError, match=message), plate(name, size, dim=dim):
        pass


def test_a_traced_size_is_refused():
    def run(n):
        with plate("N", n):
            pass

    with pytest.raises(ProgramError, match="known while tracing"):
        jax.jit(run)(3)
    run(np.int64(3))


def test_one_plate_may_be_entered_again_after_its_end():
    with seed(KEY):
        with plate("N", 2):
            x = Normal(0.0, 1.0, name="x")
        with plate("N", 2):
            y = Normal(x, 1.0, name="y")
    assert y.plates == x.plates
