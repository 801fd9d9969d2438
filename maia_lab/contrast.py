"""The same images shown to several units: do they answer alike, and where do they not?

Activations are counted in standard deviations above each unit's own mean over the data, so that a
unit and its copy at another scale come out equal. Whether two units differ is judged by swapping
them: if they answer alike but for noise, then for each image it is chance which of the two answers
more. The largest difference in any condition is held against the largest of such swaps (Westfall
and Young 1993), so that looking at many conditions finds no more differences than looking at one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.comparison import difference, measurement
from maia_lab.errors import DataError
from maia_lab.grid import Grid, Tile
from maia_lab.observation import Measurement
from maia_lab.system import Reference, System, masked
from maia_lab.world import Words

SWAPS = 4999
"""Times that units are swapped at random: a p-value is then at least 1 in 5000."""
ALPHA = 0.01
"""Chance that equal units are found to differ in any condition."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How far two units lie apart in one condition."""

    condition: str
    first: str
    """Address of one unit …"""
    second: str
    """… and of the other."""
    n: int
    """Bases: images that are not edits of each other."""
    difference: float
    """Mean answer of ``second`` minus that of ``first``, in standard deviations over the data."""
    low: float
    """Of its 95 % interval, uncorrected."""
    high: float
    p: float
    """Of no difference, corrected for all conditions and pairs that were tested with it."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """What ``tools.contrast`` returns: print it."""

    conditions: tuple[Measurement, ...]
    """Of each condition and unit; values in standard deviations above the unit's mean."""
    gaps: tuple[Gap, ...]
    """Largest difference first."""
    ranks: tuple[tuple[str, str, float | None], ...]
    """For each pair of units, Spearman's rank correlation over all images; None where a unit
    answers all of them alike."""

    def __str__(self) -> str:
        """The correlation of each pair, then a line a condition and pair."""
        lines = [
            f"{first} and {second}: rank correlation "
            + ("not defined, a unit answers all alike" if r is None else f"{r:.2f}")
            for first, second, r in self.ranks
        ]
        width = max(len("condition"), *(len(gap.condition) for gap in self.gaps))
        several = len(self.ranks) > 1
        lines.append(f"{'condition':<{width}}   n   second minus first, sd    p (corrected)")
        lines += [
            f"{gap.condition:<{width}} {gap.n:>3}   {gap.difference:+.2f}"
            f" [{gap.low:+.2f}, {gap.high:+.2f}]{'*' if gap.p <= ALPHA else ' '}"
            f"  {gap.p:>8.4f}{f'   {gap.first} → {gap.second}' if several else ''}"
            for gap in self.gaps
        ]
        return "\n".join([*lines, f"* differs at {ALPHA:.0%} over all conditions together"])

    __repr__ = __str__

    @classmethod
    def of(cls, measurements: Sequence[Measurement], seed: int = 0) -> Contrast:
        """Read it off measurements, one for each condition and unit."""
        units = list(dict.fromkeys(m.unit for m in measurements))
        pairs = list(combinations(units, 2))
        gaps: list[Gap] = []
        ranks = []
        for first, second in pairs:
            one, other = (
                {m.plain: m for m in measurements if m.unit == unit} for unit in (first, second)
            )
            for (name, a), p in zip(one.items(), _swapped(one, other, seed), strict=True):
                found = difference(other[name], a)
                corrected = min(1.0, p * len(pairs))
                gaps.append(Gap(name, first, second, len(set(a.bases)), *found[:3], corrected))
            ranks.append((first, second, _rank_correlation(one, other)))
        return cls(
            tuple(measurements),
            tuple(sorted(gaps, key=lambda gap: -abs(gap.difference))),
            tuple(ranks),
        )

    @classmethod
    def measure(
        cls,
        systems: Mapping[str, System],
        groups: Mapping[str, Sequence[Image.Image]],
        seed: int = 0,
        words: Words | None = None,
    ) -> Contrast:
        """Show every group to every unit.

        Raises:
            DataError: there are not two units, or a condition has fewer than two images.
        """
        if len(systems) < 2:
            raise DataError(
                f"{len(systems)} units", "cannot be contrasted", "begin with several (maia compare)"
            )
        if poor := [name for name, images in groups.items() if len(images) < 2]:
            raise DataError(poor[0], "has fewer than two images", "give each condition ten or more")
        if not groups:
            raise DataError("nothing", "was given to contrast", "name at least one condition")
        measured: list[Measurement] = []
        for unit, system in systems.items():
            scale = _standard(system.reference.values, system)
            reference = Reference(scale, None)
            values = standardised(system, [i for images in groups.values() for i in images])
            start = 0
            for name, images in groups.items():
                own = values[start : start + len(images)]
                start += len(images)
                measured.append(measurement(name, own, images, reference, words).by(unit))
        return cls.of(_paired(measured), seed)


def standardised(system: System, images: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Answers to images, in standard deviations above the unit's mean over the data."""
    return _standard(system.values(images), system)


def side_by_side(systems: Mapping[str, System], images: Sequence[Image.Image]) -> Grid:
    """A row for each unit: the same images, each with the region and the activation of that unit.

    The activations are standardised, so that they can be read across rows.
    """
    tiles: list[Tile] = []
    for unit, system in systems.items():
        answers = system.activate(images)
        values = _standard(np.array([a.value for a in answers], np.float32), system)
        tiles += [
            Tile(masked(a), unit, float(value)) for a, value in zip(answers, values, strict=True)
        ]
    return Grid(tuple(tiles), len(images) or None)


def _standard(values: NDArray[np.float32], system: System) -> NDArray[np.float32]:
    # A unit that never varies over the data has no yardstick: it is counted as it is.
    spread = system.reference.sd or 1.0
    found: NDArray[np.float32] = (values - system.reference.values.mean()) / np.float32(spread)
    return found


def _paired(measured: Sequence[Measurement]) -> list[Measurement]:
    """Each condition of a further unit against the same of the first."""
    first = {m.plain: m for m in measured if m.unit == measured[0].unit}
    paired = []
    for m in measured:
        against = first[m.plain]
        if m is not against:
            value, low, high, _ = difference(m, against)
            m = replace(m, control=against.condition, difference=value, low=low, high=high)
            m = replace(m, effect=value)
        paired.append(m)
    return paired


def _swapped(
    one: Mapping[str, Measurement], other: Mapping[str, Measurement], seed: int
) -> list[float]:
    """Of each condition, p: how often a swap of the units has so large a difference in any."""
    gaps = {name: _by_base(other[name], m) for name, m in one.items()}
    bases = sorted({base for some in gaps.values() for base in some})
    shares = np.zeros((len(bases), len(gaps)))
    for column, some in enumerate(gaps.values()):
        for row, base in enumerate(bases):
            shares[row, column] = some.get(base, 0.0) / len(some)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (SWAPS, len(bases)))
    found, swapped = np.abs(shares.sum(0)), np.abs(signs @ shares)
    ps, least, left = np.ones(len(gaps)), 0.0, np.zeros(SWAPS)
    # Step down: each is held against those that are no larger, the largest against all.
    order = np.argsort(found)
    for column in order:
        left = np.maximum(left, swapped[:, column])
        # A hair less than what was found: the same sum in another order must count as equal.
        ps[column] = (1 + (left >= found[column] * (1 - 1e-9)).sum()) / (1 + SWAPS)
    for column in order[::-1]:
        least = ps[column] = max(least, ps[column])
    return [float(p) for p in ps]


def _by_base(a: Measurement, b: Measurement) -> dict[str, float]:
    """The mean of ``a`` minus ``b`` for each base."""
    found: dict[str, list[float]] = {}
    for base, x, y in zip(a.bases, a.values, b.values, strict=True):
        found.setdefault(base, []).append(x - y)
    return {base: float(np.mean(values)) for base, values in found.items()}


def _rank_correlation(
    one: Mapping[str, Measurement], other: Mapping[str, Measurement]
) -> float | None:
    from scipy.stats import spearmanr

    a, b = ([v for name in one for v in some[name].values] for some in (one, other))
    if min(len(set(a)), len(set(b))) < 2:
        return None
    return float(spearmanr(a, b).statistic)
