"""Predictions against measurements: what speaks for each hypothesis, and what against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
                case Offered(
                    step=step, proposal=Proposal(hypotheses=hypotheses, predicts=predicts)
                ):
                    texts.update((h.id, h) for h in hypotheses)
                    predicted[step] = predicts
                case Observed(step=step, observation=observation):
                    rows += [(step, m) for m in observation.measurements]
                    named = {m.condition: m for m in observation.measurements}
                    for prediction in predicted.get(step, ()):
                        found = checks.setdefault(prediction.hypothesis, [])
                        found += _checks(step, prediction, named)
                case _:
                    continue
        ids = dict.fromkeys([*texts, *checks])
        return cls(
            {i: Finding(texts.get(i, Hypothesis(i, i)), tuple(checks.get(i, ()))) for i in ids},
            tuple(rows),
        )

    def objections(self, conclusion: Conclusion) -> tuple[str, ...]:
        """What the measurements say against a conclusion's own evidence, one sentence each."""
        steps = {step for step, _ in self.measurements}
        said = []
        for evidence in conclusion.evidence:
            finding = self.findings.get(evidence.hypothesis)
            if finding is None:
                said.append(f"{evidence.hypothesis} was never stated as a hypothesis.")
            elif finding.status == "contradicted":
                reasons = "; ".join(str(check) for check in finding.speaking("against"))
                said.append(f"{evidence.hypothesis} is contradicted by {reasons}.")
            said += [
                f"step {step} is cited for {evidence.hypothesis} and measured nothing."
                for step in evidence.steps
                if step not in steps
            ]
        return tuple(said)


def _checks(step: int, prediction: Prediction, named: Mapping[str, Measurement]) -> list[Check]:
    found = []
    for higher in prediction.higher:
        if (first := named.get(higher)) is None:
            continue
        for lower in prediction.lower or (first.control,):
            if (second := named.get(lower)) is not None:
                found.append(Check(step, higher, lower, *difference(first, second)))
    return found
