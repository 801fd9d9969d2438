"""Experiments worth doing next, from what is known so far."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from maia_lab.agents.offline import cells
from maia_lab.agents.offline.claims import Claim, Thing
from maia_lab.agents.offline.judgement import (
    Judgement,
    beside,
    drawn,
    larger,
    missing,
    near_misses,
    single_words,
)
from maia_lab.agents.offline.notes import CHANGED, Notes
from maia_lab.proposal import Prediction, Proposal

T = TypeVar("T")

SAMPLES = 6
"""Images of one condition, where not said otherwise."""
AGAIN = 2
"""Times that one kind of experiment may fail before it is given up."""
ROUNDS = 3
"""Times that claims which came up on the way are tested in turn, and a description confirmed."""


class Plan:
    """What to do next, given the notes."""

    def __init__(self, notes: Notes, seed: int) -> None:
        self.notes, self.seed = notes, seed
        self.language, self.judgement = notes.language, Judgement(notes)

    def proposals(self) -> Iterator[Proposal]:
        """Experiments worth doing, the next one first."""
        remarked = 1 + self.notes.tried.get("Conclusion", []).count("rejected")
        kinds: dict[str, tuple[Callable[[int], Proposal | None], int]] = {
            "Look": (self.look, 1),
            "Survey": (self.survey, 1),
            "Perturb": (self.perturb, 1),
            "Sweep": (self.sweep, 1),
            "Test": (self.test, ROUNDS),
            "Edit": (self.edit, 1),
            "Inhibit": (self.inhibit, 1),
            "Enlarge": (self.enlarge, 1),
            "Remark": (self.remark, ROUNDS + remarked),
            "Fresh": (self.fresh, ROUNDS + remarked),
            "Meet": (self.meet, 2),
        }
        for kind, (design, rounds) in kinds.items():
            became = self.notes.tried.get(kind, [])
            done = became.count("done")
            if became[-1:] == ["open"] or done >= rounds or len(became) - done >= AGAIN:
                continue
            if became[-1:] == ["rejected"] and kind not in ("Look", "Remark", "Fresh"):
                continue
            if (proposal := design(len(became) - done)) is not None:
                yield proposal

    def look(self, tried: int) -> Proposal:
        """What drives it most and least."""
        return Proposal(
            "Look at what drives the unit most and least, before any hypothesis.",
            cells.look(pictures=tried == 0),
        )

    def survey(self, tried: int) -> Proposal:
        """Captions at every level of activation."""
        return Proposal(
            "Read captions at every level of activation: the strongest images alone mislead.",
            cells.survey(1 if tried == 0 else 3),
        )

    def perturb(self, tried: int) -> Proposal | None:
        """Single changes need no hypothesis, and untie what the data tie."""
        if not self.notes.editor or not self.notes.exemplars:
            return None
        shown = self.notes.exemplars
        # Fewer things make it plainer which of them mattered.
        plainest = sorted(range(len(shown)), key=lambda i: (len(shown[i].things), i))
        changes: dict[str, dict[int, list[str]]] = {}
        for i in sorted(plainest[: 8 if tried == 0 else 3]):
            for kind, instruction in self.changes(shown[i], f"change {i}"):
                changes.setdefault(f"{CHANGED}{kind}", {}).setdefault(i, []).append(instruction)
        if not changes:
            return None
        return Proposal(
            "Change one thing at a time in the strongest images, before any hypothesis: what comes"
            " together in the data need not matter together.",
            cells.perturb(changes, read=not self.language.edits),
        )

    def changes(self, content: Claim, about: str) -> Iterator[tuple[str, str]]:
        """Instructions that change one thing about an image, each with what it changes."""
        if self.language.edits:
            yield from ((edit, edit) for edit in self.language.edits)
            return
        for thing in dict.fromkeys(content.things):
            for word in thing:
                kind = self.language.kind(word)
                others = [o for o in self.language.kinds[kind] if o != word]
                (other,) = self.some(others, 1, f"{about} {thing} {word}")
                yield f"another {kind}", self.swap(thing, word, other)
        if content.background:
            others = [b for b in self.language.backgrounds if b != content.background]
            (other,) = self.some(others, 1, about)
            yield "another background", f"change the background to {other}"

    def swap(self, thing: Thing, word: str, other: str) -> str:
        """The instruction that gives a thing one word for another."""
        verb = "replace the {} with a {}" if word in self.language.nouns else "make the {} {}"
        return verb.format(self.language.say(Claim((thing,))), other)

    def sweep(self, tried: int) -> Proposal | None:
        """Every word alone, and things at random together."""
        if not self.notes.generator:
            return None
        words = list(single_words(self.language))
        claims = [claim for claim in self.judgement.candidates if claim.words == 1]
        predicts = []
        for claim in claims:
            ((_, _, others),) = near_misses(claim, self.language)
            lower = [self.say(other) for other in others if other not in claims]
            predicts.append(
                Prediction(self.notes.active(claim).id, (self.say(claim),), tuple(lower))
            )
        samples = 5 if tried == 0 else 3
        together = self.say(Claim(((), ())), True) if self.notes.to_order else ""
        return Proposal(
            "Sweep the whole vocabulary one word at a time: exemplars hide all but the strongest.",
            cells.sweep([self.say(claim) for claim in words], samples, together),
            tuple(self.notes.active(claim) for claim in self.judgement.candidates),
            tuple(predicts),
        )

    def test(self, tried: int) -> Proposal | None:
        """Claims that came up, against images that share all but one word."""
        untested = [c for c in self.judgement.candidates if not self.tested(c)]
        claims = untested[: None if tried == 0 else 3]
        return self._against_near_misses(
            "Test", "each candidate against images that share all but one word", claims
        )

    def tested(self, claim: Claim) -> bool:
        """Whether it was drawn beside images that share all but one word."""
        names = [missing(claim, w, self.language) for w, *_ in near_misses(claim, self.language)]
        return self.judgement.row(claim) is not None and any(map(self.notes.row, names))

    def remark(self, tried: int) -> Proposal | None:
        """What people named."""
        claims = [c for c in self.notes.remarks if self.judgement.row(c) is None]
        claims = claims[: 4 if tried == 0 else 1]
        return self._against_near_misses("Remark", "what the reviewer asked about", claims)

    def fresh(self, _: int) -> Proposal | None:
        """The description once more, on images nobody made before."""
        formula = self.judgement.formula
        # A conclusion that was sent back is worth another look, once.
        again = [kind for kind in self.notes.course if kind in ("Conclusion", "Fresh")][-1:]
        confirmed = {self.say(label) for label in formula.labels} <= self.notes.confirmed
        if confirmed and again != ["Conclusion"]:
            return None
        return self._against_near_misses(
            "Fresh",
            "does the description hold on images not made before?",
            formula.labels,
            1 + len(self.notes.tried.get("Fresh", [])),
            formula.suppressed_by,
        )

    def meet(self, tried: int) -> Proposal | None:
        """Where nothing can be drawn: other images of the data, by what is said of them."""
        claims = self.judgement.formula.labels
        if self.notes.generator or not claims:
            return None
        return Proposal(
            "Meet images of the data that were not picked by activation: do the labels hold there?",
            cells.meet(
                [self.say(claim) for claim in claims],
                600 if tried == 0 else 200,
                1 + len(self.notes.tried.get("Meet", [])),
            ),
            tuple(self.notes.active(claim) for claim in claims),
            tuple(
                Prediction(self.notes.active(claim).id, (self.say(claim),), (cells.OTHERS,))
                for claim in claims
            ),
        )

    def _against_near_misses(
        self,
        kind: str,
        asks: str,
        claims: Sequence[Claim],
        seed: int | None = None,
        suppressing: Sequence[Claim] = (),
    ) -> Proposal | None:
        """Draw each claim, and each with one of its words changed."""
        if not self.notes.generator:
            return None
        prompts: dict[str, list[str]] = {}
        predicts = []
        for claim in claims:
            prompts[self.say(claim)] = [self.say(claim, article=True)]
            lower = []
            for word, _, others in near_misses(claim, self.language):
                # What another candidate claims as well is no near miss.
                silent = [o for o in others if not any(c.holds_in(o) for c in claims)]
                if silent:
                    lower.append(missing(claim, word, self.language))
                    some = self.some(silent, SAMPLES, lower[-1])
                    prompts[lower[-1]] = [self.say(other, article=True) for other in some]
            predicts.append(
                Prediction(self.notes.active(claim).id, (self.say(claim),), tuple(lower))
            )
            for other in suppressing:
                if both := self.both(claim, other):
                    prompts[beside(claim, other, self.language)] = [both]
        if not prompts:
            return None
        why = {
            "Test": "Test each candidate against near misses: is every word of it needed?",
            "Remark": "Test what the reviewer named.",
            "Fresh": "Try to refute the description once more, on fresh images.",
        }[kind]
        return Proposal(
            why,
            cells.drawn(kind, asks, prompts, SAMPLES + 2, seed),
            tuple(self.notes.active(claim) for claim in claims),
            tuple(predicts),
        )

    def edit(self, tried: int) -> Proposal | None:
        """What a label says, taken away piece by piece."""
        if not self.notes.editor or self.language.edits:
            return None
        subjects: dict[str, Sequence[int] | str] = {}
        changes: dict[str, dict[str, list[str]]] = {}
        predicts, hypotheses = [], []
        for claim in self.judgement.formula.labels[: 3 if tried == 0 else 1]:
            name = self.say(claim)
            holding = [i for i, e in enumerate(self.notes.exemplars) if claim.holds_in(e)][:6]
            drawn = tried > 0 or len(holding) < 4
            if drawn and not self.notes.generator:
                continue
            subjects[name] = self.say(claim, article=True) if drawn else holding
            changes[name] = self.instructions(claim)
            hypotheses.append(self.notes.active(claim))
            predicts.append(
                Prediction(hypotheses[-1].id, (f"{name}, unchanged",), tuple(changes[name]))
            )
        if not subjects:
            return None
        return Proposal(
            "Change one thing at a time in the same images: what is necessary, not just present?",
            cells.edits(subjects, changes),
            tuple(hypotheses),
            tuple(predicts),
        )

    def enlarge(self, _: int) -> Proposal | None:
        """Of two things that must be there, it answers to the one whose size matters."""
        pairs = [c for c in self.judgement.formula.labels if len(c.things) + bool(c.background) > 1]
        pairs = [c for c in pairs if len(set(c.things)) == len(c.things)]
        pairs = [c for c in pairs if not all(map(self.language.sized, c.things))]
        if not (pairs and self.notes.editor and self.notes.generator) or self.language.edits:
            return None
        subjects = {
            drawn(self.say(claim)): self.say(self.language.apart(claim), article=True)
            for claim in pairs
        }
        changes = {
            drawn(self.say(claim)): {
                larger(claim, thing, self.language): [
                    f"make the {self.language.say(Claim((thing,)))} bigger"
                ]
                for thing in claim.things
                if not self.language.sized(thing)
            }
            for claim in pairs
        }
        asks = "Enlarge: which of the things does it answer to, and which must only be there?"
        return Proposal(
            "Enlarge one thing at a time: what it answers to matters by its size, what must only be"
            " there does not.",
            cells.edits(subjects, changes, asks),
            tuple(self.notes.active(claim) for claim in pairs),
        )

    def instructions(self, claim: Claim) -> dict[str, list[str]]:
        """Edits that take one word of a claim away, by the condition's name."""
        found: dict[str, list[str]] = {}
        name = self.say(claim)
        for thing in dict.fromkeys(claim.things):
            phrase = self.language.say(Claim((thing,)))
            for word in thing:
                kind = self.language.kind(word)
                others = [o for o in self.language.kinds[kind] if o != word]
                some = self.some(others, 2, f"{name} {word}")
                found[f"{name}, edited: not {word}"] = [self.swap(thing, word, o) for o in some]
            found[f"{name}, edited: {phrase} removed"] = [f"remove the {phrase}"]
        if claim.background:
            grounds = [b for b in self.language.backgrounds if b != claim.background]
            some = self.some(grounds, 3, name)
            found[f"{name}, edited: not {claim.background}"] = [
                f"change the background to {ground}" for ground in some
            ]
        return found

    def inhibit(self, tried: int) -> Proposal | None:
        """Every word beside a label: what silences it?"""
        if not self.notes.to_order:
            return None
        formula = self.judgement.formula
        labels = formula.labels[: 2 if tried == 0 else 1]
        suspects = dict.fromkeys([*formula.suppressed_by, *single_words(self.language)])
        prompts: dict[str, list[str]] = {}
        predicts = []
        for label in labels:
            prompts[self.say(label)] = [self.say(label, article=True)]
            for claim in suspects:
                if both := self.both(label, claim):
                    prompts[beside(label, claim, self.language)] = [both]
        for claim in formula.suppressed_by:
            lower = [beside(label, claim, self.language) for label in labels]
            higher = [self.say(label) for label in labels]
            predicts.append(Prediction(self.notes.silent(claim).id, tuple(higher), tuple(lower)))
        if not prompts:
            return None
        return Proposal(
            "Look for what silences it: add every word to images that should drive it.",
            cells.drawn(
                "Inhibit",
                "what lowers it although it should be active?",
                prompts,
                4,
                measure=cells.SILENCE,
            ),
            tuple(self.notes.silent(claim) for claim in formula.suppressed_by),
            tuple(predicts),
        )

    def both(self, label: Claim, claim: Claim) -> str:
        """A prompt for a label with something beside it; empty for two backgrounds at once."""
        if label.background and claim.background:
            return ""
        return self.say(label & claim, article=True)

    def say(self, claim: Claim, article: bool = False) -> str:
        """A claim in words."""
        return self.language.say(claim, article)

    def some(self, of: Sequence[T], count: int, about: str) -> list[T]:
        """A few of many, the same ones whenever it is asked about the same."""
        return random.Random(f"{self.seed} {about}").sample(list(of), min(count, len(of)))
