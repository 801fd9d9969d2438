"""Several conditions set against a control: means with spread, differences with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import provenance
from maia_lab.errors import DataError
from maia_lab.observation import Measurement
from maia_lab.system import System

RESAMPLES = 2000
"""Of the bootstrap: the ends of a 95 % interval then wander by about a tenth of its width."""

STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14)
"""Student's t at 97.5 % for 1, 2, … degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What ``tools.compare`` returns: print it, or index it by a condition's name."""

    conditions: tuple[Measurement, ...]
    """Highest mean first."""

    def __getitem__(self, condition: str) -> Measurement:
        """The measurement of a condition."""
        return {m.condition: m for m in self.conditions}[condition]

    def __str__(self) -> str:
        """A table, one line a condition."""
        width = max(len("condition"), *(len(m.condition) for m in self.conditions))
        head = f"{'condition':<{width}}   n    mean ± sd         vs control           active  pct"
        return "\n".join([head, *(self._line(m, width) for m in self.conditions)])

    __repr__ = __str__

    @staticmethod
    def _line(m: Measurement, width: int) -> str:
        if not m.control:
            versus = "—"
        elif np.isinf(m.low):
            versus = f"{m.difference:+.2f} (one image)"
        else:
            versus = f"{m.difference:+.2f} [{m.low:+.2f}, {m.high:+.2f}]"
        return (
            f"{m.condition:<{width}} {m.n:>3} {m.mean:>7.2f} ± {m.sd:<6.2f}  {versus:<22}"
            f" {m.share_high:>5.0%} {m.percentile:>4.0f}"
        )

    @classmethod
    def measure(
        cls, system: System, groups: Mapping[str, Sequence[Image.Image]], control: str, seed: int
    ) -> Comparison:
        """Show every group to the unit, in one batch.

        Raises:
            DataError: there is no condition, one has no images, or the control is none of them.
        """
        for name, images in groups.items():
            if not images:
                raise DataError(name, "is a condition without images", "give it at least two")
        if control not in groups:
            raise DataError(
                control, "is not one of the conditions", f"name one of {', '.join(groups)}"
            )
        values = system.values(list(chain.from_iterable(groups.values())))
        measured, start = [], 0
        for name, images in groups.items():
            own = values[start : start + len(images)]
            start += len(images)
            mean = float(own.mean())
            measured.append(
                Measurement(
                    condition=name,
                    values=tuple(float(v) for v in own),
                    bases=tuple(provenance.base(image) for image in images),
                    mean=mean,
                    sd=float(own.std(ddof=1)) if len(own) > 1 else 0.0,
                    share_high=float((own > system.reference.high).mean()),
                    percentile=system.reference.percentile(mean),
                    control="" if name == control else control,
                    source=", ".join(sorted({_source(image) for image in images})),
                )
            )
        (against,) = (m for m in measured if m.condition == control)
        spread = system.reference.sd
        compared = [m if m is against else _against(m, against, spread, seed) for m in measured]
        return cls(tuple(sorted(compared, key=lambda m: -m.mean)))


def difference(a: Measurement, b: Measurement, seed: int = 0) -> tuple[float, float, float]:
    """Mean of ``a`` minus mean of ``b``, with its 95 % bootstrap interval.

    Bases are resampled, not images: five edits of one picture are one piece of evidence. Where
    every base of one is also in the other, differences are taken within the bases they share. A
    plain percentile interval is far too narrow for a handful of bases, so each side's resampled
    means are stretched about their centre by Student's t and the bias of the resampled variance.
    With a single base on either side there is no interval: it is infinite.
    """
    first, second = _by_base(a), _by_base(b)
    random = np.random.default_rng(seed)
    shared = sorted(first.keys() & second.keys())
    if len(shared) == min(len(first), len(second)):
        parts = [np.array([first[base] - second[base] for base in shared])]
    else:
        parts = [np.array(list(first.values())), -np.array(list(second.values()))]
    point = float(sum(part.mean() for part in parts))
    if min(len(part) for part in parts) < 2:
        return point, -np.inf, np.inf
    drawn = sum(_resampled(part, random) for part in parts)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return point, float(low), float(high)


def _resampled(part: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    n = len(part)
    means = part[random.integers(0, n, (RESAMPLES, n))].mean(1)
    t = STUDENT[n - 2] if n - 2 < len(STUDENT) else 1.96 + 2.4 / (n - 1)
    stretched: NDArray[np.float64] = part.mean() + (means - part.mean()) * (
        t / 1.96 * np.sqrt(n / (n - 1))
    )
    return stretched


def _against(m: Measurement, control: Measurement, spread: float, seed: int) -> Measurement:
    delta, low, high = difference(m, control, seed)
    # A unit that never varies over the data has no yardstick: its effects are counted as they are.
    effect = delta / spread if spread > 0 else delta
    return replace(m, difference=delta, low=low, high=high, effect=effect)


def _by_base(m: Measurement) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for base, value in zip(m.bases, m.values, strict=True):
        groups.setdefault(base, []).append(value)
    return {base: float(np.mean(values)) for base, values in groups.items()}


def _source(image: Image.Image) -> str:
    known = provenance.origin(provenance.original(image))
    return known.by if known is not None else "experiment code"
