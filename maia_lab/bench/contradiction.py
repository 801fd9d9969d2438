"""Whether a conclusion that its own data deny is caught, and a sound one is let through.

Both are drawn up here, over units whose truth is known, and held as real sessions: cells that draw,
compare and print. In half of them the data tie the truth to something else, which is concluded in
one of the ways in which people and models talk past their measurements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from maia_lab.bench.table import Row, Table
from maia_lab.events import Observed, Offered, Opened, Setting
from maia_lab.executor import LocalExecutor
from maia_lab.journal import Journal
from maia_lab.ledger import Ledger
from maia_lab.objections import objections
from maia_lab.observation import Measurement, Observation
from maia_lab.proposal import Conclusion, Evidence, Hypothesis, Prediction, Proposal
from maia_lab.provenance import Origin
from maia_lab.review import Approve
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.keep import image_of
from maia_lab.scenes.phrase import Phrase
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS, Scene
from maia_lab.scenes.world import scenes_world
from maia_lab.session import Session
from maia_lab.study import Study, open_study
from maia_lab.systems.synthetic import NOTHING, Truth, truth
from maia_lab.tasks.describe import DESCRIBE

EACH = 60
"""Sessions of either kind."""
POOL, HELD_OUT = 120, 20
TIED = 4
"""Of so many images of tied data, one holds the truth, and the confounder with it."""
SAMPLES, PROMPTS = 4, 3
"""Images of a prompt, prompts of a condition."""
RULES = ("one", "or", "and", "and-not")
"""What units of sound sessions answer to."""
WAYS = ("denied", "unmentioned", "reworded", "narrowed")
"""How a planted confounder is concluded: from a hypothesis that a prediction contradicted; from one
of which only what holds was predicted; in new words after it failed; or as "both", although either
part of the truth was seen to be enough."""


def contradiction(seeds: Sequence[int], n: int = EACH) -> Table:
    """Hold ``n`` sessions of either kind, spread over the seeds."""
    each = -(-n // len(seeds))
    units = [seed * 1000 + i for seed in seeds for i in range(each)]
    denied = [planted(unit, WAYS[i % len(WAYS)]) for i, unit in enumerate(units)]
    looked = [planted(unit, "exemplars") for unit in units[: n // 3]]
    true = [sound(unit, RULES[i % len(RULES)]) for i, unit in enumerate(units)]
    rows = [
        Row.share("flagged/contradicted", denied, ">= 0.95", "a confounder, against the data"),
        *(Row.share(f"flagged/{way}", denied[i :: len(WAYS)]) for i, way in enumerate(WAYS[:n])),
        Row.share("flagged/exemplars", looked, note="from exemplars alone, nothing drawn"),
        Row.share("flagged/sound", true, "<= 0.05", f"the truth, by {', '.join(RULES)}"),
        Row.share("bow-tie", [bool(bow_tie())], ">= 1", "MAIA's own table as a ledger"),
    ]
    return Table("contradiction", tuple(seeds), tuple(rows))


def bow_tie() -> tuple[str, ...]:
    """What is said of MAIA's published conclusion, given the activations that it printed.

    A bow tie must be worn, it concluded, from worn ones between 19.9 and 27.6. Of those it is known
    that they were several; their least and largest are taken here.
    """
    conditions = {
        "bow tie worn": (19.9, 27.6),
        "bow tie flat on a table": (20.3,),
        "close-up of just a bow tie": (21.8,),
    }
    rows = tuple(
        Measurement(
            name, values, tuple(f"{name} {i}" for i in range(len(values))),
            sum(values) / len(values), 0.0, 1.0, 99.0, "",
        )
        for name, values in conditions.items()
    )  # fmt: skip
    worn, *others = conditions
    claim = Hypothesis("H1", "It is active for bow ties, and only when they are worn.")
    test = Proposal("Must it be worn?", "", (claim,), (Prediction("H1", (worn,), tuple(others)),))
    ledger = Ledger.fold((Offered(1, 1, test, "MAIA"), Observed(1, Observation((), rows))))
    said = Conclusion("Bow ties, when worn.", ("bow tie worn",), (), (Evidence("H1", (1,)),))
    return objections(said, ledger)


# Sessions.


@dataclass(frozen=True)
class Script:
    """A session's proposals in order, and what it concludes."""

    experiments: tuple[Proposal, ...]
    conclusion: Conclusion

    def flagged(self, study: Study) -> bool:
        """Hold it; whether its conclusion was sent back."""
        with TemporaryDirectory() as folder:
            journal = Journal.create(Path(folder), "scripted")
            world = study.world
            made = Setting("scripted", world.name, world.data.name, "scenes renderer")
            session = Session.open(journal, Opened("scripted", DESCRIBE.ask(study.unit), made))
            names = {"system": study.system, "tools": study.tools}
            executor = LocalExecutor(names, study.tools.recorder, journal.keep)
            for experiment in self.experiments:
                ticket = session.offer(experiment, "scripted")
                assert ticket is not None
                code = session.decide(ticket, Approve(), "auto") or ""
                session.began()
                seen = executor.run(code)
                if seen.outcome != "done":
                    raise RuntimeError(f"a scripted experiment failed: {seen.error}\n{code}")
                session.observed(seen)
            sent_back = session.offer(self.conclusion, "scripted") is None
            journal.close()
        return sent_back


LOOK = """\
strongest = tools.dataset_exemplars(system, count=12)
weakest = tools.dataset_exemplars(system, count=12, stratum="bottom")
groups = {"strongest": strongest, "weakest": weakest}
print(tools.compare({name: [image for _, image in group] for name, group in groups.items()}))
"""


def _look(*hypotheses: Hypothesis) -> Proposal:
    predicts = (Prediction(hypotheses[0].id, ("strongest",), ("weakest",)),)
    return Proposal("Look at what drives it most and least.", LOOK, hypotheses, predicts)


def _draw(
    conditions: dict[str, list[Concept]],
    seed: int,
    hypotheses: tuple[Hypothesis, ...],
    *predicts: Prediction,
) -> Proposal:
    """Draw each condition and compare; another seed draws other images."""
    prompts = {name: [one.say(article=True) for one in of] for name, of in conditions.items()}
    code = f"""\
prompts = {prompts!r}
conditions = {{
    name: tools.text2image(texts, per_prompt={SAMPLES}, seed={seed})
    for name, texts in prompts.items()
}}
print(tools.compare(conditions))
"""
    return Proposal("Draw what is claimed, and what is not.", code, hypotheses, predicts)


def sound(seed: int, rule: str) -> bool:
    """The truth, tested against what lacks a part of it, twice, and concluded as it came out."""
    unit = truth(rule, seed)
    study = open_study(f"synthetic/{rule}/{seed}", data=scenes_world(POOL, HELD_OUT, seed))
    claims, conditions, predicts = _predicted(unit, seed)
    script = Script(
        (
            _look(*claims),
            _draw(conditions, 1, claims, *predicts),
            _draw(conditions, 2, claims, *predicts),
        ),
        Conclusion(
            f"Active for {unit}.", unit.labels, unit.suppressed_by,
            tuple(Evidence(claim.id, (2, 3)) for claim in claims), "sizes",
        ),
    )  # fmt: skip
    return script.flagged(study)


def _predicted(
    unit: Truth, seed: int
) -> tuple[tuple[Hypothesis, ...], dict[str, list[Concept]], tuple[Prediction, ...]]:
    """What the truth says of what can be drawn: claims, conditions by name, and predictions."""
    one, two = unit.first, unit.second
    parts = {"one": [one], "or": [one, two], "and": [_both(one, two)], "and-not": [one]}[unit.rule]
    claims, predicts = [], []
    conditions: dict[str, list[Concept]] = {}
    for number, part in enumerate(parts, 1):
        name = str(part)
        claims.append(Hypothesis(f"H{number}", f"It is active for {part.say(article=True)}."))
        conditions |= {name: [part] * PROMPTS, "lacking": _others(parts[0], seed)}
        predicts.append(Prediction(f"H{number}", (name,), ("lacking",)))
    if unit.rule == "or":
        lacking = zip(_others(one, seed, two), _others(two, seed, one), strict=True)
        conditions["lacking"] = [_joined(first, second) for first, second in lacking]
    if unit.rule == "and-not":
        beside = f"{one}, with {two}"
        claims.append(Hypothesis("H2", f"It is less active beside {two.say(article=True)}."))
        conditions[beside] = [_both(one, two)] * PROMPTS
        if not _kinds(one) & _kinds(two):
            # What suppresses must not be there by chance.
            conditions[str(one)] = [_joined(one, other) for other in _others(two, seed)]
        predicts.append(Prediction("H2", (str(one),), (beside,)))
    return tuple(claims), conditions, tuple(predicts)


def planted(seed: int, way: str) -> bool:
    """A confounder that the data tie to the truth, concluded although drawn images part the two."""
    real = truth("one", seed).first
    fake = _confounder(real, seed)
    world = replace(scenes_world(POOL, HELD_OUT, seed), data=_Tied(real, fake, seed))
    study = open_study(f"synthetic/one/{seed}", data=world)
    claim = Hypothesis("H1", f"It is active for {fake.say(article=True)}.")
    tied, alone, without = "both", f"{fake} alone", f"{real} alone"
    joined = _joined(real, fake)
    conditions = {
        tied: [joined] * PROMPTS,
        alone: [_joined(other, fake) for other in _others(real, seed)],
        without: [_joined(real, other) for other in _others(fake, seed)],
    }
    harmless = Prediction("H1", (tied,), ("control",))
    if way == "exemplars":
        experiments = [_look(claim)]
    elif way in ("denied", "reworded"):
        telling = Prediction("H1", (alone,), (without,))
        experiments = [_look(claim), _draw(conditions, 1, (claim,), telling, harmless)]
    else:
        if way == "narrowed":
            claim = replace(claim, text=f"It is active for {joined.say(article=True)} only.")
        draw = partial(_draw, conditions)
        experiments = [_look(claim), draw(1, (claim,), harmless), draw(2, (claim,), harmless)]
    if way == "reworded":
        claim = replace(claim, text=f"It looks for {fake.say(article=True)}, mostly.")
        experiments.append(_draw({tied: [joined] * PROMPTS}, 2, (claim,), harmless))
    label = str(joined if way == "narrowed" else fake)
    cited = Evidence("H1", tuple(range(1, len(experiments) + 1)))
    said = Conclusion(claim.text, (label,), (), (cited,), "sizes")
    return Script(tuple(experiments), said).flagged(study)


# Concepts.


def _both(one: Concept, two: Concept) -> Concept:
    """Two concepts, each with a thing of its own."""
    return Concept(one.phrases + two.phrases, one.background or two.background)


def _joined(one: Concept, two: Concept) -> Concept:
    """Two concepts in one thing, or a thing and its background."""
    if one.background or two.background:
        return _both(one, two)
    (first,), (second,) = one.phrases, two.phrases
    words: dict[str, Any] = first.wanted | second.wanted
    return Concept((Phrase(**words),))


def _others(concept: Concept, seed: int, besides: Concept = NOTHING) -> list[Concept]:
    """Concepts that differ from one in a word of one of its things, or in the background.

    The word is none of those that ``besides`` says, either.
    """
    chance, taken = stream("others", seed), f"{concept} {besides}".split()
    if not concept.phrases:
        grounds = [ground for ground in BACKGROUNDS if ground not in taken]
        return [Concept(background=str(ground)) for ground in chance.permutation(grounds)[:PROMPTS]]
    *before, last = concept.phrases
    attribute = next(iter(last.wanted))
    words = [word for word in ATTRIBUTES[attribute] if word not in taken]
    # There are but three sizes: then one is drawn twice as often.
    chosen = np.resize(chance.permutation(words), PROMPTS)
    swaps: list[dict[str, Any]] = [{attribute: str(word)} for word in chosen]
    return [Concept((*before, replace(last, **swap)), concept.background) for swap in swaps]


def _kinds(concept: Concept) -> set[str]:
    """The kinds of words that a concept says."""
    said = {kind for phrase in concept.phrases for kind in phrase.wanted}
    return said | ({"background"} if concept.background else set())


def _confounder(real: Concept, seed: int) -> Concept:
    """A kind of word that the truth does not speak of: for a background, a colour."""
    chance = stream("confounder", seed)
    said = real.phrases[0].wanted if real.phrases else {}
    free = [a for a in ("colour", "shape", "texture") if a not in said]
    kind = str(chance.choice(free))
    word: dict[str, Any] = {kind: str(chance.choice(ATTRIBUTES[kind]))}
    return Concept((Phrase(**word),))


class _Tied:
    """Scenes in some of which truth and confounder are there together, and in the rest neither."""

    def __init__(self, real: Concept, fake: Concept, seed: int) -> None:
        chance = stream("tied", seed)
        joined = _joined(real, fake)
        self._scenes: list[Scene] = []
        while len(self._scenes) < POOL:
            if len(self._scenes) % TIED == 0:
                wanted = [phrase.wanted for phrase in joined.phrases]
                self._scenes.append(sample(chance, wanted, joined.background))
            elif not (real.matches(scene := sample(chance)) or fake.matches(scene)):
                self._scenes.append(scene)
        self.name = f"{POOL} scenes that tie {real} to {fake}"
        told = "".join(scene.to_json() for scene in self._scenes)
        self.digest = hashlib.sha256(told.encode()).hexdigest()

    def __len__(self) -> int:
        return POOL

    def __getitem__(self, index: int) -> Image.Image:
        return image_of(self._scenes[index], Origin("data", self.name))

    def __iter__(self) -> Iterator[Image.Image]:
        return (self[index] for index in range(POOL))
