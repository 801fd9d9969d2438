"""The offline experimenter's way with a classifier: sweep, look around, confirm, say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from maia_lab.agents.offline.claims import NUMBERS
from maia_lab.agents.offline.notes import kind_of
from maia_lab.briefing import Briefing
from maia_lab.contexts import ANYWHERE
from maia_lab.events import Decided, Observed, Offered
from maia_lab.ledger import Ledger
from maia_lab.observation import Measurement
from maia_lab.proposal import Answer, Conclusion, Evidence, Hypothesis, Prediction, Proposal
from maia_lab.review import SET_ASIDE, Reject
from maia_lab.slices import Slices, varied
from maia_lab.sweep import MATTERS, lost, missed, otherwise, raised, without

PAIRS = 12
"""Fresh images on which a context is confirmed."""
CANDIDATES = 4
"""Contexts of a sweep that are confirmed, at most: the worst."""
ROUNDS = 2
"""Times that a context is confirmed: the first round settles what is claimed, the second tries to
refute it."""
OUT = ", undone"
"""What the condition is called in which a context was made untrue."""
SWEEP = """\
# {kind}: {asks}
sweep = tools.sweep({what}{more})
print(sweep)
tools.display(sweep.worst)
"""
CONFIRM = """\
# Confirm: is it the context? The same fresh images, in it and out of it.
pairs = {{
{pairs}
}}
for name, (prompt, into, out) in pairs.items():
    images = tools.text2image(prompt, per_prompt={n}, seed={seed})
    # edit_images returns originals and edits interleaved: every second one is an edit.
    low = [i for text in into for i in tools.edit_images(images, text)[0][1::2]] or images
    rest = [i for text in out for i in tools.edit_images(images, text)[0][1::2]] or images
    undone = name + "{out}"
    comparison = tools.compare({{name: low, undone: rest}}, control=undone)
    print(comparison)
    tools.display(name, list(zip(comparison[name].values, low))[:6])
"""
CONFIRM_FOUND = """\
# Confirm: is it the context? Other photographs of the class, in it and out of it.
pairs = {{
{pairs}
}}
for name, (inside, outside, edit) in pairs.items():
    rest = tools.dataset_labelled(outside, {n}, seed={seed})
    low = tools.dataset_labelled(inside, {n}, seed={seed})
    if edit:
        # edit_images returns originals and edits interleaved: every second one is an edit.
        low = tools.edit_images(rest, edit)[0][1::2]
    undone = name + "{out}"
    comparison = tools.compare({{name: low, undone: rest}}, control=undone)
    print(comparison)
    tools.display(name, list(zip(comparison[name].values, low))[:6])
"""


class Biases:
    """What to do next about a class, from what was recorded."""

    def __init__(
        self, briefing: Briefing, vocabulary: Mapping[str, tuple[str, ...]], seed: int
    ) -> None:
        """Read the session."""
        self.contexts = varied(briefing.question.about, vocabulary)
        self._briefing, self._chance = briefing, np.random.default_rng(seed)
        self.measured: dict[str, dict[str, Measurement]] = {}
        """By kind of experiment and by condition."""
        self.tried: list[str] = []
        """Kinds of experiments that were run, or refused."""
        self.failed = ""
        """What the last experiment ended with, where it did not come to its end."""
        kinds: dict[int, str] = {}
        for event in briefing.events:
            match event:
                case Offered(step=step, proposal=Proposal(code=code), by=by) if by != "human":
                    kinds[step] = kind_of(code)
                case Decided(step=step, verdict=Reject() as no) if step in kinds:
                    if no != SET_ASIDE:
                        self.tried.append(kinds[step])
                case Observed(step=step, observation=seen) if step in kinds:
                    self.tried.append(kinds[step])
                    self.failed = "".join(seen.error.strip().splitlines()[-1:]).rstrip(".")
                    found = self.measured.setdefault(kinds[step], {})
                    found |= {m.condition: m for m in seen.measurements}
                case _:
                    continue

    def next(self) -> Proposal | Conclusion:
        """The next experiment, or the conclusion."""
        what = self.contexts.what
        if not self._briefing.must_conclude and self._briefing.steps_left > 1:
            drawn = not isinstance(self.contexts, Slices)
            if "Sweep" not in self.tried:
                over = "every side of it and every background" if drawn else "its labels and edits"
                asks = "which sides of it, on which background?" if drawn else "which of them?"
                return Proposal(
                    f"Sweep {what} over {over}: what lowers the score?",
                    SWEEP.format(kind="Sweep", asks=asks, what=json.dumps(what), more=""),
                )
            if drawn and "Around" not in self.tried and self.measurable:
                return Proposal(
                    "Look beyond the thing itself: its number, its place, what is beside it.",
                    SWEEP.format(
                        kind="Around", asks="how many, where, beside what?",
                        what=json.dumps(what), more=", around=True, n=432, seed=1",
                    ),
                )  # fmt: skip
            rounds = self.tried.count("Confirm")
            names = list(self.confirmed) if rounds else self.candidates
            if names and rounds < ROUNDS:
                return self.confirm(names, rounds + 1)
        return self.conclusion(Ledger.fold(self._briefing.events))

    @property
    def zero(self) -> Measurement | None:
        """Images without the thing."""
        return self.measured.get("Sweep", {}).get(without(self.contexts.what))

    @property
    def measurable(self) -> bool:
        """Whether the thing raises the score, at least in some context."""
        found = self.measured.get("Sweep", {})
        rest = found.get(otherwise(self.contexts.what))
        return rest is not None and self.zero is not None and raised(rest, self.zero)

    @property
    def candidates(self) -> list[str]:
        """Contexts that sweeps named and that cost enough: of each sweep some, the worst first."""
        what = self.contexts.what
        worst: dict[str, None] = {}
        for kind in ("Sweep", "Around"):
            found = self.measured.get(kind, {})
            zero, rest = found.get(without(what)), found.get(otherwise(what))
            if zero is None or rest is None or not raised(rest, zero):
                continue
            costs = {n: lost(m.values, rest.values, zero.values) for n, m in found.items()}
            worth = [n for n in costs if costs[n] >= MATTERS and found[n] not in (zero, rest)]
            worst |= dict.fromkeys(sorted(worth, key=lambda n: -costs[n])[:CANDIDATES])
        return list(worst)

    def hypothesis(self, name: str) -> Hypothesis:
        """A context as a claim."""
        said = name.removeprefix(f"{self.contexts.what}: ")
        return Hypothesis(
            f"H{1 + self.candidates.index(name)}",
            f"The score of {self.contexts.what} is lower in the context: {said}.",
        )

    def confirm(self, names: Sequence[str], seed: int) -> Proposal:
        """The same images in each context and out of it, others in every round."""
        lines = [
            text
            for name in names
            for text in (
                f"    {json.dumps(name)}: (",
                *(f"        {json.dumps(part)}," for part in self._shown(name)),
                "    ),",
            )
        ]
        template = CONFIRM_FOUND if isinstance(self.contexts, Slices) else CONFIRM
        return Proposal(
            "A sweep picks contexts by their score: show fresh images in each and out of it.",
            template.format(pairs="\n".join(lines), n=PAIRS, seed=seed, out=OUT),
            tuple(map(self.hypothesis, names)),
            tuple(Prediction(self.hypothesis(name).id, (name + OUT,), (name,)) for name in names),
        )

    def _shown(self, name: str) -> Sequence[str | Sequence[str]]:
        """What a confirmation needs to know to show a context, and the rest."""
        contexts = self.contexts
        context, unless = contexts.read(name)
        if not isinstance(contexts, Slices):
            prompt, into, out = contexts.pair(context, self._chance)
            return (prompt, out, into) if unless else (prompt, into, out)
        (word,) = context
        if word in contexts.own["edit"]:
            return contexts.labels, contexts.labels, word
        return word, contexts.others(word), ""

    @property
    def confirmed(self) -> dict[str, tuple[float, int, Measurement]]:
        """Contexts that held on fresh images: what is lost, how many are missed, of what."""
        found, zero = self.measured.get("Confirm", {}), self.zero
        kept = {}
        for name in self.candidates:
            m, rest = found.get(name), found.get(name + OUT)
            if m is None or rest is None or zero is None or m.high >= 0:
                continue
            if raised(rest, zero) and (cost := lost(m.values, rest.values, zero.values)) >= MATTERS:
                kept[name] = (cost, missed(m, rest, zero), m)
        return kept

    def conclusion(self, ledger: Ledger) -> Conclusion:
        """What was confirmed."""
        what, unit = self.contexts.what, self._briefing.question.unit
        if self.zero is None:
            return Conclusion(
                f"Nothing was measured of the contexts of {what}: {self.failed or 'no sweep ran'}.",
                (),
                not_tested="every context.",
            )
        if not self.measurable:
            return Conclusion(
                f"Nothing can be said of contexts: the score of {unit} does not tell images with"
                f" {what} from those without.",
                (),
                not_tested="every context: the score never rose.",
            )
        answers = tuple(
            Answer(name, f"loses {cost:.0%} of its score; {gone} of {m.n} fresh images are missed")
            for name, (cost, gone, m) in self.confirmed.items()
        )
        again = self.measured.get("Confirm", {})
        if not answers and (open_ := [n for n in self.candidates if n not in again]):
            why = f" ({self.failed})" if self.failed else ""
            return Conclusion(
                f"Whether {unit} misses {what} in some context is not settled: its score was lower"
                f" in the sweep for {'; '.join(map(self._told, open_))}, which no experiment on"
                f" fresh images came to measure{why}.",
                (),
                not_tested=f"these contexts on fresh images. Beside them: {self._not_tested()}",
            )
        said = "; ".join(f"{self._told(a.about)} ({a.says})" for a in answers)
        return Conclusion(
            f"{unit} is likely to miss {what} in these contexts: {said}."
            if answers
            else f"No context that was tried costs {unit} {MATTERS:.0%} of its score for {what}.",
            (what,) * bool(answers),
            evidence=tuple(self._evidence(ledger)),
            not_tested=self._not_tested(),
            answers=answers
            or (Answer(self.contexts.name((ANYWHERE,)), f"no context costs {MATTERS:.0%}"),),
        )

    def _told(self, name: str) -> str:
        """A context as a sentence has it: ``two at once, on snow``."""
        words = name.removeprefix(f"{self.contexts.what}: ").split(", ")
        return ", ".join(f"{word} at once" if word in NUMBERS else word for word in words)

    def _evidence(self, ledger: Ledger) -> Sequence[Evidence]:
        ids = {self.hypothesis(name).id for name in self.confirmed}
        return [
            Evidence(name, tuple(sorted({check.step for check in finding.speaking("for")})))
            for name, finding in ledger.findings.items()
            if name in ids and finding.status in ("supported", "indicated")
        ]

    def _not_tested(self) -> str:
        own = ", ".join(self.contexts.own)
        if isinstance(self.contexts, Slices):
            return (
                "anything that neither a label says nor an edit of a whole image changes: what is"
                " beside the thing, where it is, what it is like."
            )
        said = f"three things that must be so at once, and what has no word here beside {own}"
        if "Around" in self.measured:
            return f"{said}, number, place and neighbours."
        return f"{said}: neither number nor place nor neighbours."
