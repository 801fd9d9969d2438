"""What follows from the notes: claims worth testing, and the simplest formula that has survived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

from maia_lab.agents.offline.claims import Claim, Language, Thing
from maia_lab.agents.offline.notes import CHANGED, STRONGEST, UNCHANGED, Notes, Row
from maia_lab.agents.offline.survey import Evidence, Formula, Seen, gaps, guess

TESTED = 6
"""Claims tested at most, so that a cell stays short enough to be read."""
ENOUGH = 0.7
"""Share of its images that must be active for a claim to count as sufficient; and how much of its
response must be left without a word for the word to count as needless."""
SOME = 0.4
"""The same for a claim that something suppresses."""
MOST = 0.5
"""Share of the data's active images that a name must cover."""
PAYS = 0.01
"""What something that suppresses must add to the correlation over the data."""
SURE = 4
"""Images, next to none of them active, that are reason enough without it: they are drawn anew."""
SILENCED = 0.6
"""Share of its response below which something added counts as suppressing it."""
TELLING = 0.3
"""Correlation over the data below which a unit has no stable description."""
CLEAR, CLEAR_HEAP = 0.8, 0.5
"""Correlation from which on a unit counts as on or off; where its activations fall apart, less."""
MARGIN = 0.02
"""Correlations that are no further apart count as equal."""
LEVELS = (50, 60, 70, 78, 82, 86, 89, 92, 95, 97)
"""Hundredths of the data at which active may begin."""
MADE = 1.0
"""What all images that were drawn or edited weigh, together, beside all of the data."""
KEPT, LOST = 0.5, 0.25
"""Share of a rise over the median from which on, and below which, it survived a change."""
GAIN = 0.1
"""What a thing that the unit answers to adds to the rise over the median when it is larger."""
EXACT, GRADED = 0.004, 0.012
"""Price of a word for units that are on or off, and for graded ones, which overfit sooner."""


@dataclass(frozen=True, slots=True)
class View:
    """A threshold, and how well words tell what lies above it."""

    threshold: float
    price: float
    """Of a word, with this threshold."""
    phi: float
    """Correlation of what half of the data suggests with the activity of the other half."""
    clear: bool
    """Whether active is told from silent so well that each single image counts."""

    @classmethod
    def of(cls, seen: tuple[Seen, ...], threshold: float, *, heap: bool, counting: bool) -> View:
        """Guess with a threshold, which lies between two heaps of activations or is a quantile."""
        price = EXACT if heap else GRADED
        halves = seen[::2], seen[1::2]
        phis = []
        for one, other in (halves, halves[::-1]):
            best = next(iter(guess(one, threshold, price, counting=counting)), Formula())
            phis.append(Evidence(other).quality(best, threshold).phi)
        phi = sum(phis) / 2
        return cls(threshold, price, phi, phi >= (CLEAR_HEAP if heap else CLEAR))


class Judgement:
    """A view of the notes; it changes nothing and remembers nothing."""

    def __init__(self, notes: Notes) -> None:
        """Judge what is known so far."""
        self.notes, self.language = notes, notes.language

    @cached_property
    def view(self) -> View:
        """Where active begins.

        It begins as low as words still tell it as well as they can. By the 0.95 quantile alone a
        perfect detector of something common looks poor, and only its largest examples count.
        """
        notes, seen = self.notes, tuple(self.notes.seen or self.notes.made)
        if not seen or not notes.usual:
            control = notes.row("control")
            return View(max(control.values) if control else float("inf"), EXACT, 0.0, clear=False)
        counting = self.language.counts
        strongest = [one.value for one in seen if one.value > notes.high]
        edges = gaps(notes.usual, strongest, notes.high)
        heaps = [View.of(seen, edge, heap=True, counting=counting) for edge in sorted(edges)]
        levels = sorted({notes.usual[i] for i in LEVELS})
        views = [View.of(seen, edge, heap=False, counting=counting) for edge in levels]
        best = max(view.phi for view in (*heaps, *views))
        near = [view for view in heaps if view.phi >= best - 2 * MARGIN]
        return next(view for view in (*near, *views) if view.phi >= best - 2 * MARGIN)

    @cached_property
    def evidence(self) -> Evidence:
        """Every image whose caption was read: of the data, and what was made to untie them."""
        made = self.notes.made
        weighed = (replace(one, weight=MADE / len(made)) for one in made)
        return Evidence((*self.notes.seen, *weighed))

    @cached_property
    def guesses(self) -> tuple[Formula, ...]:
        """What all captions suggest, best first."""
        view = self.view
        return guess(
            self.evidence.seen, view.threshold, view.price, counting=self.language.counts
        ) or (Formula(),)

    @cached_property
    def candidates(self) -> tuple[Claim, ...]:
        """Claims to test: what captions suggest, what one word alone did, what people named."""
        swept = [claim for claim in single_words(self.language) if self.sufficient(claim)]
        first = self.guesses[0].labels
        guessed = [label for formula in self.guesses for label in formula.labels]
        if not self.view.clear:
            swept, guessed = [], []
        named = [c for c in self.notes.remarks if c.things or c.background]
        return tuple(dict.fromkeys([*first, *named, *swept, *guessed]))[:TESTED]

    def row(self, claim: Claim) -> Row | None:
        """What was measured of images drawn from a claim and nothing else."""
        return self.notes.row(self.language.say(claim))

    def sufficient(self, claim: Claim) -> bool:
        """Whether images drawn from it are active; for a graded unit, above what is usual."""
        row = self.row(claim)
        if row is None:
            return False
        # Some images of what can be suppressed hold what suppresses it.
        first = self.guesses[0]
        enough = SOME if first.suppressed_by and claim in first.labels else ENOUGH
        return row.share(self.view.threshold) >= enough if self.view.clear else self._above(row)

    def _above(self, row: Row) -> bool:
        control = self.notes.row("control")
        usual = control.mean if control is not None else self.notes.median
        spread = sum((value - row.mean) ** 2 for value in row.values) / max(1, len(row.values) - 1)
        return row.mean - usual > 2 * sqrt(spread / len(row.values))

    def left(self, claim: Claim, condition: str) -> float | None:
        """How much of a claim's response is left in a condition; None where it was not measured."""
        own, other = self.row(claim), self.notes.row(condition)
        if own is None or other is None:
            return None
        if self.view.clear:
            return other.share(self.view.threshold) / max(own.share(self.view.threshold), 0.1)
        rise = own.mean - self.notes.median
        return (other.mean - self.notes.median) / rise if rise > 0 else None

    def simplest(self, claim: Claim) -> Claim:
        """The claim without words whose change costs nothing."""
        for word, without, _ in near_misses(claim, self.language):
            left = self.left(claim, missing(claim, word, self.language))
            if left is not None and left >= ENOUGH and without is not None:
                return self.simplest(without)
        return claim

    @cached_property
    def formula(self) -> Formula:
        """The simplest formula that has survived everything measured so far."""
        guessed = self.guesses[0]
        untested = "done" not in self.notes.tried.get("Test", [])
        survived = [
            c for c in self.candidates if self.sufficient(c) or (untested and self.row(c) is None)
        ]
        labels = tuple(label for label in guessed.labels if label in survived)
        if not self.view.clear:
            return self._telling(self._suppressed(labels, guessed))
        labels = tuple(dict.fromkeys(self.simplest(label) for label in labels))
        formula = self._suppressed(labels, guessed)
        for claim in survived:
            more = (*labels, self.simplest(claim))
            wider = Formula(more, formula.suppressed_by)
            if self.row(claim) is not None and self._phi(wider) >= self._phi(formula) - EXACT:
                labels, formula = more, wider
        labels = tuple(
            c for c in dict.fromkeys(labels) if not any(o.holds_in(c) for o in labels if o != c)
        )
        formula = self._suppressed(labels, guessed)
        for claim in single_words(self.language):
            kept = [label for label in formula.labels if not claim.holds_in(label)]
            wider = Formula((*kept, claim), formula.suppressed_by)
            row = self.row(claim)
            drawn = row is not None and row.share(self.view.threshold) >= SOME
            implied = drawn and len(kept) < len(formula.labels) and claim not in formula.labels
            if implied and self._phi(wider) >= self._phi(formula) - EXACT:
                formula = wider
        return formula

    @cached_property
    def unnamed(self) -> str:
        """Why the formula is only a part of what has no words; empty where it may be the name.

        Of a graded unit that is known only where images can be drawn to order.
        """
        if not self.formula.labels or not (self.view.clear or self.notes.to_order):
            return ""
        if self.evidence.quality(self.formula, self.view.threshold).precision < ENOUGH:
            return "many such images leave it silent"
        found = Evidence(tuple(self.notes.seen or self.notes.made))
        if found.quality(self.formula, self.view.threshold).recall < MOST:
            return "most images that drive it are not of that kind"
        return ""

    def _phi(self, formula: Formula) -> float:
        return self.evidence.quality(formula, self.view.threshold).phi

    def first(self, label: Claim) -> Claim | None:
        """What it answers to, of several that a label asks for; None where that is not known."""
        as_drawn = self.notes.row(f"{drawn(self.language.say(label))}{UNCHANGED}")
        rows = {t: self.notes.row(larger(label, t, self.language)) for t in label.things}
        means = {t: row.mean for t, row in rows.items() if row is not None}
        if as_drawn is None or not means:
            return None
        best = max(means, key=means.__getitem__)
        if means[best] - as_drawn.mean > GAIN * (as_drawn.mean - self.notes.median):
            return Claim((best,))
        # What cannot be made larger and stay what it is: a background, or a thing of a size.
        rest = [Claim((t,)) for t, row in rows.items() if row is None]
        rest += [Claim(background=label.background)] if label.background else []
        return rest[0] if len(rest) == 1 else None

    def _telling(self, formula: Formula) -> Formula:
        return formula if self._phi(formula) >= TELLING else Formula()

    def _suppressed(self, labels: tuple[Claim, ...], guessed: Formula) -> Formula:
        """Add what suppresses: seen in the data and not refuted, or silent in every image drawn."""
        formula = Formula(labels)
        suspects = [*guessed.suppressed_by, *single_words(self.language)]
        lefts = {c: self.beside(labels, c) for c in dict.fromkeys(suspects)}
        # The one that silences most comes first, so that what merely comes with it adds nothing.
        for claim in sorted(lefts, key=lambda c: (lefts[c][0], c not in guessed.suppressed_by)):
            left, images = lefts[claim]
            more = Formula(labels, (*formula.suppressed_by, claim))
            gain = self._phi(more) - self._phi(formula)
            seen = gain > PAYS and (images > 0 or claim in guessed.suppressed_by)
            if left < SILENCED and (seen or (images >= SURE and left < 0.1 and gain >= 0)):
                formula = more
        return formula

    @cached_property
    def kept(self) -> dict[str, float]:
        """What each kind of change to the strongest images left of their rise over the median."""
        strongest = self.notes.row(STRONGEST)
        rise = strongest.mean - self.notes.median if strongest is not None else 0.0
        if len(set(self.notes.usual)) == 1:  # What always answers the same is driven by nothing.
            rise = 0.0
        return {
            name.removeprefix(CHANGED): (row.mean - self.notes.median) / rise
            for name, row in self.notes.rows.items()
            if rise > 0 and name.startswith(CHANGED) and name != STRONGEST
        }

    def beside(self, labels: tuple[Claim, ...], claim: Claim) -> tuple[float, int]:
        """Response of the labels that is left beside a claim, and how many images say so."""
        measured = [
            (left, len(row.values))
            for label in labels
            if (left := self.left(label, name := beside(label, claim, self.language))) is not None
            and (row := self.notes.row(name)) is not None
        ]
        images = sum(n for _, n in measured)
        return sum(left * n for left, n in measured) / images if images else 0.0, images


def single_words(language: Language) -> Iterator[Claim]:
    """Every word as a claim of its own."""
    for words in language.kinds.values():
        for word in words:
            yield Claim(((word,),))
    for word in language.backgrounds:
        yield Claim(background=word)


def near_misses(
    claim: Claim, language: Language
) -> Iterator[tuple[str, Claim | None, list[Claim]]]:
    """For each word of a claim: the word, the claim without it, and the claim with others instead.

    A claim of a single word has nothing left without it: None.
    """
    for i, thing in enumerate(claim.things):
        rest = claim.things[:i] + claim.things[i + 1 :]
        for word in thing:
            fewer = tuple(w for w in thing if w != word)
            kept = tuple(sorted((*rest, fewer))) if fewer else rest
            without = Claim(kept, claim.background) if kept or claim.background else None
            others = [o for o in language.kinds[language.kind(word)] if o != word]
            swapped = [tuple(sorted((*rest, language.swapped(thing, word, o)))) for o in others]
            yield word, without, [Claim(things, claim.background) for things in swapped]
    if claim.background:
        others = [b for b in language.backgrounds if b != claim.background]
        without = Claim(claim.things) if claim.things else None
        yield claim.background, without, [Claim(claim.things, other) for other in others]


def missing(claim: Claim, word: str, language: Language) -> str:
    """The name of the condition that has another word in one word's place."""
    return f"{language.say(claim)}, but not {word}"


def beside(label: Claim, claim: Claim, language: Language) -> str:
    """The name of the condition that has something beside a label."""
    return f"{language.say(label)}, with {language.say(claim)}"


def drawn(label: str) -> str:
    """The name of images drawn from a label, to be changed."""
    return f"{label}, drawn"


def larger(label: Claim, thing: Thing, language: Language) -> str:
    """The name of the condition in which one of a label's things is larger."""
    return f"{language.say(label)}, larger {language.say(Claim((thing,)))}"
