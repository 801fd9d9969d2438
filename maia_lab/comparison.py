"""Several conditions set against a control: means with spread, differences with an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import provenance
from maia_lab.errors import DataError, WorldError
from maia_lab.observation import Measurement
from maia_lab.system import Reference, System
from maia_lab.world import Words

RESAMPLES = 2000
"""Of the bootstrap: the ends of a 95 % interval then wander by about a tenth of its width."""

USUAL = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of the data that a measurement keeps beside it."""

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
        lines = [head, *(self._line(m, width) for m in self.conditions)]
        if len({value for m in self.conditions for value in m.values}) == 1:
            lines.append(
                "The unit answered every image with the same value: nothing tells them apart."
            )
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: object) -> object:
        # What IPython asks of anything it shows: the table, and beside it the plot.
        from maia_lab import plots

        plot = plots.conditions(self.conditions)
        content, metadata = plot._repr_mimebundle_() if plot is not None else ({}, {})
        return content | {"text/plain": str(self)}, metadata

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
        cls,
        system: System,
        groups: Mapping[str, Sequence[Image.Image]],
        control: str,
        seed: int,
        words: Words | None = None,
    ) -> Comparison:
        """Show every group to the unit, in one batch; ``words`` say what a group's images share.

        Raises:
            DataError: there is no condition, one has no images or no name of its own, or the
                control is none of them.
        """
        _named(groups)
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
            m = measurement(name, own, images, system.reference, words)
            measured.append(replace(m, control="" if name == control else control))
        (against,) = (m for m in measured if m.condition == control)
        spread = system.reference.sd
        compared = [m if m is against else _against(m, against, spread, seed) for m in measured]
        return cls(tuple(sorted(compared, key=lambda m: -m.mean)))


def measurement(
    condition: str,
    values: NDArray[np.float32],
    images: Sequence[Image.Image],
    reference: Reference,
    words: Words | None = None,
) -> Measurement:
    """What is kept of one condition: how the unit answered its images, and what they are."""
    # In 32 bits the mean of equal numbers is another number.
    mean = float(values.mean(dtype=np.float64))
    return Measurement(
        condition=condition,
        values=tuple(float(v) for v in values),
        bases=tuple(provenance.base(image) for image in images),
        mean=mean,
        sd=float(values.std(ddof=1, dtype=np.float64)) if len(values) > 1 else 0.0,
        share_high=float((values > reference.high).mean()),
        percentile=reference.percentile(mean),
        control="",
        source=", ".join(sorted({_source(image) for image in images})),
        prompts=_prompts(images),
        shared=_shared(images, words),
        usual=tuple(reference.quantile(share) for share in USUAL),
    )


class Difference(NamedTuple):
    """How far two conditions lie apart, and how sure that is."""

    value: float
    low: float
    """Of the 95 % interval; minus infinity where one image cannot give one."""
    high: float
    p: float
    """Of no difference, two-sided, before any correction: Student's t over bases (Welch's where
    the conditions are not paired), or by permutation where nothing varies. 1.0 where one image
    cannot give one."""


@lru_cache(maxsize=4096)
def difference(a: Measurement, b: Measurement, seed: int = 0) -> Difference:
    """Mean of ``a`` minus mean of ``b``, with its 95 % bootstrap interval.

    Bases are resampled, not images: five edits of one picture are one piece of evidence. Where
    every base of one is also in the other, differences are taken within the bases they share; but
    images that are a part of the others, with the same answers, are set against the rest of them.
    A plain percentile interval is far too narrow for a handful of bases, so each side's resampled
    means are stretched about their centre by Student's t and the bias of the resampled variance.
    With a single base on either side there is no interval: it is infinite. Where nothing varies, as
    of a unit that is on or off, it is as wide as so few can leave unseen.
    """
    first, second = by_base(a), by_base(b)
    if len(first) < len(second) and first.items() <= second.items():
        second = {base: value for base, value in second.items() if base not in first}
    elif len(second) < len(first) and second.items() <= first.items():
        first = {base: value for base, value in first.items() if base not in second}
    random = np.random.default_rng(seed)
    shared = sorted(first.keys() & second.keys())
    if len(shared) == min(len(first), len(second)):
        parts = [np.array([first[base] - second[base] for base in shared])]
    else:
        parts = [np.array(list(first.values())), -np.array(list(second.values()))]
    point = float(sum(part.mean() for part in parts))
    if min(len(part) for part in parts) < 2:
        return Difference(point, -np.inf, np.inf, 1.0)
    if not any(np.ptp(part) for part in parts):
        # What never varied may yet: of n that were on, the next is off with a chance of up to this.
        unseen = sum(1 - 0.025 ** (1 / len(part)) for part in parts)
        low, high = sorted((point, point * (1 - unseen)))
        return Difference(point, low, high, _p(point, parts))
    drawn = sum(resampled(part, random) for part in parts)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Difference(point, float(low), float(high), _p(point, parts))


def _p(point: float, parts: Sequence[NDArray[np.float64]]) -> float:
    from scipy.special import stdtr

    errors = [part.var(ddof=1) / len(part) for part in parts]
    if sum(errors) <= 0:
        # Neither side varies, as of a unit that is on or off. By a permutation test it comes out so
        # once in as many ways as there are to turn the signs, or to deal the images, anew.
        sizes = [len(part) for part in parts]
        ways = comb(sum(sizes), sizes[0]) if sizes[1:] else 2 ** sizes[0]
        return min(1.0, 2 / ways) if point else 1.0
    freedom = sum(errors) ** 2 / sum(
        e**2 / (len(part) - 1) for e, part in zip(errors, parts, strict=True)
    )
    return float(2 * stdtr(freedom, -abs(point) / sum(errors) ** 0.5))


def only(m: Measurement, bases: Callable[[str], bool]) -> Measurement | None:
    """A measurement of those images alone whose base is wanted; None if there is none."""
    kept = [(v, b) for v, b in zip(m.values, m.bases, strict=True) if bases(b)]
    if len(kept) == m.n:
        return m
    values = tuple(value for value, _ in kept)
    found = replace(m, values=values, bases=tuple(base for _, base in kept))
    return replace(found, mean=float(np.mean(values))) if values else None


def resampled(part: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Bootstrapped means of two values or more, stretched to what so few can tell of the mean."""
    n = len(part)
    means = part[random.integers(0, n, (RESAMPLES, n))].mean(1)
    t = STUDENT[n - 2] if n - 2 < len(STUDENT) else 1.96 + 2.4 / (n - 1)
    stretched: NDArray[np.float64] = part.mean() + (means - part.mean()) * (
        t / 1.96 * np.sqrt(n / (n - 1))
    )
    return stretched


def _against(m: Measurement, control: Measurement, spread: float, seed: int) -> Measurement:
    delta, low, high, _ = difference(m, control, seed)
    # A unit that never varies over the data has no yardstick: its effects are counted as they are.
    effect = delta / spread if spread > 0 else delta
    return replace(m, difference=delta, low=low, high=high, effect=effect)


def by_base(m: Measurement) -> dict[str, float]:
    """The mean answer to the images of each base."""
    groups: dict[str, list[float]] = {}
    for base, value in zip(m.bases, m.values, strict=True):
        groups.setdefault(base, []).append(value)
    return {base: float(np.mean(values)) for base, values in groups.items()}


def _source(image: Image.Image) -> str:
    known = provenance.origin(provenance.original(image))
    return known.by if known is not None else "experiment code"


def _prompts(images: Sequence[Image.Image]) -> tuple[str, ...]:
    known = [provenance.origin(provenance.original(image)) for image in images]
    drawn = [o.text for o in known if o is not None and o.kind == "generated"]
    return tuple(dict.fromkeys(drawn)) if len(drawn) == len(images) else ()


def _shared(images: Sequence[Image.Image], words: Words | None) -> tuple[str, ...]:
    if words is None or len(images) < 2:
        return ()
    try:
        held = [words.concepts(provenance.original(image)) for image in images]
    except WorldError:  # Experiment code changed an image, and nobody knows what it shows now.
        return ()
    return tuple(sorted(frozenset.intersection(*held)))


def _named(groups: Mapping[str, object]) -> None:
    """Refuse names that could not be told apart in the ledger."""
    said: dict[str, str] = {}
    for name in groups:
        if not isinstance(name, str) or not name.strip():
            raise DataError(repr(name), "is no name for a condition", "say in words what it shows")
        plain = " ".join(name.lower().split())
        if plain in said:
            raise DataError(
                f"{name!r} beside {said[plain]!r}",
                "are two names for one condition",
                "put their images together, or name what differs",
            )
        said[plain] = name
