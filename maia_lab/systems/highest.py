"""The highest of the numbers that each of many units was given, in memory that does not grow."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.float32, np.uint64)


class Highest(Generic[Number]):
    """As many numbers a unit as are wanted, and as many again that wait to be told apart."""

    def __init__(self, units: int, count: int, lowest: Number) -> None:
        """Begin with none: where there are fewer, the lowest number there is stands for them."""
        self._lowest: Number = lowest
        # Written at once: memory is as large at the first number as at the last.
        self._rows: NDArray[Number] = np.full((units, 2 * count), lowest)
        """Shape (units, 2 × count): the first half waits, the second is the highest before it."""
        self._waiting = np.zeros(units, np.int64)
        """Shape (units,): how many wait; what is behind them was told apart and is not wanted."""
        self.least: NDArray[Number] = np.full(units, lowest)
        """Shape (units,): what is lower is not wanted any more."""

    @property
    def nbytes(self) -> int:
        """Memory it takes, from the first number to the last."""
        return self._rows.nbytes + self._waiting.nbytes + self.least.nbytes

    def add(self, numbers: NDArray[Number]) -> None:
        """Take numbers of shape (units, n)."""
        # NaN is as high as can be.
        units, at = np.nonzero(~(numbers <= self.least[:, None]))
        self.take(units, numbers[units, at])

    def take(self, units: NDArray[np.int64], numbers: NDArray[Number]) -> None:
        """Take numbers each of one unit, the units ascending."""
        half = self._rows.shape[1] // 2
        while half and len(units):
            counts = np.bincount(units, minlength=len(self._rows))
            before = np.cumsum(counts) - counts
            slots = np.arange(len(units)) + (self._waiting - before)[units]
            fits = slots < half
            self._rows[units[fits], slots[fits]] = numbers[fits]
            self._waiting = np.minimum(self._waiting + counts, half)
            self._settle(np.flatnonzero(self._waiting == half))
            units, numbers = units[~fits], numbers[~fits]

    @property
    def kept(self) -> NDArray[Number]:
        """Shape (units, count): ascending, however they came."""
        half = self._rows.shape[1] // 2
        self._settle(np.flatnonzero(self._waiting))
        return np.sort(self._rows[:, half:], axis=1)

    def _settle(self, units: NDArray[np.int64]) -> None:
        if not len(units):
            return
        rows, half = self._rows[units], self._rows.shape[1] // 2
        rows.partition(half, axis=1)
        self._rows[units], self.least[units] = rows, rows[:, half]
        self._waiting[units] = 0

    def __getstate__(self) -> tuple[Number, NDArray[Number]]:
        """What travels to another process is what is kept."""
        return self._lowest, self.kept

    def __setstate__(self, state: tuple[Number, NDArray[Number]]) -> None:
        """Go on from it."""
        lowest, kept = state
        self.__init__(*kept.shape, lowest)  # type: ignore[misc]
        self.add(kept)
