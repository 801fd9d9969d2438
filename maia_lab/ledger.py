"""Predictions against measurements: what speaks for each hypothesis, and what against it.

Two rules keep luck from looking like support. Every predicted difference is corrected for how many
were tested in the session (Holm 1979: it holds however the differences depend on each other, as
those that share a control or an image do). And since experiments adapt to what came out before, a
claim that one step speaks for is only *indicated*; it is *supported* once a later step finds all it
predicts on images whose activations nobody had seen. Such confirmations are a family of their own
for the correction: what they test was written down before their images were measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isinf
from typing import Literal

from maia_lab.comparison import difference, only
from maia_lab.events import Event, Observed, Offered
from maia_lab.observation import Measurement
from maia_lab.proposal import Hypothesis, Prediction, Proposal

Status = Literal["supported", "indicated", "contradicted", "unclear", "untested"]
"""``indicated``: not yet confirmed on fresh images; ``unclear``: tested, and no difference was
clear; ``untested``: no prediction of it was measured."""
Side = Literal["for", "against", "unclear"]
ALPHA = 0.05
"""Chance that a session with nothing to find has a clear difference nevertheless."""


@dataclass(frozen=True, slots=True)
class Check:
    """One prediction met by one measured difference."""

    step: int
    higher: str
    """The condition that was predicted to be higher …"""
    lower: str
    """… than this one."""
    difference: float
    """Measured mean of ``higher`` minus measured mean of ``lower``."""
    low: float
    """95 % interval of the difference; infinite where one image cannot give one."""
    high: float
    p: float = 1.0
    """Of no difference, after correction for all that the session tested."""
    fresh: bool = False
    """A confirmation: an earlier step spoke for the hypothesis, and nobody had seen how the unit
    answers these images. Others that the conditions held are left out of it."""
    left: float | None = None
    """What ``lower`` has of the rise of ``higher`` above the lowest condition of the step, 1 being
    all of it; None where ``lower`` is the lowest itself, or the higher of the two."""

    @property
    def speaks(self) -> Side:
        """For or against, if the difference is clear: after correction, and by its interval."""
        if self.p > ALPHA:
            return "unclear"
        return "for" if self.low > 0 else "against" if self.high < 0 else "unclear"

    @property
    def anecdote(self) -> bool:
        """Whether a side has a single image, or edits of a single one."""
        return isinf(self.low)

    def __str__(self) -> str:
        """In words."""
        said = f"step {self.step}: {self.higher} minus {self.lower} is {self.difference:+.2f}"
        return (
            f"{said} (one image)"
            if self.anecdote
            else f"{said} [{self.low:+.2f}, {self.high:+.2f}]"
        )


@dataclass(frozen=True)
class Finding:
    """A hypothesis with all that was measured of it."""

    hypothesis: Hypothesis
    checks: tuple[Check, ...] = ()

    def speaking(self, side: Side) -> tuple[Check, ...]:
        """The checks on one side."""
        return tuple(check for check in self.checks if check.speaks == side)

    @cached_property
    def confirmed_in(self) -> int | None:
        """The step that found all it predicts, on fresh images; None if there is none yet."""
        unclear = {check.step for check in self.checks if check.speaks != "for"}
        fresh = (check.step for check in self.checks if check.fresh)
        return next((step for step in fresh if step not in unclear), None)

    @cached_property
    def status(self) -> Status:
        """One clear contradiction outweighs any number of confirmations."""
        if self.speaking("against"):
            return "contradicted"
        if self.confirmed_in is not None:
            return "supported"
        return "indicated" if self.speaking("for") else "unclear" if self.checks else "untested"


@dataclass(frozen=True, slots=True)
class Ledger:
    """All hypotheses and all measurements of a session. Nothing in it is anybody's say."""

    findings: Mapping[str, Finding]
    """By hypothesis id, in order of appearance."""
    measurements: tuple[tuple[int, Measurement], ...]
    """(step, measurement), in order."""
    remarks: tuple[tuple[int, str], ...] = ()
    """(step, what its tools noticed): edits that changed nothing, pictures measured twice."""

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Ledger:
        """Read the ledger off a session's events."""
        texts: dict[str, Hypothesis] = {}
        # By id and wording: reworded it is another claim, and nothing was measured of it yet.
        checks: dict[tuple[str, str], list[Check]] = {}
        predicted: dict[int, tuple[Prediction, ...]] = {}
        rows: list[tuple[int, Measurement]] = []
        remarks: list[tuple[int, str]] = []
        known: set[str] = set()
        for event in events:
            match event:
                case Offered(step=step, proposal=Proposal() as proposal):
                    texts |= {h.id: h for h in proposal.hypotheses}
                    predicted[step] = proposal.predicts
                case Observed(step=step, observation=observation):
                    known.update(observation.looked)
                    measured = _Step(step, observation.measurements, frozenset(known))
                    for prediction in predicted.get(step, ()):
                        h = texts.setdefault(prediction.hypothesis, _unsaid(prediction.hypothesis))
                        found = checks.setdefault(_wording(h), [])
                        again = any(c.step < step and c.low > 0 for c in found)
                        found += measured.checks(prediction, again=again)
                    rows += [(step, m) for m in observation.measurements]
                    remarks += [(step, text) for text in observation.remarks]
                    known.update(base for m in observation.measurements for base in m.bases)
                case _:
                    continue
        corrected = _corrected(checks)
        return cls(
            {i: Finding(h, tuple(corrected.get(_wording(h), ()))) for i, h in texts.items()},
            tuple(rows),
            tuple(remarks),
        )


def _unsaid(name: str) -> Hypothesis:
    return Hypothesis(name, name)


def _wording(h: Hypothesis) -> tuple[str, str]:
    return h.id, " ".join(h.text.split())


@dataclass(frozen=True, slots=True)
class _Step:
    """What one step measured, and which images had been seen before."""

    number: int
    measurements: Sequence[Measurement]
    known: frozenset[str]

    def checks(self, prediction: Prediction, *, again: bool) -> Iterator[Check]:
        """Each predicted pair as it was measured, within one comparison where it can be."""
        for first in self.measurements:
            if first.condition not in prediction.higher:
                continue
            for lower in prediction.lower or (first.control,):
                named = [m for m in self.measurements if m.condition == lower != first.condition]
                within = [m for m in named if m.comparison == first.comparison]
                for second in (within or named)[-1:]:
                    yield self._check(first, second, again=again)

    def _check(self, first: Measurement, second: Measurement, *, again: bool) -> Check:
        found, fresh = difference(first, second), False
        if again:
            new = [only(m, lambda base: base not in self.known) for m in (first, second)]
            if new[0] is not None and new[1] is not None:
                confirming = difference(new[0], new[1])
                if fresh := not isinf(confirming.low):
                    found = confirming
        return Check(
            self.number,
            first.condition,
            second.condition,
            *found,
            fresh,
            self._left(first, second),
        )

    def _left(self, first: Measurement, second: Measurement) -> float | None:
        floor = min(m.mean for m in self.measurements)
        if not floor < second.mean <= first.mean:
            return None
        return (second.mean - floor) / (first.mean - floor)


def _corrected(
    checks: Mapping[tuple[str, str], Sequence[Check]],
) -> dict[tuple[str, str], list[Check]]:
    """Checks with their p-values corrected, those of confirmations apart from the others."""
    corrected: dict[int, Check] = {}
    for fresh in (True, False):
        family = [c for found in checks.values() for c in found if c.fresh is fresh]
        for check, p in zip(family, holm([c.p for c in family]), strict=True):
            corrected[id(check)] = replace(check, p=p)
    return {name: [corrected[id(c)] for c in found] for name, found in checks.items()}


def holm(ps: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down procedure, in the order given.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = largest
    return adjusted
