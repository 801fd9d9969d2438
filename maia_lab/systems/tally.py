"""A partial index: what the units of a layer answered to some of the images, and no more of it.

Memory is bounded whatever the number of images. What is kept depends on which images were counted
and not on their order, so partial indexes of disjoint images merge, in any order and grouping, into
exactly what one pass over all of them would have kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log2
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from maia_lab.errors import DataError
from maia_lab.system import HIGH
from maia_lab.systems.highest import Highest
from maia_lab.world import Images

SAMPLE = 16_384
"""Positions of maps, at least 0.84 of it, from which a unit's 0.95 quantile is estimated.

The share of all positions above an estimate from m independent ones has a standard deviation of
√(0.95 × 0.05 / m), here 0.0017–0.0019; spreading them over each map makes it smaller.
"""
RESERVOIR = 4096
"""Images of which every unit's activation is kept; all of them where there are no more."""
KEPT = 64
"""Images kept at either end of a unit's activations."""
STEPS = 4
"""Plans an octave of data sizes: an index grows in place until the next, then is built again."""

Array = NDArray[np.float32]
Keys = NDArray[np.uint64]
Positions = NDArray[np.int64]


@runtime_checkable
class Hashed(Protocol):
    """Images that are known one by one by what they show."""

    @property
    def hashes(self) -> list[str]:
        """Of each image in order, a hash of its pixels in hex."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Which images, and which positions of their maps, are sampled: told by content alone."""

    keys: Keys
    """Shape (n,): a random number for each image that depends on its content."""
    capacity: int
    """Images the sample of positions is sized for, n or somewhat more."""

    @classmethod
    def of(cls, data: Images) -> Plan:
        """Plan an index over all of the data.

        Raises:
            DataError: there are no images.
        """
        if not len(data):
            raise DataError(data.name, "holds no images", "name data with images")
        if isinstance(data, Hashed):
            base = np.array([int(text[:16], 16) for text in data.hashes], np.uint64)
            order = np.argsort(base, kind="stable")
            ranked = base[order]
            first = np.searchsorted(ranked, ranked)
            # Copies of an image are told apart by their number.
            base[order] += np.arange(len(base), dtype=np.uint64) - first.astype(np.uint64)
        else:
            whole = hashlib.sha256(data.digest.encode()).digest()[:8]
            base = np.arange(len(data), dtype=np.uint64)
            base += np.uint64(int.from_bytes(whole, "little") >> 1)
        return cls(_mixed(base), ceil(2 ** (ceil(STEPS * log2(len(data)) - 1e-9) / STEPS)))

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.keys)

    @cached_property
    def sampled(self) -> Positions:
        """Positions in the data, ascending, of the images whose activations are kept."""
        return np.sort(np.argsort(self.keys, kind="stable")[:RESERVOIR])

    @cached_property
    def slots(self) -> Positions:
        """Shape (n,): place of each image among the sampled; -1 where it is not."""
        slots = np.full(len(self), -1)
        slots[self.sampled] = np.arange(len(self.sampled))
        return slots

    @property
    def each(self) -> int:
        """Positions sampled of a map, of every ``stride``-th image."""
        return max(1, ceil(SAMPLE / self.capacity))

    @property
    def stride(self) -> int:
        """One image in how many has its map sampled."""
        return max(1, self.capacity // SAMPLE)

    def mapped(self, positions: Positions) -> NDArray[np.bool_]:
        """Of which of these images the maps are sampled."""
        found: NDArray[np.bool_] = self.keys[positions] % np.uint64(self.stride) == 0
        return found

    def places(self, positions: Positions, size: int) -> Positions:
        """Where in a map of so many places each image is sampled: shape (images, places).

        All of a small map; of a larger one a place in each of equal parts.
        """
        if size <= self.each:
            return np.broadcast_to(np.arange(size), (len(positions), size))
        part = np.arange(self.each, dtype=np.uint64)
        chance = _mixed(self.keys[positions][:, None] + part) >> np.uint64(11)
        share = (part + chance * 2.0**-53) / self.each
        return np.minimum((share * size).astype(np.int64), size - 1)

    def tail(self, size: int) -> int:
        """How many of a unit's highest sampled places hold its 0.95 quantile, with a margin."""
        rows = min(size, self.each) * (self.capacity / self.stride)
        return int(rows * (1 - HIGH) * 1.1) + 32


class Tally:
    """What some images came to: a partial index of the units of one layer.

    Attributes:
        plan: what is sampled.
        seen: shape (n,): which images were counted.
        values: shape (sampled, units): activations of the sampled images that were counted.
        broken: shape (units,): how many images were answered with NaN or infinity.
        size: places of a map; 0 without maps, or before any was seen.
        rows: how many places were sampled of each unit.
    """

    def __init__(self, plan: Plan, units: int) -> None:
        """Begin with no image."""
        self.plan = plan
        self.seen = np.zeros(len(plan), bool)
        # Written at once: memory is as large at the first image as at the last.
        self.values = np.full((len(plan.sampled), units), 0, np.float32)
        self.broken = np.zeros(units, np.int64)
        self.size = self.rows = 0
        self._top, self._bottom = (Highest(units, KEPT, np.uint64(0)) for _ in range(2))
        self._tail = Highest(units, 0, np.float32(-np.inf))

    @property
    def units(self) -> int:
        """How many units are counted."""
        return len(self.broken)

    @property
    def nbytes(self) -> int:
        """Memory it takes, from the first image with maps to the last."""
        ends = self._top.nbytes + self._bottom.nbytes
        return self.values.nbytes + ends + self._tail.nbytes

    @property
    def sampled(self) -> int:
        """Of that, what the sample of places takes."""
        return self._tail.nbytes

    @property
    def ends(self) -> Keys:
        """Shape (2, units, KEPT): the entries at each end, see :func:`packed`, ascending."""
        return np.stack([self._top.kept, self._bottom.kept])

    @property
    def tail(self) -> Array:
        """Shape (units, T): the highest of the sampled places, ascending; -inf where fewer."""
        return self._tail.kept

    def add(
        self, positions: Positions, values: Array, places: Array | None = None, size: int = 0
    ) -> None:
        """Count images that were not counted before.

        Args:
            positions: of the images in the data.
            values: shape (images, units): activations.
            places: shape (places, units): sampled from the maps, see :meth:`Plan.places`.
            size: places of a map.
        """
        self.seen[positions] = True
        slots = self.plan.slots[positions]
        self.values[slots[slots >= 0]] = values[slots >= 0]
        self.broken += np.count_nonzero(~np.isfinite(values), axis=0)
        for end, entries in zip((self._top, self._bottom), packed(values, positions), strict=True):
            end.add(entries)
        if places is not None and len(places):
            self._sized(size)
            self._tail.add(places.T)
            self.rows += len(places)

    def merge(self, other: Tally) -> Tally:
        """One that counts the images of both: associative and commutative, to the last bit.

        Raises:
            DataError: they are of other data or units, or have images in common.
        """
        mine, yours = self.plan, other.plan
        if not np.array_equal(mine.keys, yours.keys) or self.units != other.units:
            raise DataError("a partial index", "is of other data", "merge indexes of one plan")
        if (self.seen & other.seen).any():
            raise DataError("a partial index", "counts images twice", "give disjoint images")
        both = Tally(mine, self.units)
        both.seen = self.seen | other.seen
        mine_seen = self.seen[mine.sampled][:, None]
        both.values = np.where(mine_seen, self.values, other.values)
        both.broken = self.broken + other.broken
        for part in (self, other):
            both.take(part.ends, part.tail, part.size, part.rows)
        return both

    def take(self, ends: Keys, tail: Array, size: int, rows: int) -> None:
        """Take in what another kept of its images at the ends, and of ``rows`` sampled places."""
        for mine, entries in zip((self._top, self._bottom), ends, strict=True):
            mine.add(entries)
        if size:
            self._sized(size)
            self._tail.add(tail)
            self.rows += rows

    def thresholds(self) -> Array | None:
        """Shape (units,): the 0.95 quantile of each unit's sampled places; None without maps."""
        if not self.rows:
            return None
        at, tail = HIGH * (self.rows - 1), self.tail
        below = int(at)
        # Counted from the end: the last of the tail is the highest of all.
        low, high = (
            tail[:, max(i - self.rows, -tail.shape[1])]
            for i in (below, min(below + 1, self.rows - 1))
        )
        with np.errstate(invalid="ignore"):  # Units that answer with infinity are refused later.
            found: Array = (low + (high - low) * np.float32(at - below)).astype(np.float32)
        return found

    def _sized(self, size: int) -> None:
        if not self.size:
            self.size = size
            self._tail = Highest(self.units, self.plan.tail(size), np.float32(-np.inf))


def packed(values: Array, positions: Positions) -> tuple[Keys, Keys]:
    """Activation and position of an image in one number, which orders both: shape (units, n).

    Returns:
        For the top and the bottom: the entry wanted most is the largest, and of equal activations
        that of the earlier image. NaN comes last.
    """
    bits = (values.T + np.float32(0)).view(np.uint32)  # + 0 makes -0 and 0 the same.
    # The bits of floats ascend with them once negative ones are flipped.
    rank = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
    early = np.uint64(0xFFFFFFFF) - positions.astype(np.uint64)
    lost = np.isnan(values.T)
    ends = (rank, np.uint64(0xFFFFFFFF) - rank)
    top, bottom = (np.where(lost, 0, rank << np.uint64(32) | early) for rank in ends)
    return top, bottom


def unpacked(entries: Keys) -> Positions:
    """The positions in entries, those wanted most first; empty entries are left out."""
    found = np.sort(entries[entries > 0])[::-1]
    return (np.uint64(0xFFFFFFFF) - (found & np.uint64(0xFFFFFFFF))).astype(np.int64)


def _mixed(numbers: Keys) -> Keys:
    """Numbers that look random, one for one (the finaliser of splitmix64)."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
