"""The offline experimenter's way with a question: make what it names, and what it leaves out."""

from __future__ import annotations

import random

from maia_lab.agents.offline import attributes, cells
from maia_lab.agents.offline.claims import Claim, Language
from maia_lab.agents.offline.judgement import near_misses
from maia_lab.agents.offline.notes import fold, kind_of
from maia_lab.agents.offline.plan import Plan
from maia_lab.agents.offline.question import Asked, read
from maia_lab.briefing import Briefing
from maia_lab.comparison import Difference, difference
from maia_lab.events import Observed, Offered
from maia_lab.ledger import ALPHA, Ledger, holm
from maia_lab.observation import Measurement
from maia_lab.proposal import Answer, Conclusion, Evidence, Hypothesis, Prediction, Proposal

IMAGES = 12
"""Of a condition."""
DRIVERS = 8
"""Of the strongest images, how many are drawn anew from what is said of them."""
TRIES = 2
AS_IT_WAS = "as it was"
NEITHER = "neither"
DRIVE = "what drives it"
FAMILY = (
    "The offline experimenter answers whether colour, texture, shape, size or background matter"
    " (of images that it can only edit: colour, texture, shape, detail, background, centre or"
    " orientation), whether it is the one thing or the other ('is it the ball or the grass?'), and"
    " whether something named drives or lowers the unit. An agent with a language model takes any"
    " question: --agent claude."
)
CHANGE = """\
# {kind}: one attribute of everything changed, all else as it was.
drawn = tools.text2image({prompts}{seed})
changes = {{
{changes}
}}
# edit_images returns originals and edits interleaved: every second one is an edit.
conditions = {{"{as_it_was}": drawn}} | {{
    name: tools.edit_images(drawn, some)[0][1::2] for name, some in changes.items()
}}
comparison = tools.compare(conditions, control="{as_it_was}")
print(comparison)
for measured in comparison.conditions:
    tools.display(measured.condition, list(zip(measured.values, conditions[measured.condition])))
"""


class Asking:
    """What to do next about a question, from what was recorded."""

    def __init__(self, briefing: Briefing, language: Language, seed: int) -> None:
        """Read the session."""
        self._briefing, self._language = briefing, language
        self._notes = fold(briefing.events, language)
        self._plan = Plan(self._notes, seed)
        self._chance = random.Random(seed)
        self.asked: Asked = read(briefing.question.about, language)
        self.rows: dict[str, Measurement] = {}
        """By condition, as it was measured last."""
        self._steps: dict[str, list[int]] = {}
        kinds: dict[int, str] = {}
        for event in briefing.events:
            match event:
                case Offered(step=step, proposal=Proposal(code=code)):
                    kinds[step] = kind_of(code)
                case Observed(step=step, observation=seen) if seen.outcome == "done":
                    self._steps.setdefault(kinds.get(step, ""), []).append(step)
                    if kinds.get(step) != "Look":
                        self.rows |= {m.condition: m for m in seen.measurements if not m.unit}
                case _:
                    continue

    def next(self) -> Proposal | Conclusion:
        """The next experiment, or the answer."""
        if not self._briefing.must_conclude and self._briefing.steps_left > 1 and not self.missing:
            for kind in ("Look", "Change", "Cross", "Edit", "Fresh"):
                became = self._notes.tried.get(kind, [])
                if "done" not in became and len(became) < TRIES:
                    proposal = self._design(kind)
                    if proposal is not None:
                        return proposal
        return self._conclusion(Ledger.fold(self._briefing.events))

    @property
    def _removes(self) -> bool:
        """Whether edits that need no model take away what is asked about."""
        return bool(self.asked.kinds and self._language.edits and self._notes.editor)

    @property
    def missing(self) -> str:
        """Why the question cannot be answered by what there is; empty where it can."""
        if self._removes:
            return ""
        if not self._notes.generator:
            return "nothing here draws images from words (name a generator: --generator NAME)"
        if self.asked.unknown and not (self.asked.kinds or self.asked.claims):
            return f"there are no images to make for {', '.join(self.asked.unknown)}"
        if not (self.asked.kinds or self.asked.claims):
            return "it names nothing that could be drawn or changed"
        if self.asked.kinds and not self._notes.editor:
            return "nothing here edits images by instruction"
        return ""

    def _design(self, kind: str) -> Proposal | None:
        asked = self.asked
        if self._removes:
            fits = kind in ("Change", "Fresh")
            return attributes.experiment(kind, asked.kinds, self._notes) if fits else None
        needs_drivers = (asked.kinds and asked.among is None) or asked.lowers
        if kind == "Look":
            return self._plan.look(0) if needs_drivers else None
        if asked.kinds:
            return self._change(kind) if kind in ("Change", "Fresh") else None
        if kind in ("Cross", "Fresh"):
            return self._cross(kind)
        claim = self._together()
        if kind == "Edit" and claim is not None and self._notes.editor and not asked.lowers:
            name = self._say(claim)
            return Proposal(
                "Take each word away in the same images: what does the answer need?",
                cells.edits(
                    {name: self._say(claim, article=True)}, {name: self._plan.instructions(claim)}
                ),
            )
        return None

    # Which attribute matters.

    def _change(self, kind: str) -> Proposal | None:
        prompts = self._drivers()
        if not prompts:
            return None
        changes = {
            f"another {kind}": [self._instruction(claim, kind) for claim in prompts]
            for kind in self.asked.kinds
        }
        lines = [f'    "{name}": {cells.listed(some)},' for name, some in changes.items()]
        claims = {name: self._matters(name) for name in changes}
        return Proposal(
            "Change one attribute of everything, and nothing else: which does the answer need?",
            CHANGE.format(
                kind=kind,
                seed=", seed=1" if kind == "Fresh" else "",
                prompts=cells.listed([self._say(c, article=True) for c in prompts], 0),
                changes="\n".join(lines),
                as_it_was=AS_IT_WAS,
            ),
            tuple(claims.values()),
            tuple(Prediction(h.id, (AS_IT_WAS,), (name,)) for name, h in claims.items()),
        )

    def _matters(self, name: str) -> Hypothesis:
        return self._notes.hypothesis(f"With {name}, it answers less.")

    def _drivers(self) -> list[Claim]:
        """What is drawn: images of what was named, or what is said of the strongest."""
        if self.asked.among is not None:
            return [self.asked.among] * IMAGES
        shown = [c for c in self._notes.exemplars if c.things]
        return sorted(shown, key=lambda c: len(c.things))[:DRIVERS]

    def _instruction(self, claim: Claim, kind: str) -> str:
        """The edit that gives everything in an image a word of a kind which it does not have."""
        language = self._language
        if kind == "background":
            others = [b for b in language.backgrounds if b != claim.background]
            return f"change the background to {self._chance.choice(others)}"
        others = [w for w in language.kinds[kind] if not any(w in t for t in claim.things)]
        other = self._chance.choice(others or language.kinds[kind])
        verb = "replace everything with a {}" if other in language.nouns else "make everything {}"
        return verb.format(other)

    # Which of the things it is.

    def _cross(self, kind: str) -> Proposal | None:
        prompts = self._conditions()
        names = list(prompts)
        hypotheses, predicts = [], []
        for claim in self.asked.claims:
            if self.asked.lowers:
                both = f"{DRIVE}, with {self._say(claim)}"
                hypothesis = self._notes.silent(claim)
                predicts.append(Prediction(hypothesis.id, (DRIVE,), (both,)))
            else:
                hypothesis = self._notes.active(claim)
                predicts.append(Prediction(hypothesis.id, (self._name(claim),), (names[-1],)))
            hypotheses.append(hypothesis)
        return (
            Proposal(
                "Draw what the question names, each with and without the other."
                if kind == "Cross"
                else "Once more, on images not made before.",
                cells.drawn(
                    kind,
                    "the one, the other, both, and neither",
                    prompts,
                    IMAGES,
                    1 if kind == "Fresh" else None,
                    measure=cells.SILENCE if self.asked.lowers else cells.MEASURE,
                ),
                tuple(hypotheses),
                tuple(predicts),
            )
            if prompts
            else None
        )

    def _conditions(self) -> dict[str, list[str]]:
        """Prompts by condition; the last condition has nothing of what was named."""
        claims, say = self.asked.claims, self._prompt
        if self.asked.lowers:
            drivers = self._drivers()
            if not drivers:
                return {}
            found = {DRIVE: [say(driver) for driver in drivers]}
            for claim in claims:
                beside = [say(driver & claim) for driver in drivers]
                found[f"{DRIVE}, with {self._say(claim)}"] = beside
            return found
        both = self._together()
        if len(claims) == 2 and both is not None:
            one, other = claims
            found = {self._say(both): [say(both)]}
            found[self._name(one)] = [say(self._joined(one, o)) for o in self._others(other)]
            found[self._name(other)] = [say(self._joined(o, other)) for o in self._others(one)]
            pairs = zip(self._others(one), self._others(other), strict=False)
            return found | {NEITHER: [say(self._joined(a, b)) for a, b in pairs]}
        found = {self._name(claim): [say(claim)] for claim in claims}
        none = [o for claim in claims for o in self._others(claim) if o not in claims]
        return found | {NEITHER: [say(claim) for claim in dict.fromkeys(none)][:IMAGES]}

    def _name(self, claim: Claim) -> str:
        others = [c for c in self.asked.claims if c != claim]
        crossed = len(others) == 1 and self._together() is not None
        return (
            f"{self._say(claim)}, without {self._say(others[0])}" if crossed else self._say(claim)
        )

    def _together(self) -> Claim | None:
        """All that was named, in one image; None where one excludes the other."""
        claims = self.asked.claims
        if len(claims) == 1:
            return claims[0]
        if len(claims) != 2:
            return None
        one, other = claims
        if one.background and other.background:
            return None
        if len(one.things) == len(other.things) == 1:
            kinds = [{self._language.kind(w) for w in c.things[0]} for c in claims]
            if kinds[0] & kinds[1]:
                return None
        return self._joined(one, other)

    def _joined(self, one: Claim, other: Claim) -> Claim:
        """Of one thing where both say something of one; beside each other otherwise."""
        if len(one.things) == len(other.things) == 1:
            words = (*one.things[0], *other.things[0])
            return Claim((self._language.thing(*words),), one.background or other.background)
        return one & other

    def _others(self, claim: Claim) -> list[Claim]:
        """Claims with another word in a word's place."""
        found = [o for _, _, others in near_misses(claim, self._language) for o in others]
        return random.Random(str(claim)).sample(found, min(IMAGES // 2, len(found)))

    # The answer.

    def _conclusion(self, ledger: Ledger) -> Conclusion:
        asked = self.asked
        if why := self.missing or ("" if self.rows else "nothing was measured"):
            text = f"Not answered: {why}. {FAMILY}"
            answers = (Answer("the question", text),)
            return Conclusion(text, (), not_tested="all of the question.", answers=answers)
        if self._removes:
            return attributes.conclusion(asked, self._notes, ledger)
        found = self._kinds_answer() if asked.kinds else self._claims_answer()
        said, labels = [Answer(about, says) for about, says, _ in found], []
        if not asked.kinds and not asked.lowers:
            drive = {about for about, _, held in found if held}
            labels = [self._say(c) for c in asked.claims if self._say(c, article=True) in drive]
        # What was not found to matter rests on no claim that it does.
        lacking = [kind for kind, _, held in found if asked.kinds and not held]
        denied = {self._matters(f"another {kind}").id for kind in lacking}
        evidence = [
            Evidence(id, tuple(sorted({check.step for check in finding.checks})))
            for id, finding in ledger.findings.items()
            if finding.status in ("supported", "indicated") and id not in denied
        ]
        strange = f"; nothing of {', '.join(asked.unknown)}" if asked.unknown else ""
        return Conclusion(
            " ".join(says for _, says, _ in found),
            tuple(labels),
            evidence=tuple(evidence),
            not_tested="other than these words, other places in the image, and what the question"
            f" does not name{strange}.",
            answers=tuple(said),
        )

    def _kinds_answer(self) -> list[tuple[str, str, bool]]:
        """For each kind, what is left of the answer with another word of it."""
        base = self.rows.get(AS_IT_WAS)
        changed = {k: self.rows.get(f"another {k}") for k in self.asked.kinds}
        tested = {k: difference(base, m) for k, m in changed.items() if base and m}
        lines = []
        for (kind, found), p in zip(
            tested.items(), holm([d.p for d in tested.values()]), strict=True
        ):
            row = changed[kind]
            if base is None or row is None:
                continue
            usual = base.usual[2] if base.usual else 0.0
            rise = base.mean - usual
            left = f"{max(0.0, (row.mean - usual) / rise):.0%}" if rise > 0 else "none"
            matters = p <= ALPHA and found.value > 0
            verdict = f"{kind.capitalize()} {'matters' if matters else 'was not found to matter'}:"
            says = (
                f"{verdict} with another {kind}, {left} of the answer is left (difference"
                f" {_interval(found)}, {row.n} pairs)."
            )
            lines.append((kind, says, matters))
        return lines

    def _claims_answer(self) -> list[tuple[str, str, bool]]:
        """For each thing named, what it adds where nothing of it is named otherwise."""
        names = {
            claim: f"{DRIVE}, with {self._say(claim)}" if self.asked.lowers else self._name(claim)
            for claim in self.asked.claims
        }
        base = self.rows.get(DRIVE if self.asked.lowers else NEITHER)
        tested = {
            c: difference(self.rows[n], base) for c, n in names.items() if n in self.rows and base
        }
        both, last = self._together(), None
        together = self.rows.get(self._say(both)) if both is not None else None
        if len(tested) == 2:
            one, other = (self.rows[names[claim]] for claim in tested)
            stronger = max(one, other, key=lambda m: m.mean)
            last = difference(together, stronger) if together else difference(one, other)
        # All of them are one family, the last too.
        ps = holm([d.p for d in (*tested.values(), *filter(None, [last]))])
        lines = []
        for (claim, found), p in zip(tested.items(), ps, strict=False):
            row, phrase = self.rows[names[claim]], self._say(claim, article=True)
            clear = p <= ALPHA
            if self.asked.lowers:
                verb = "lowers it" if found.value < 0 else "raises it"
                against = "what drives it, alone"
            else:
                verb = "drives it" if found.value > 0 else "lowers it"
                against = "the same with other words"
            said = f"{phrase} {verb if clear else 'was not found to change its answer'}"
            says = (
                f"{said[0].upper()}{said[1:]}: mean {row.mean:.2f} ({names[claim]}), difference"
                f" from {against} {_interval(found)}, {row.n} images."
            )
            lines.append((phrase, says, clear and found.value > 0))
        if last is not None and together is not None:
            more = ps[-1] <= ALPHA and last.value > 0
            verb = "add to each other" if more else "were not found to be more than one alone"
            says = f"Together they {verb}: mean {together.mean:.2f}, difference {_interval(last)}."
            lines.append(("both together", says, False))
        elif last is not None:
            verb = "differ" if ps[-1] <= ALPHA else "were not found to differ"
            lines.append(("one against the other", f"The two {verb}: {_interval(last)}.", False))
        return lines

    def _prompt(self, claim: Claim) -> str:
        return self._say(claim, article=True)

    def _say(self, claim: Claim, article: bool = False) -> str:
        return self._language.say(claim, article)


def _interval(found: Difference) -> str:
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
