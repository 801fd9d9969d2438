"""Predictions against measurements: what speaks for each hypothesis, and what against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from maia_lab.comparison import difference
from maia_lab.events import Event, Observed, Offered
from maia_lab.observation import Measurement
from maia_lab.proposal import Conclusion, Hypothesis, Prediction, Proposal

Status = Literal["supported", "contradicted", "untested"]


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

    @property
    def speaks(self) -> Literal["for", "against", "unclear"]:
        """For, if the interval lies above zero; against, if below; else unclear."""
        return "for" if self.low > 0 else "against" if self.high < 0 else "unclear"

    def __str__(self) -> str:
        """In words."""
        return (
            f"step {self.step}: {self.higher} minus {self.lower} is {self.difference:+.2f}"
            f" [{self.low:+.2f}, {self.high:+.2f}]"
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A hypothesis with all that was measured of it."""

    hypothesis: Hypothesis
    checks: tuple[Check, ...] = ()

    def speaking(self, side: Literal["for", "against", "unclear"]) -> tuple[Check, ...]:
        """The checks on one side."""
        return tuple(check for check in self.checks if check.speaks == side)

    @property
    def status(self) -> Status:
        """One clear contradiction outweighs any number of confirmations."""
        if self.speaking("against"):
            return "contradicted"
        return "supported" if self.speaking("for") else "untested"


@dataclass(frozen=True, slots=True)
class Ledger:
    """All hypotheses and all measurements of a session. Nothing in it is anybody's say."""

    findings: Mapping[str, Finding]
    """By hypothesis id, in order of appearance."""
    measurements: tuple[tuple[int, Measurement], ...]
    """(step, measurement), in order."""

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Ledger:
        """Read the ledger off a session's events."""
        texts: dict[str, Hypothesis] = {}
        checks: dict[str, list[Check]] = {}
        predicted: dict[int, tuple[Prediction, ...]] = {}
        rows: list[tuple[int, Measurement]] = []
        for event in events:
            match event:
                case Offered(step=step, proposal=Proposal() as proposal):
                    for h in proposal.hypotheses:
                        # Reworded, it is another claim, and nothing was measured of it yet.
                        if h.id in texts and texts[h.id].text.strip() != h.text.strip():
                            checks[h.id] = []
                        texts[h.id] = h
                    predicted[step] = proposal.predicts
                case Observed(step=step, observation=observation):
                    rows += [(step, m) for m in observation.measurements]
                    for prediction in predicted.get(step, ()):
                        found = checks.setdefault(prediction.hypothesis, [])
                        found += _checks(step, prediction, observation.measurements)
                case _:
                    continue
        ids = dict.fromkeys([*texts, *checks])
        return cls(
            {i: Finding(texts.get(i, Hypothesis(i, i)), tuple(checks.get(i, ()))) for i in ids},
            tuple(rows),
        )

    def objections(self, conclusion: Conclusion) -> tuple[str, ...]:
        """What the measurements say against a conclusion's own evidence, one sentence each."""
        said = []
        for evidence in conclusion.evidence:
            finding = self.findings.get(evidence.hypothesis)
            if finding is None:
                said.append(f"{evidence.hypothesis} was never stated as a hypothesis.")
            elif finding.status == "contradicted":
                reasons = "; ".join(str(check) for check in finding.speaking("against"))
                said.append(f"{evidence.hypothesis} is contradicted by {reasons}.")
            tested = {check.step for check in finding.checks} if finding is not None else set()
            said += [
                f"step {step} is cited for {evidence.hypothesis} and tested no prediction of it."
                for step in evidence.steps
                if finding is not None and step not in tested
            ]
        return tuple(said)


def _checks(
    step: int, prediction: Prediction, measurements: Sequence[Measurement]
) -> Iterator[Check]:
    """Each predicted pair as it was measured, within one comparison where it can be."""
    for first in measurements:
        if first.condition not in prediction.higher:
            continue
        for lower in prediction.lower or (first.control,):
            named = [m for m in measurements if m.condition == lower]
            within = [m for m in named if m.comparison == first.comparison]
            for second in (within or named)[-1:]:
                yield Check(step, first.condition, lower, *difference(first, second))
