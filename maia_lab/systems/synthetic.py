"""Units whose truth is known: rules over what scenes hold, answered by what can be seen of it.

They stand beside real units wherever it matters to know whether a description is right. A unit is
addressed ``synthetic/rule/seed``, for example ``synthetic/or/7``. Its truth is kept in this module
and not handed to experiments, though nothing inside one process is out of reach.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import provenance
from maia_lab.errors import UnitError
from maia_lab.names import nearest, position
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.description import Description
from maia_lab.scenes.keep import scene_of
from maia_lab.scenes.phrase import Phrase
from maia_lab.scenes.render import appearance, render
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS, Scene
from maia_lab.system import Response

FORMAT = 2
"""Raised whenever the same address would give another unit, or another answer."""
UNITS = 1_000_000
"""Seeds of each rule."""
SIDE = 16
"""Rows and columns of a unit's map."""
NOISE, JITTER = 0.03, 0.1
"""Standard deviations: of every position's noise, and of an answer's strength, relative to it."""
RARE, COMMON = 0.05, 0.5
"""Least and largest share of random scenes in which a unit answers.

Rarer units would lie below their own 0.95 quantile, and the answers that count would be noise.
"""
PAIRS = (("colour", "shape"), ("texture", "shape"), ("colour", "texture"))
"""Attributes that may be asked of one thing together."""
DIFFERENT = 0.03
"""Least share of scenes in which a unit does what no simpler one of the same parts does."""
WHERE = {"left of": "x", "above": "y"}
"""Relation of A to B → the coordinate that must be larger for B …"""
APART = 0.05
"""… by at least so much of the image's side."""
NOTHING = Concept()


@dataclass(frozen=True, slots=True)
class Truth:
    """What a unit is about."""

    rule: str
    first: Concept = NOTHING
    """What it answers to: one kind of thing, or a background."""
    second: Concept = NOTHING
    """What else it depends on, by rules of two concepts."""
    where: str = ""
    """By the rule ``relation``: where the first lies, seen from the second."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Phrases, any one of which predicts an answer as well as words can."""
        if self.rule == "or":
            return str(self.first), str(self.second)
        if self.rule in ("and", "relation"):
            both = self.first.phrases + self.second.phrases
            return (str(Concept(both, self.first.background or self.second.background)),)
        return () if self.rule in ("noise", "dead") else (str(self.first),)

    @property
    def suppressed_by(self) -> tuple[str, ...]:
        """Phrases that silence it."""
        return (str(self.second),) if self.rule == "and-not" else ()

    @property
    def description(self) -> Description | None:
        """The truth as labels say it, exactly; None by the rule ``relation``: they cannot."""
        if self.rule == "relation":
            return None
        return Description.parse(self.labels, self.suppressed_by)

    def matches(self, scene: Scene) -> bool:
        """Whether the unit answers a scene."""
        return any(map(bool, self.lit(scene)))

    def __str__(self) -> str:
        """Say it in a line: ``red, only in the presence of a star``."""
        first, second = self.first.say(article=True), self.second.say(article=True)
        said = {
            "one": first,
            "or": f"{first} or {second}",
            "and": f"{first}, only in the presence of {second}",
            "and-not": f"{first}, but not in the presence of {second}",
            "count": f"at least {first}",
            "relation": f"{first} {self.where} {second}",
            "noise": "nothing: noise",
            "dead": "nothing: silence",
        }
        return said[self.rule]

    def lit(self, scene: Scene) -> tuple[list[int], bool]:
        """What a unit answers to in a scene: positions of things, and whether to the background."""
        if self.rule in ("noise", "dead"):
            return [], False
        if self.rule == "or":
            one, two = _found(self.first, scene), _found(self.second, scene)
            return sorted({*one[0], *two[0]}), one[1] or two[1]
        if self.rule == "and-not" and self.second.matches(scene):
            return [], False
        things, ground = _found(self.first, scene)
        if self.rule == "and" and self.second.phrases:
            others = _found(self.second, scene)[0]
            things = [i for i in things if any(j != i for j in others)]
        elif self.rule == "and":
            things = things if self.second.matches(scene) else []
        elif self.rule == "relation":
            at = [getattr(thing, WHERE[self.where]) for thing in scene.things]
            others = _found(self.second, scene)[0]
            things = [i for i in things if any(at[j] - at[i] > APART for j in others)]
        return things, ground

    @property
    def simpler(self) -> tuple[Truth, ...]:
        """Truths of the same parts that it could be mistaken for."""
        if self.rule == "relation":
            return (replace(self, rule="and", where=""),)
        if self.rule in ("or", "and", "and-not"):
            parts = (self.first, self.second) if self.rule == "or" else (self.first,)
            return tuple(Truth("one", part) for part in parts)
        return ()


RULES = ("one", "or", "and", "and-not", "count", "relation", "noise", "dead")
"""Layers of the model: ``and`` is A only in the presence of B, ``and-not`` A but not B."""


@cache
def truth(rule: str, seed: int) -> Truth:
    """The truth behind ``synthetic/rule/seed``: always the same, neither rare nor everywhere."""
    chance = stream(f"synthetic {rule}", seed)
    while True:
        drawn = _draw(chance, rule)
        if rule in ("noise", "dead"):
            return drawn
        lit = _lit(drawn)
        others = [np.mean(lit != _lit(simpler)) for simpler in drawn.simpler]
        if RARE <= lit.mean() <= COMMON and min(others, default=1) >= DIFFERENT:
            return drawn


class Synthetic:
    """The model whose layers are rules and whose units are seeds."""

    name = "synthetic"
    world = "scenes"

    def layers(self) -> list[tuple[str, str, int]]:
        """Each rule, with its number of seeds."""
        return [(rule, "channels", UNITS) for rule in RULES]

    def layer(self, name: str) -> SyntheticLayer:
        """Open a rule; UnitError, naming the nearest, if there is none of that name."""
        if name not in RULES:
            raise UnitError(
                f"synthetic/{name}", "is not a rule", f"the nearest are {nearest(name, RULES)}"
            )
        return SyntheticLayer(name)

    def index(self, layer: str, unit: int | str) -> int:
        """The seed itself; UnitError if it is not a number from 0 to 999999."""
        return position(f"synthetic/{self.layer(layer).name}", unit, UNITS)


def open_synthetic(name: str = Synthetic.name) -> Synthetic:
    """Open the model of synthetic units.

    Raises:
        UnitError: another name than ``synthetic``.
    """
    if name != Synthetic.name:
        raise UnitError(name, "is not the model of synthetic units", "call it synthetic")
    return Synthetic()


@dataclass(frozen=True, slots=True)
class SyntheticLayer:
    """All units of one rule."""

    name: str
    units: int = UNITS

    @property
    def digest(self) -> str:
        """Hash of all that the answers depend on: the rules, and how scenes look."""
        text = f"synthetic {FORMAT} {appearance()} {NOISE} {JITTER} {RARE} {COMMON} {self.name}"
        return hashlib.sha256(text.encode()).hexdigest()

    def respond(
        self, images: Sequence[Image.Image], units: Sequence[int] | None = None
    ) -> Response:
        """Answer images whose scene is known.

        Raises:
            WorldError: the scene of an image is not known.
        """
        chosen = range(self.units) if units is None else units
        maps = np.zeros((len(images), len(chosen), SIDE, SIDE), np.float32)
        for i, image in enumerate(images):
            scene, key = scene_of(image), provenance.pixel_hash(provenance.original(image))
            for j, seed in enumerate(chosen):
                maps[i, j] = self.answer(scene, image.width, key, seed)
        return Response(maps.max((2, 3)), maps)

    def answer(self, scene: Scene, size: int, key: str, seed: int) -> NDArray[np.float32]:
        """One unit's map for one image, from the image's pixel hash always with the same noise."""
        if self.name == "dead":
            return np.zeros((SIDE, SIDE), np.float32)
        chance = stream(f"synthetic noise {self.name} {key}", seed)
        return answered(truth(self.name, seed), scene, size, chance)


def answered(
    about: Truth, scene: Scene, size: int, chance: np.random.Generator
) -> NDArray[np.float32]:
    """A unit's map for one image, shape (side, side); its noise is drawn from ``chance``."""
    noise = chance.normal(0, NOISE, (SIDE, SIDE)).astype(np.float32)
    if about.rule == "noise":
        return noise * 10
    things, ground = about.lit(scene)
    if not things and not ground:
        return noise
    parts = _parts(scene, size)
    cells = parts[things].sum(0) + ground * parts[-1]
    if not cells.any():
        return noise
    # A thing of twice the width is answered twice as strongly; a large one with about 1.
    strength = 2 * np.sqrt(cells.mean()) * (1 + JITTER * chance.normal())
    answer: NDArray[np.float32] = noise + np.float32(strength) * cells / cells.max()
    return answer


@lru_cache(maxsize=8000)
def _parts(scene: Scene, size: int) -> NDArray[np.float32]:
    """Share of each cell in which each thing, and last the background, is seen."""
    masks = render(scene, size, masks=True)[1]
    seen = [*masks, 1 - masks.sum(0)]
    cells = [Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BOX) for one in seen]
    return np.stack([np.asarray(one, np.float32) for one in cells]).clip(0, 1)


def _found(concept: Concept, scene: Scene) -> tuple[list[int], bool]:
    """Positions of the things a simple concept means, if there are enough; or the background."""
    if concept.background is not None:
        return [], concept.background == scene.background
    (phrase,) = concept.phrases
    things = [i for i, thing in enumerate(scene.things) if phrase.matches(thing)]
    return (things if len(things) >= (phrase.count or 1) else []), False


def _draw(chance: np.random.Generator, rule: str) -> Truth:
    if rule in ("noise", "dead"):
        return Truth(rule)
    first, second = _thing(chance), _thing(chance)
    while second == first:
        second = _thing(chance)
    # Every fourth concept is a background, where the rule does not need things.
    ground = Concept(background=BACKGROUNDS[int(chance.integers(len(BACKGROUNDS)))])
    if rule != "relation" and rule != "count" and chance.random() < 0.25:
        first, second = (ground, second) if rule in ("one", "or") else (first, ground)
    if rule == "one":
        return Truth(rule, first)
    if rule == "count":
        (phrase,) = first.phrases
        return Truth(rule, Concept((replace(phrase, count=int(chance.integers(2, 4))),)))
    where = list(WHERE)[int(chance.integers(len(WHERE)))] if rule == "relation" else ""
    return Truth(rule, first, second, where)


def _thing(chance: np.random.Generator) -> Concept:
    """One kind of thing, by one attribute or, every third time, by two."""
    asked: tuple[str, ...] = PAIRS[int(chance.integers(len(PAIRS)))]
    if chance.random() > 1 / 3:
        asked = (list(ATTRIBUTES)[int(chance.integers(len(ATTRIBUTES)))],)
    words: dict[str, Any] = {
        name: ATTRIBUTES[name][int(chance.integers(len(ATTRIBUTES[name])))] for name in asked
    }
    return Concept((Phrase(**words),))


@cache
def _lit(truth: Truth) -> NDArray[np.bool_]:
    """In which random scenes, always the same, a unit would answer."""
    return np.array([truth.matches(scene) for scene in _scenes()])


@cache
def _scenes() -> list[Scene]:
    chance = stream("how often synthetic units answer")
    return [sample(chance) for _ in range(500)]
