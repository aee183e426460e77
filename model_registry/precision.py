"""Whether numbers still say as float32 what they said as they were sent.

A rounding error is small or large only against the differences between the numbers themselves: 0.1 is rounded by 1e-9,
which is nothing beside 0.2; 1700000001 is rounded by 1, which is all that sets it apart from 1700000002. So errors are
held against three kinds of difference, each of which a program may live on:

- the spread of a column: errors are at most a hundredth of its standard deviation;
- the distance between numbers that lie close together, a tenth of the column apart in rank: at most half of it is
  wrong. That finds clusters that an outlier hides, and in a short column any two numbers that become one. In a long one
  some pairs always do by chance, which harms nothing;
- the steps from each number to the next along an axis, as in a series: at most a quarter of them is wrong by three
  tenths, and at most a twentieth vanishes.

Numbers that are all of one sign must not become 0 either: their logarithm, or their inverse, may be what is used.
"""

from typing import NamedTuple

import numpy as np

_SPREAD = 0.01
_RANKS = 10
_DISTANCE = 0.5
_STEP = 0.3
_STEPS = 0.25
_VANISHED = 0.05
# Numbers nearer to one another than this, relative to the largest of their column, differ by what arithmetic in float64
# rounds, or are all but 0.
_NOISE = 2.0**-47
_TINY = float(np.finfo(np.float32).tiny)


class Sent(NamedTuple):
    """Numbers as they were sent and as they are used, without axes of length 1, and at least one axis.

    Attributes:
      numbers: float64; nan where one is missing.
      rest: what float64 leaves out of them.
      used: float64: what the program gets; nan where one is missing.
    """

    numbers: np.ndarray
    rest: np.ndarray
    used: np.ndarray

    @property
    def columns(self) -> "Sent":
        """The same in two axes: columns of a table, which may be of different units, are looked at one by one."""
        width = self.numbers.shape[-1] if self.numbers.ndim > 1 else 1
        return Sent(*(each.reshape(-1, width) for each in self))

    def sorted(self, order: np.ndarray) -> "Sent":
        """In another order along the first axis."""
        return Sent(*(np.take_along_axis(each, order, axis=0) for each in self))


class Loss(NamedTuple):
    """What was lost.

    Attributes:
      pair: positions, in C order, of two numbers whose difference is wrong, or of one number that becomes 0.
      vanishes: whether the numbers are too small, rather than too large for how little they differ.
    """

    pair: tuple[int, ...]
    vanishes: bool = False


def loss(numbers: np.ndarray, rest: np.ndarray | None, array: np.ndarray) -> Loss | None:
    """What rounding to float32 did to numbers, if it did them harm.

    Args:
      numbers: float64, finite; nan where one is missing: what is said then is about the others.
      rest: of the same shape, what float64 leaves out of them, or None.
      array: float32 of the same shape: `numbers` rounded; anything where one is missing.
    """
    # XLA takes what is below the smallest normal float32 for 0.
    used = np.where(np.abs(array) < _TINY, 0, array).astype(np.float64)
    gaps = np.isnan(numbers)
    if rest is None and (gaps | (used == numbers)).all():
        return None
    used = np.where(gaps, np.nan, used)
    sent = Sent(*map(_squeezed, (numbers, np.zeros(numbers.shape) if rest is None else rest, used)))
    found = _vanished(sent.columns) or _close_together(sent.columns) or _spread(sent.columns) or _steps(sent)
    if found is None or found.vanishes:
        return found
    # Numbers this small lose digits however they are shifted.
    return found._replace(vanishes=bool(np.nanmax(np.abs(numbers)) < _TINY * 2**24))


def _squeezed(array: np.ndarray) -> np.ndarray:
    return np.atleast_1d(np.squeeze(array))


def _vanished(columns: Sent) -> Loss | None:
    numbers = columns.numbers
    gaps = np.isnan(numbers)
    one_sign = (gaps | (numbers > 0)).all(axis=0) | (gaps | (numbers < 0)).all(axis=0)
    gone = (columns.used == 0) & one_sign
    return Loss((int(np.flatnonzero(gone)[0]),), vanishes=True) if gone.any() else None


class Differences(NamedTuple):
    """Pairs of numbers: how much they differ as sent, how wrong that becomes, and whether it is more than noise."""

    size: np.ndarray
    wrong: np.ndarray
    meant: np.ndarray


def _steps_along(sent: Sent, axis: int) -> Differences:
    """Of each number and the next along an axis."""
    noise = np.broadcast_to(_noise(sent), sent.numbers.shape)

    def cut(array: np.ndarray, part: slice) -> np.ndarray:
        return array[(slice(None),) * axis + (part,)]

    before, after = slice(None, -1), slice(1, None)
    return _differences(
        Sent(*(cut(each, before) for each in sent)),
        Sent(*(cut(each, after) for each in sent)),
        np.maximum(cut(noise, before), cut(noise, after)),
    )


def _differences(before: Sent, after: Sent, noise: np.ndarray) -> Differences:
    """Of numbers in pairs. Those of a missing number mean nothing."""
    difference = (after.numbers - before.numbers) + (after.rest - before.rest)
    size = np.abs(difference)
    return Differences(size, np.abs((after.used - before.used) - difference), size > noise)


def _noise(sent: Sent) -> np.ndarray:
    """How large a difference must be to mean something, by column. Between whole numbers beyond 2**53 any does."""
    if sent.rest.any():
        return np.zeros(1)
    columns = tuple(range(max(1, sent.numbers.ndim - 1)))
    return _NOISE * np.nan_to_num(np.abs(sent.numbers)).max(axis=columns)


def _spread(columns: Sent) -> Loss | None:
    there = ~np.isnan(columns.numbers)
    middle = np.take_along_axis(columns.numbers, np.argmax(there, axis=0)[None], axis=0)
    # 0 is the middle itself: in place of what is missing it does not change the range.
    centred = np.where(there, (columns.numbers - middle) + columns.rest, 0)
    errors = np.where(there, columns.used - middle - centred, 0)
    meant = np.ptp(centred, axis=0) > _noise(columns)
    lost = meant & (np.sqrt(_mean(errors**2, there)) > _SPREAD * np.sqrt(_variance(centred, there)))
    return _worst(columns, int(np.flatnonzero(lost)[0])) if lost.any() else None


def _mean(array: np.ndarray, there: np.ndarray) -> np.ndarray:
    """By column, of what is there; 0 of nothing."""
    return np.where(there, array, 0).sum(axis=0) / np.maximum(1, there.sum(axis=0))


def _variance(array: np.ndarray, there: np.ndarray) -> np.ndarray:
    return _mean((array - _mean(array, there)) ** 2, there)


def _worst(columns: Sent, column: int) -> Loss:
    """The neighbours in a column whose distance is furthest off, of those that differ."""
    one = Sent(*(each[:, [column]] for each in columns))
    order = _order(one)
    found = _steps_along(one.sorted(order), 0)
    share = np.where(found.meant, found.wrong / np.where(found.meant, found.size, 1), 0)
    first = int(np.argmax(share))
    return _pair(columns, order[first, 0], order[first + 1, 0], column)


def _order(columns: Sent) -> np.ndarray:
    """Where the numbers of each column are, from the least to the greatest; what is missing comes last."""
    if columns.rest.any():
        return np.lexsort((columns.rest, columns.numbers), axis=0)
    return np.argsort(columns.numbers, axis=0, kind="stable")


def _close_together(columns: Sent) -> Loss | None:
    count = (~np.isnan(columns.numbers)).sum(axis=0)
    apart = np.maximum(1, count // _RANKS)
    following = np.arange(len(columns.numbers))[:, None] + apart
    inside = following < count
    following = np.where(inside, following, 0)
    order = _order(columns)
    ranked = columns.sorted(order)
    found = _differences(ranked, ranked.sorted(following), _noise(columns))
    lost = inside & found.meant & (found.wrong > _DISTANCE * found.size)
    if not lost.any():
        return None
    row, column = (int(each) for each in np.argwhere(lost)[0])
    return _pair(columns, order[row, column], order[following[row, column], column], column)


def _pair(columns: Sent, first: int, second: int, column: int) -> Loss:
    width = columns.numbers.shape[1]
    one, other = sorted((int(first), int(second)))
    return Loss((one * width + column, other * width + column))


def _steps(sent: Sent) -> Loss | None:
    shape = sent.numbers.shape
    for axis in range(sent.numbers.ndim):
        found = _steps_along(sent, axis)
        wrong = found.meant & (found.wrong > _STEP * found.size)
        vanished = found.meant & (found.wrong == found.size)
        many = np.array([wrong.sum(), vanished.sum()]) > np.array([_STEPS, _VANISHED]) * found.meant.sum()
        if many.any():
            index = np.argwhere(vanished if many[1] else wrong)[0]
            following = index + (np.arange(len(index)) == axis)
            return Loss((int(np.ravel_multi_index(index, shape)), int(np.ravel_multi_index(following, shape))))
    return None
