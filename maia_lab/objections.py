"""What the measurements say against a conclusion: contradicted, never shown, or wider than tested.

Claims of two kinds are held against the ledger: the hypotheses that a conclusion cites, by the
predictions that were made from them; and its labels, by the conditions that hold their words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from maia_lab.comparison import difference
from maia_lab.ledger import Check, Finding, Ledger
from maia_lab.observation import Measurement
from maia_lab.proposal import Conclusion, Evidence

SAME = 0.7
"""Share of a rise above the control from which on two conditions count as equally high."""
SLIGHT = 0.2
"""Share of what a label does at best, or of all that was measured, below which it is nothing."""
FEW = 3
"""Bases below which a condition speaks neither for nor against a label."""
ALIKE = 8
"""Bases that must all share something besides the label before it counts as never left out: what
is left to chance is shared by fewer often enough."""
FILLERS = (
    "a an and any as at background by for from image images in is it its kind like near nothing of"
    " on only or over picture pictures scene scenes some that the there thing things to unit what"
    " when where which with without"
)
"""Words that a claim may have and no condition need have."""
_FILLERS = frozenset(FILLERS.split())


def objections(conclusion: Conclusion, ledger: Ledger) -> tuple[str, ...]:
    """All that a conclusion's own session says against it, one sentence each."""
    said = [sentence for evidence in conclusion.evidence for sentence in _cited(evidence, ledger)]
    if conclusion.labels and not conclusion.evidence:
        said.append("No hypothesis is cited: name those that the labels rest on, and their steps.")
    said += _Labels(conclusion, ledger).objections()
    return tuple(dict.fromkeys(said))


def tested(
    phrase: str, ledger: Ledger, beside: Collection[str] = ()
) -> list[tuple[int, Measurement]]:
    """The conditions that tell of a phrase: every image holds it, or its words are named.

    Args:
        phrase: a label, or what is said to suppress.
        ledger: where they are looked for.
        beside: for what suppresses, the labels: one of them must be named as well.
    """
    found = []
    for step, m in ledger.measurements:
        words = _all_words(m)
        named = content(phrase) <= words and any(content(label) <= words for label in beside)
        if named if beside else _holds(m, phrase):
            found.append((step, m))
    return found


def out_of_reach(ledger: Ledger, makers: Collection[str]) -> bool:
    """Whether nothing that was drawn or edited came near what the data's strongest images do.

    The strongest are the highest condition of the data that reaches above the 0.95 quantile. Its
    images may hold more at once than any prompt asks for, so half of its rise is near enough.
    """
    rows = [m for _, m in ledger.measurements]
    made = [value for m in rows if m.source in makers for value in m.values]
    if not made or any(m.share_high for m in rows if m.source in makers):
        return False
    strongest = max((m.mean for m in rows if m.share_high), default=math.inf)
    return max(made) < (strongest + min(m.mean for m in rows)) / 2


# Hypotheses.


def _cited(evidence: Evidence, ledger: Ledger) -> Iterator[str]:
    name, finding = evidence.hypothesis, ledger.findings.get(evidence.hypothesis)
    if finding is None:
        yield f"{name} was never stated as a hypothesis."
        return
    tested = {check.step for check in finding.checks}
    for step in evidence.steps:
        if step not in tested:
            yield f"step {step} is cited for {name} and tested no prediction of it."
    match finding.status:
        case "contradicted":
            reasons = "; ".join(str(check) for check in finding.speaking("against"))
            yield f"{name} is contradicted by {reasons}."
        case "untested":
            yield f"{name} is cited, and no prediction of it was ever measured."
        case "unclear":
            yield f"{name} is cited, and nothing that it predicted came out clearly."
        case "indicated":
            yield f"{name} was not confirmed: {_missing(finding)}."
        case _:
            pass
    yield from _weak(finding)


def _missing(finding: Finding) -> str:
    """Why the claim is not supported yet."""
    fresh = [check for check in finding.checks if check.fresh]
    if not fresh:
        return "no later step tested it again on fresh images"
    failed = [c for c in finding.checks if c.step == fresh[-1].step and c.speaks != "for"]
    return f"with fresh images it was not clear that {'; '.join(_pair(check) for check in failed)}"


def _weak(finding: Finding) -> Iterator[str]:
    """Pairs that no step found apart: measured once, or as high as what should be lower."""
    by_pair = sorted(finding.checks, key=lambda check: (check.higher, check.lower))
    for _, group in groupby(by_pair, key=lambda check: (check.higher, check.lower)):
        checks = sorted(group, key=lambda check: check.step)
        if any(check.speaks != "unclear" for check in checks):
            continue
        last, name = checks[-1], finding.hypothesis.id
        if all(check.anecdote for check in checks):
            yield f"{name} says {_pair(last)}, and that rests on a single image."
        elif last.low <= 0 and last.left is not None and last.left >= SAME:
            yield (
                f"{name} says {_pair(last)}, and {last.lower} is about as high: {last},"
                f" {last.left:.0%} of what {last.higher} is above the lowest."
            )


def _pair(check: Check) -> str:
    return f"{check.higher} is above {check.lower}"


# Labels.


@dataclass(frozen=True)
class _Labels:
    """A conclusion's labels, and the conditions that tell of them."""

    conclusion: Conclusion
    ledger: Ledger

    @property
    def labels(self) -> tuple[str, ...]:
        return self.conclusion.labels

    def objections(self) -> Iterator[str]:
        for phrase in (*self.labels, *self.conclusion.suppressed_by):
            named = [m for _, m in self.ledger.measurements if content(phrase) <= _all_words(m)]
            if not named:
                yield f"{phrase!r} is wider than what was tested: no condition had all its words."
            elif all(len(set(m.bases)) == 1 for m in named):
                yield f"{phrase!r} was tested with a single image."
        for label in self.labels:
            yield from self._against(label)
            yield from self._narrower(label)
            yield from self._alike(label)

    @cached_property
    def _rows(self) -> list[tuple[int, Measurement]]:
        """Conditions of several images that the unit answered, without what is said to suppress."""
        return [
            (step, m)
            for step, m in self.ledger.measurements
            if len(set(m.bases)) >= FEW
            and not m.unit
            and not any(content(s) <= _all_words(m) for s in self.conclusion.suppressed_by)
        ]

    @cached_property
    def _floor(self) -> Measurement | None:
        """The lowest of what was drawn, and of the controls: what leaves the unit cold."""
        rows = [m for _, m in self._rows if m.prompts or not m.control]
        return min(rows, key=lambda m: m.mean, default=None)

    @cached_property
    def _controls(self) -> dict[tuple[int, int], Measurement]:
        """What was compared with, by step and comparison."""
        return {(step, m.comparison): m for step, m in self.ledger.measurements if not m.control}

    def _holding(self, label: str) -> list[tuple[int, Measurement]]:
        """Conditions in which every image shows what a label says.

        Changes to images that all show it are no test of it: words may miss what an edit took away.
        """
        held = [(step, m) for step, m in self._rows if _holds(m, label)]
        controls = {key for key, m in self._controls.items() if _holds(m, label)}
        return [(n, m) for n, m in held if m.prompts or (n, m.comparison) not in controls]

    def _rise(self, label: str) -> float:
        """How far images that hold a label drive the unit, at best; 0.0 where none clearly does."""
        floor = self._floor
        if floor is None:
            return 0.0
        least = SLIGHT * (max(m.mean for _, m in self._rows) - floor.mean)
        rises = [difference(m, floor) for _, m in self._holding(label) if m is not floor]
        return max((r.value for r in rises if r.low > 0 and r.value > least), default=0.0)

    def _against(self, label: str) -> Iterator[str]:
        """Images that hold the label, and leave the unit as cold as anything."""
        floor, rise = self._floor, self._rise(label)
        for step, m in self._holding(label) if floor is not None else ():
            if not rise or m is floor or difference(m, floor).high < SLIGHT * rise:
                yield (
                    f"{label!r} did not drive it in step {step}: {m.condition} is"
                    f" {m.difference:+.2f} [{m.low:+.2f}, {m.high:+.2f}] from {m.control}."
                )
                return

    def _narrower(self, label: str) -> Iterator[str]:
        """Images that lack a word of the label, and drive the unit as much."""
        floor, whole = self._floor, {id(m) for _, m in self._holding(label)}
        if floor is None or not self._rise(label):
            return
        for (step, _), group in groupby(self._rows, key=lambda row: (row[0], row[1].comparison)):
            rows = [m for _, m in group]
            best = max((m.mean for m in rows if id(m) in whole), default=math.inf) - floor.mean
            for m in rows:
                shown = _words(m.prompts)
                lacks = content(label) - shown
                if not lacks or not content(label) & shown or difference(m, floor).low <= 0:
                    continue
                if any(_holds(m, other) or content(other) <= shown for other in self.labels):
                    continue
                if m.mean - floor.mean >= SAME * best:
                    yield (
                        f"{label!r} is narrower than what was measured: in step {step}"
                        f" {m.condition} drives it as much ({m.mean:.2f}) without"
                        f" {' '.join(sorted(lacks))}."
                    )
                    return

    def _alike(self, label: str) -> Iterator[str]:
        """Something else that was there in every image that showed the label."""
        rows = [m for _, m in self._holding(label)]
        if len({base for m in rows for base in m.bases}) < ALIKE:
            return
        always = set.intersection(*(set(m.shared) for m in rows))
        extra = [phrase for phrase in always if not content(phrase) <= content(label)]
        if extra:
            least = min(extra, key=lambda phrase: (len(phrase), phrase))
            yield f"{label!r} was never tested without {least}."


def _holds(m: Measurement, label: str) -> bool:
    """Whether every image of a condition shows what a label says."""
    told = {_parts(phrase) for phrase in m.shared}
    told |= {_parts(prompt) for prompt in m.prompts[:1] if len(m.prompts) == 1}
    return _parts(label) in told


def _parts(phrase: str) -> frozenset[frozenset[str]]:
    """What is said of each thing: a red circle is not something red and a circle.

    Nor is a plain thing a plain background, which is what a thing is on.
    """
    parts = re.split(r"\b(?:and|with)\b|,", re.sub(r"\bon\b", "and background", phrase.lower()))
    told = ((content(part), {"background"} & set(part.split())) for part in parts)
    return frozenset(frozenset(words | ground) for words, ground in told if words)


def content(phrase: str) -> set[str]:
    """The words of a phrase that say something, plurals and articles left aside.

    Example:
        >>> sorted(content("Two red boxes on a grass background"))
        ['box', 'gras', 'red', 'two']
    """
    words = (word for word in re.findall(r"[^\W_]+", phrase.lower()) if word not in _FILLERS)
    return {re.sub(r"(?<=[sxzh])es$|s$", "", word) for word in words}


def _words(phrases: Iterable[str]) -> set[str]:
    return set().union(*map(content, phrases))


def _all_words(m: Measurement) -> set[str]:
    return _words((m.condition, *m.prompts, *m.shared))
