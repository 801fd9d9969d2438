"""The same images shown to several units: do they answer alike, and where do they not?

Activations are counted in standard deviations above each unit's own mean over the data, so that a
unit and its copy at another scale come out equal. Whether two units differ is judged by swapping
them: if they answer alike but for noise, then for each image it is chance which of the two answers
more. Mean and deviation are noisy themselves, so images of the data are swapped too, and every swap
is brought to scale anew. The largest difference in any condition is held against the largest of
such swaps (Westfall and Young 1993), so that looking at many conditions finds no more differences
than looking at one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.comparison import by_base, difference, measurement
from maia_lab.errors import DataError
from maia_lab.grid import Grid, Tile
from maia_lab.observation import Measurement
from maia_lab.system import Reference, System, masked
from maia_lab.world import Words

SWAPS = 4999
"""Times that units are swapped at random: a p-value is then at least 1 in 5000."""
USUAL = "the data"
"""What a unit's answers to the data are called among its conditions."""
ROUNDING = 1e-5
"""A gap that numbers of 32 bits may open between a unit and its exact copy at another scale."""
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
    """Of each unit :data:`USUAL`, then each condition; values in standard deviations above the
    unit's mean."""
    gaps: tuple[Gap, ...]
    """Largest difference first."""
    ranks: tuple[tuple[str, str, float | None], ...]
    """For each pair of units, Spearman's rank correlation over the data; None where a unit answers
    all of it alike."""

    def __str__(self) -> str:
        """The correlation of each pair, then a line a condition and pair."""
        lines = [
            f"{first} and {second}: rank correlation "
            + ("not defined, a unit answers all alike" if r is None else f"{r:.2f}")
            for first, second, r in self.ranks
        ]
        width = max(map(len, ["condition", *(gap.condition for gap in self.gaps)]))
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
            scale = one.pop(USUAL), other.pop(USUAL)
            ranks.append((first, second, _rank_correlation(*scale)))
            for (name, a), p in zip(one.items(), _swapped(one, other, scale, seed), strict=True):
                found = difference(other[name], a)
                corrected = min(1.0, p * len(pairs))
                gaps.append(Gap(name, first, second, len(set(a.bases)), *found[:3], corrected))
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
        usual: Mapping[str, NDArray[np.float32]],
        seed: int = 0,
        words: Words | None = None,
    ) -> Contrast:
        """Show every group to every unit.

        Args:
            systems: the units by address.
            groups: images by condition.
            usual: each unit's answers to the same images of the data, in the same order.
            seed: of the swaps.
            words: say what a group's images share.

        Raises:
            DataError: there are not two units, or a condition has fewer than two images.
        """
        if len(systems) < 2:
            raise DataError(
                f"{len(systems)} units", "cannot be contrasted", "begin with several (maia compare)"
            )
        if poor := [name for name, images in groups.items() if len(images) < 2]:
            raise DataError(poor[0], "has fewer than two images", "give each condition ten or more")
        measured: list[Measurement] = []
        for unit, system in systems.items():
            scale = _standard(system.reference.values, system)
            reference = Reference(scale, None)
            values = standardised(system, [i for images in groups.values() for i in images])
            measured.append(_usual(_standard(usual[unit], system), reference).by(unit))
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
    mean = system.reference.values.mean(dtype=np.float64)
    found: NDArray[np.float32] = ((values - mean) / spread).astype(np.float32)
    return found


def _usual(values: NDArray[np.float32], reference: Reference) -> Measurement:
    mean = float(values.mean(dtype=np.float64))
    return Measurement(
        condition=USUAL,
        values=tuple(float(v) for v in values),
        # Their places are enough to tell which are the same: nothing is edited from them.
        bases=tuple(map(str, range(len(values)))),
        mean=mean,
        sd=float(values.std(ddof=1, dtype=np.float64)),
        share_high=float((values > reference.high).mean()),
        percentile=reference.percentile(mean),
        control="",
        source="data",
    )


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
    one: Mapping[str, Measurement],
    other: Mapping[str, Measurement],
    scale: tuple[Measurement, Measurement],
    seed: int,
) -> list[float]:
    """Of each condition, p: how often a swap of the units has so large a difference in any."""
    bases = sorted({base for m in one.values() for base in m.bases})
    sums, halves = np.zeros(len(one)), np.zeros((len(bases), len(one)))
    for column, name in enumerate(one):
        a, b = by_base(one[name]), by_base(other[name])
        sums[column] = np.mean([a[base] + b[base] for base in a])
        for row, base in enumerate(bases):
            halves[row, column] = (b[base] - a[base]) / 2 / len(a) if base in a else 0.0
    chance = np.random.default_rng(seed)
    # The first row is what was found: nothing is swapped.
    signs = _signs(chance, len(bases)) @ halves
    x, y = (np.array(m.values) for m in scale)
    turned = _signs(chance, len(x)) @ np.column_stack([y - x, y**2 - x**2]) / 2 / len(x)
    gaps = np.zeros_like(signs)
    for side in (1, -1):
        mean = (x + y).mean() / 2 + side * turned[:, 0]
        square = (x**2 + y**2).mean() / 2 + side * turned[:, 1]
        spread = np.sqrt(np.maximum(square - mean**2, 0))
        spread[spread == 0] = 1
        gaps += side * ((sums / 2 + side * signs) - mean[:, None]) / spread[:, None]
    gaps[np.abs(gaps) < ROUNDING] = 0
    found, swapped = np.abs(gaps[0]), np.abs(gaps[1:])
    ps, least, left = np.ones(len(one)), 0.0, np.zeros(SWAPS)
    # Step down: each is held against those that are no larger, the largest against all.
    order = np.argsort(found)
    for column in order:
        left = np.maximum(left, swapped[:, column])
        # A hair less than what was found: the same sum in another order must count as equal.
        ps[column] = (1 + (left >= found[column] * (1 - 1e-9)).sum()) / (1 + SWAPS)
    for column in order[::-1]:
        least = ps[column] = max(least, ps[column])
    return [float(p) for p in ps]


def _signs(chance: np.random.Generator, n: int) -> NDArray[np.float64]:
    """A row for each swap of the units, by chance in each of ``n`` images; in the first, none."""
    signs = chance.choice((-1.0, 1.0), (1 + SWAPS, n))
    signs[0] = 1
    return signs


def _rank_correlation(one: Measurement, other: Measurement) -> float | None:
    from scipy.stats import spearmanr

    if min(len(set(one.values)), len(set(other.values))) < 2:
        return None
    return float(spearmanr(one.values, other.values).statistic)
