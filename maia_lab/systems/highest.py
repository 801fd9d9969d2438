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
        self._waiting = 0

    @property
    def nbytes(self) -> int:
        """Memory it takes, from the first number to the last."""
        return self._rows.nbytes

    def add(self, numbers: NDArray[Number]) -> None:
        """Take numbers of shape (units, n)."""
        half, start = self._rows.shape[1] // 2, 0
        while start < numbers.shape[1]:
            some = numbers[:, start : start + half - self._waiting]
            self._rows[:, self._waiting : self._waiting + some.shape[1]] = some
            self._waiting += some.shape[1]
            start += some.shape[1]
            if self._waiting == half:
                self._rows.partition(half, axis=1)
                self._waiting = 0

    @property
    def kept(self) -> NDArray[Number]:
        """Shape (units, count): ascending, however they came."""
        half = self._rows.shape[1] // 2
        self._rows[:, self._waiting : half] = self._lowest
        self._rows.sort(axis=1)
        self._waiting = 0
        return self._rows[:, half:].copy()

    def __getstate__(self) -> tuple[Number, NDArray[Number]]:
        """What travels to another process is what is kept."""
        return self._lowest, self.kept

    def __setstate__(self, state: tuple[Number, NDArray[Number]]) -> None:
        """Go on from it."""
        lowest, kept = state
        self.__init__(*kept.shape, lowest)  # type: ignore[misc]
        self.add(kept)
