"""The offline experimenter's way with several units: look, search, test, and once more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from maia_lab.agents.offline.cells import listed
from maia_lab.agents.offline.claims import Claim, Language
from maia_lab.agents.offline.notes import fold, kind_of
from maia_lab.briefing import Briefing
from maia_lab.contrast import ALPHA, Contrast, Gap
from maia_lab.events import Observed, Offered, Opened
from maia_lab.ledger import ALPHA as AGAIN
from maia_lab.observation import Measurement, Observation, of_unit
from maia_lab.proposal import Answer, Conclusion, Evidence, Hypothesis, Prediction, Proposal

SAMPLE = "a sample of the data"
LOOKED = 300
"""Images of the data that are searched, half of it at most; as many others are kept for a test
where none are drawn."""
CLAIMS, EACH = 8, 20
"""Conditions that are tested, and images of each."""
LEAST = 4
"""Images of the sample in which a claim must hold before it is tested."""
PRICE = 0.05
"""Of a word, as a share of what a claim scores: of two that do as well, the simpler."""
TRIES = 2
CAPTIONS = "captions:"

LOOK = """\
# Look: the strongest images of each unit, shown to all of them.
for name, each in systems.items():
    strongest = [image for _, image in tools.dataset_exemplars(each, count=8)]
    print("strongest for", name)
    tools.display(tools.side_by_side(strongest))
"""
SEARCH = f"""\
# Search: in which images of the data do their answers lie furthest apart?
images = tools.dataset_sample({2 * LOOKED}, seed=1)
images = images[: len(images) // 2]
contrast = tools.contrast({{"{SAMPLE}": images}})
print(contrast)
answers = zip(*[m.values for m in contrast.conditions if m.condition.startswith("{SAMPLE}")])
apart = [max(some) - min(some) for some in answers]
order = sorted(range(len(images)), key=lambda i: -apart[i])
tools.display("furthest apart", tools.side_by_side([images[i] for i in order[:8]]))
print("{CAPTIONS}")
print(*tools.describe_images(images), sep="\\n")
"""
DRAWN = """\
# {kind}: do they differ here? Fresh images of each.
phrases = {phrases}
conditions = {{phrase: tools.text2image(phrase, per_prompt={each}{seed}) for phrase in phrases}}
"""
MET = f"""\
# {{kind}}: do they differ here? Images of the data that were not searched.
phrases = {{phrases}}
images = tools.dataset_sample({2 * LOOKED}, seed=1)
images = images[len(images) // 2 :]
said = tools.describe_images(images)
found = {{{{phrase: [i for i, text in zip(images, said) if phrase in text] for phrase in phrases}}}}
conditions = {{{{phrase: some for phrase, some in found.items() if len(some) > 1}}}}
"""
TEST = """\
contrast = tools.contrast(conditions)
print(contrast)
for gap in contrast.gaps[:2]:
    tools.display(gap.condition, tools.side_by_side(conditions[gap.condition][:8]))
"""


class Comparing:
    """What to do next about several units, from what was recorded."""

    def __init__(self, briefing: Briefing, language: Language) -> None:
        """Read the session."""
        self._briefing, self._language = briefing, language
        self._notes = fold(briefing.events, language)
        self._captions = self._generator = False
        self.seen: dict[str, list[tuple[int, Observation]]] = {}
        """By kind of experiment, with its step."""
        kinds: dict[int, str] = {}
        for event in briefing.events:
            match event:
                case Opened(setting=setting):
                    self._captions = bool(setting.captioner)
                    self._generator = bool(setting.generator)
                case Offered(step=step, proposal=Proposal(code=code)):
                    kinds[step] = kind_of(code)
                case Observed(step=step, observation=seen) if seen.outcome == "done":
                    self.seen.setdefault(kinds.get(step, ""), []).append((step, seen))
                case _:
                    continue

    def next(self) -> Proposal | Conclusion:
        """The next experiment, or what they came to."""
        if not self._briefing.must_conclude and self._briefing.steps_left > 1:
            for kind in ("Look", "Search", "Test", "Fresh"):
                became = self._notes.tried.get(kind, [])
                if "done" not in became and len(became) < TRIES:
                    proposal = self._design(kind)
                    if proposal is not None:
                        return proposal
        return self._conclusion()

    def _design(self, kind: str) -> Proposal | None:
        if kind == "Look":
            return Proposal("Look at what drives each of them, before any hypothesis.", LOOK)
        if kind == "Search":
            code = SEARCH if self._captions else SEARCH[: SEARCH.index(f'print("{CAPTIONS}')]
            return Proposal("Search the data for images that they answer differently.", code)
        gaps = [g for g in self._gaps("Test") if g.p <= ALPHA]
        if kind == "Fresh" and not self._generator:
            return None
        phrases = list(dict.fromkeys(g.condition for g in gaps)) if kind == "Fresh" else self.claims
        if not phrases:
            return None
        why = {
            "Test": "Test the conditions in which they may differ, corrected for their number.",
            "Fresh": "Try to refute each difference once more, on images made for it.",
        }[kind]
        template = DRAWN if self._generator else MET
        seed = ", seed=1" if kind == "Fresh" else ""
        code = template.format(kind=kind, phrases=listed(phrases, 0), each=EACH, seed=seed) + TEST
        return Proposal(why, code, *self._predicted(phrases))

    def _predicted(
        self, phrases: Sequence[str]
    ) -> tuple[tuple[Hypothesis, ...], tuple[Prediction, ...]]:
        """What the search, or the test, says of each condition: which unit answers more."""
        hypotheses, predicts = [], []
        for phrase in phrases:
            means = self._expected(phrase)
            high, low = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
            if high == low:
                continue
            claim = self._notes.hypothesis(f"{high} answers {phrase} more than {low} does.")
            hypotheses.append(claim)
            predicts.append(Prediction(claim.id, (of_unit(phrase, high),), (of_unit(phrase, low),)))
        return tuple(hypotheses), tuple(predicts)

    @property
    def _units(self) -> list[str]:
        rows = [m for _, seen in self.seen.get("Search", []) for m in seen.measurements]
        return list(dict.fromkeys(m.unit for m in rows))

    @cached_property
    def _sample(self) -> tuple[list[Claim], dict[str, NDArray[np.float64]]]:
        """What the searched images show, and how each unit answered them."""
        contents: list[Claim] = []
        values: dict[str, NDArray[np.float64]] = {}
        for _, seen in self.seen.get("Search", [])[-1:]:
            values = {m.unit: np.array(m.values) for m in seen.measurements if m.plain == SAMPLE}
            _, _, said = seen.text.partition(f"{CAPTIONS}\n")
            contents = [self._language.read(line) for line in said.splitlines()]
        longest = min([len(contents), *(len(some) for some in values.values())])
        return contents[:longest], {unit: some[:longest] for unit, some in values.items()}

    def _expected(self, phrase: str) -> dict[str, float]:
        """How each unit answered images of a condition in the search."""
        contents, values = self._sample
        claim = self._language.read(phrase)
        held = np.array([claim.holds_in(content) for content in contents], bool)
        return {u: float(some[held].mean()) if held.any() else 0.0 for u, some in values.items()}

    @property
    def claims(self) -> list[str]:
        """Phrases that go with a difference in the search, each for what the others leave."""
        contents, values = self._sample
        if not contents or len(values) < 2:
            return []
        parts = sorted({part for content in contents for part in content.parts()})
        held = np.array([[part.holds_in(content) for content in contents] for part in parts])
        enough = held.sum(1) >= LEAST if parts else np.zeros(0, bool)
        if not enough.any():
            return []
        parts = [part for part, some in zip(parts, enough, strict=True) if some]
        held = held[enough].astype(float)
        counts = held.sum(1)
        cost = 1 - PRICE * np.array([part.words + 2 * part.counts for part in parts])
        chosen: dict[str, None] = {}
        pairs = list(combinations(values, 2))
        for first, second in pairs:
            left = values[second] - values[first]
            for _ in range(max(2, CLAIMS // len(pairs))):
                scores = np.abs(held @ left) / np.sqrt(counts) * cost
                best = int(scores.argmax())
                chosen[self._language.say(parts[best], article=self._generator)] = None
                inside = held[best] > 0
                left = left - inside * left[inside].mean()
        return list(chosen)[: 2 * CLAIMS]

    def _gaps(self, kind: str) -> tuple[Gap, ...]:
        """What an experiment of a kind found, read off its measurements."""
        rows: list[Measurement] = []
        for _, seen in self.seen.get(kind, [])[-1:]:
            rows = [m for m in seen.measurements if m.unit]
        return Contrast.of(rows).gaps if len({m.unit for m in rows}) > 1 else ()

    def _conclusion(self) -> Conclusion:
        """Only what one experiment found and another, on fresh images, found again."""
        tested, again = self._gaps("Test"), self._gaps("Fresh")
        confirmed = {
            (gap.condition, gap.first, gap.second, gap.difference > 0)
            for gap in again
            if gap.p <= AGAIN
        }
        found = [gap for gap in tested if gap.p <= ALPHA]
        if again:
            found = [
                gap
                for gap in found
                if (gap.condition, gap.first, gap.second, gap.difference > 0) in confirmed
            ]
        answers: dict[str, list[str]] = {}
        more: dict[str, dict[str, None]] = {}
        for gap in found:
            high, low = (gap.second, gap.first)[:: 1 if gap.difference > 0 else -1]
            says = f"{high} answers more than {low}, by {abs(gap.difference):.2f} sd"
            answers.setdefault(gap.condition, []).append(says)
            more.setdefault(high, {})[gap.condition] = None
        names = " and ".join(self._units) or str(self._briefing.question.unit)
        ranks = Contrast.of(self.seen["Search"][-1][1].measurements).ranks if self._units else ()
        alike = "; ".join(f"{r:.2f}" for _, _, r in ranks if r is not None)
        if answers:
            said = "; ".join(f"{unit} answers more to {', '.join(to)}" for unit, to in more.items())
            text = f"They differ: {said}."
        elif tested:
            text = (
                f"No difference was found between {names}: they lie apart at {ALPHA:.0%} in none"
                f" of {len({gap.condition for gap in tested})} conditions."
            )
        elif not self._captions:
            text = (
                f"Nothing was tested of {names}: these images have no captions to form conditions"
                " by."
            )
        elif self._sample[0] and not self.claims:
            text = (
                f"Nothing was tested of {names}: no word is said of {LEAST} of the"
                f" {len(self._sample[0])} images that were searched."
            )
        else:
            text = f"Nothing was tested of {names}."
        if alike:
            text += f" Rank correlation of their answers over the data: {alike}."
        steps = tuple(step for kind in ("Test", "Fresh") for step, _ in self.seen.get(kind, []))
        named = [f" answers {about} more than " for about in answers]
        held = [h for h in self._notes.hypotheses.values() if any(n in h.text for n in named)]
        return Conclusion(
            text,
            (),
            evidence=tuple(Evidence(h.id, steps) for h in held),
            not_tested="differences that have no word here, and those in fewer than"
            f" {LEAST} of the searched images; a difference that was not found may be there.",
            answers=tuple(Answer(name, "; ".join(some)) for name, some in answers.items()),
        )
