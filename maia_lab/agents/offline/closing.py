"""The conclusion: what is left standing, in words, and why nothing is where nothing is."""

from __future__ import annotations

from collections.abc import Sequence

from maia_lab.agents.offline.claims import Claim
from maia_lab.agents.offline.judgement import KEPT, LOST, Judgement
from maia_lab.agents.offline.survey import Formula
from maia_lab.ledger import Ledger
from maia_lab.proposal import Conclusion, Evidence

FEW = 20
"""Images of the data, where nothing can be drawn, from which nothing follows if none is named."""


class Closing:
    """Puts a judgement into words."""

    def __init__(self, judgement: Judgement) -> None:
        """Take the judgement as it stands."""
        self.judgement, self.notes = judgement, judgement.notes
        self.language, self.say = judgement.language, judgement.language.say

    def conclusion(self, ledger: Ledger) -> Conclusion:
        """What is left standing, in words."""
        formula = Formula() if self.judgement.unnamed else self.judgement.formula
        labels = tuple(" and ".join(self.parts(label)) for label in formula.labels)
        evidence = []
        for text in [self.notes.active(c).text for c in formula.labels] + [
            self.notes.silent(c).text for c in formula.suppressed_by
        ]:
            finding = ledger.findings.get(self.notes.hypothesis(text).id)
            if finding is not None and finding.status in ("supported", "indicated"):
                steps = sorted({check.step for check in finding.speaking("for")})
                evidence.append(Evidence(finding.hypothesis.id, tuple(steps)))
        return Conclusion(
            self.describe(formula.labels, formula.suppressed_by),
            labels,
            tuple(self.language.say(claim) for claim in formula.suppressed_by),
            tuple(evidence),
            "where things are, more than two things at once, and what has no word here: the words"
            f" {'are the labels' if self.kinds == ['label'] else 'name ' + ', '.join(self.kinds)}.",
        )

    @property
    def kinds(self) -> list[str]:
        """What there are words for."""
        return [*self.language.kinds, *["background"] * bool(self.language.backgrounds)]

    def parts(self, label: Claim, article: bool = False) -> list[str]:
        """A label in words: what it answers to first, where that is known, then the rest."""
        first = self.judgement.first(label)
        if first is None or (first.things and label.background and len(label.things) == 1):
            return [self.say(label, article)]
        rest = list(label.things)
        for thing in first.things:
            rest.remove(thing)
        other = Claim(tuple(rest), "" if first.background else label.background)
        return [self.say(first, article), self.say(other, article)]

    def whole(self, label: Claim) -> str:
        """A label as a description says it."""
        first = self.judgement.first(label)
        if first is not None and first.things and label.background and len(label.things) == 1:
            ground = self.say(Claim(background=label.background))
            return f"{self.say(first, True)}, only in the presence of a {ground}"
        one, *more = self.parts(label, article=True)
        return ", only in the presence of ".join([one, *more])

    def describe(self, labels: Sequence[Claim], suppressed_by: Sequence[Claim]) -> str:
        """The sentence for a person."""
        if not labels and self.notes.row("control") is None:
            return "No description: nothing was tested."
        read = len(self.notes.seen)
        if not labels and not self.notes.generator and 0 < read < FEW:
            return f"No description: {read} images are too few to tell a unit by.{self.survives()}"
        if why := self.judgement.unnamed:
            near = ", or ".join(self.say(c, True) for c in self.judgement.formula.labels)
            return f"Not nameable with these words: closest is {near}, but {why}.{self.survives()}"
        if not labels and max(self.judgement.kept.values(), default=0.0) > KEPT:
            return (
                "Not nameable with these words: its strongest images still drive it when parts of"
                " them are changed, and nothing that can be said tells them from the rest."
                + self.survives()
            )
        words = "Sweep" if self.notes.generator else "Survey"
        if not labels and "done" not in self.notes.tried.get(words, []):
            return "No description: it ended before a word was tried on the unit."
        if not labels:
            return "No stable description: nothing that was tried drives the unit."
        said = ", or ".join(self.whole(label) for label in labels)
        text = f"{'Active' if self.judgement.view.clear else 'Most active'} when there is {said}"
        if suppressed_by:
            text += f"; not when there is {', or '.join(self.say(c, True) for c in suppressed_by)}"
        return f"{text}.{self.survives()}"

    def survives(self) -> str:
        """What edits that need no model left of the answer, where there were any."""
        kept = self.judgement.kept if self.language.edits else {}
        lasts = [f"{name} ({left:.0%})" for name, left in kept.items() if left >= KEPT]
        goes = [f"{name} ({max(left, 0):.0%})" for name, left in kept.items() if left <= LOST]
        told = [f"The answer survives these edits: {', '.join(lasts)}."] if lasts else []
        told += [f"It is lost by these: {', '.join(goes)}."] if goes else []
        told += ["(What is left of its rise over the median image.)"] if told else []
        return "".join(f" {sentence}" for sentence in told)
