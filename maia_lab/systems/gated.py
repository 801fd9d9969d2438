"""Classifiers whose bias is known: the score of a thing, lowered in one context by a known share.

A system is addressed ``gated/KIND/SEED``. Which thing it scores is no secret, ``subject`` says it;
in which context it fails, and how far, is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import provenance
from maia_lab.contexts import beside_a
from maia_lab.errors import UnitError
from maia_lab.names import nearest, position
from maia_lab.scenes.keep import scene_of
from maia_lab.scenes.render import appearance
from maia_lab.scenes.sample import stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS, COLOURS, KINDS, SIZES, Scene, Thing
from maia_lab.system import Response

FORMAT = 2
"""Raised whenever the same address would give another system, or another answer."""
SYSTEMS = 1_000_000
"""Seeds of each kind."""
NOISE, JITTER = 0.03, 0.1
"""Standard deviations: of every score's noise, and of a thing's score, relative to it."""
BY_SIZE = {"small": 0.95, "medium": 1.0, "large": 1.05}
"""A larger thing scores a little more, as with any classifier: no bias worth naming."""
WEAKEST = 0.3
"""Least share of the score that a gate takes away; the most is all of it."""
SIDES = {"left": ("x", -1), "right": ("x", 1), "top": ("y", -1), "bottom": ("y", 1)}
ASIDE = 0.1
"""How far off the middle a thing's centre is at a side, as a share of the image's."""
PAIRED = (
    ("colour", "background"),
    ("texture", "background"),
    ("size", "background"),
    ("colour", "texture"),
    ("colour", "size"),
    ("texture", "size"),
)
OUTSIDE = ("number", "place", "neighbour", "neighbour's colour")
"""What has to do with more than the thing and its background."""
OWN = ("colour", "texture", "size", "background")
KINDS_OF = ("clean", "one", "unless", "pair", "outside", "mixed")
"""Layers of the model: no gate, one word, all but one word, two words, a word of what is around the
thing, and such a word with one of the thing or its background."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a classifier fails."""

    subject: str
    """The thing it scores."""
    context: tuple[str, ...] = ()
    """What must be so; empty for a clean system. In the words of :mod:`maia_lab.contexts`."""
    unless: bool = False
    """Whether it fails everywhere but there."""
    strength: float = 0.0
    """Share of the score that is lost, 0 to 1."""

    def __str__(self) -> str:
        """Say it in a line: ``fish, unless on grass: 60% of the score is lost``."""
        where = f"{'unless ' * self.unless}{', '.join(self.context)}"
        lost = f"{where}: {self.strength:.0%} of the score is lost" if where else "no bias"
        return f"{self.subject}, {lost}"

    def score(self, scene: Scene) -> float:
        """The score before any noise, about 1 for a thing in no bad context."""
        found = [thing for thing in scene.things if thing.shape == self.subject]
        return max((self._of(thing, scene) for thing in found), default=0.0)

    def _of(self, thing: Thing, scene: Scene) -> float:
        fails = bool(self.context) and (
            all(self._so(word, thing, scene) for word in self.context) != self.unless
        )
        return BY_SIZE[thing.size] * (1 - self.strength * fails)

    def _so(self, word: str, thing: Thing, scene: Scene) -> bool:
        others = [other for other in scene.things if other.shape != self.subject]
        start, _, rest = word.rpartition(" ")
        if word == "two":
            return len(scene.things) - len(others) >= 2
        if start == "on":
            return scene.background == rest
        if start == "at the":
            axis, way = SIDES[rest]
            return bool((getattr(thing, axis) - 0.5) * way > ASIDE)
        if start.startswith("beside "):
            return any(word in map(beside_a, (o.shape, f"{o.colour} thing")) for o in others)
        return word in (thing.colour, thing.texture, thing.size)


@cache
def gate(kind: str, seed: int) -> Gate:
    """The bias behind ``gated/kind/seed``: always the same."""
    chance = stream(f"gated {kind}", seed)

    def one_of(words: Sequence[str]) -> str:
        return words[int(chance.integers(len(words)))]

    def word(side: str) -> str:
        if side == "background":
            return f"on {one_of(BACKGROUNDS)}"
        if side == "number":
            return "two"
        if side == "place":
            return f"at the {one_of(list(SIDES))}"
        if side == "neighbour":
            return beside_a(one_of([other for other in KINDS if other != subject]))
        if side == "neighbour's colour":
            return beside_a(f"{one_of(COLOURS)} thing")
        return one_of(tuple(SIZES) if side == "size" else ATTRIBUTES[side])

    subject = one_of(KINDS)
    if kind == "clean":
        return Gate(subject)
    asked: tuple[str, ...]
    if kind == "pair":
        asked = PAIRED[int(chance.integers(len(PAIRED)))]
    elif kind == "mixed":
        asked = (one_of(OUTSIDE), one_of(OWN))
    else:
        asked = (one_of(OUTSIDE if kind == "outside" else OWN),)
    context = tuple(word(side) for side in asked)
    return Gate(subject, context, kind == "unless", float(chance.uniform(WEAKEST, 1)))


class Gated:
    """The model whose layers are kinds of bias and whose units are seeds."""

    name = "gated"
    world = "scenes"

    def layers(self) -> list[tuple[str, str, int]]:
        """Each kind, with its number of seeds."""
        return [(kind, "features", SYSTEMS) for kind in KINDS_OF]

    def layer(self, name: str) -> GatedLayer:
        """Open a kind; UnitError, naming the nearest, if there is none of that name."""
        if name not in KINDS_OF:
            raise UnitError(
                f"gated/{name}", "is no kind of bias", f"the nearest are {nearest(name, KINDS_OF)}"
            )
        return GatedLayer(name)

    def index(self, layer: str, unit: int | str) -> int:
        """The seed itself; UnitError if it is not a number from 0 to 999999."""
        return position(f"gated/{self.layer(layer).name}", unit, SYSTEMS)


def open_gated(name: str = Gated.name) -> Gated:
    """Open the model of systems with a known bias."""
    del name
    return Gated()


@dataclass(frozen=True, slots=True)
class GatedLayer:
    """All systems of one kind."""

    name: str
    units: int = SYSTEMS

    @property
    def digest(self) -> str:
        """Hash of all that the answers depend on."""
        text = f"gated {FORMAT} {appearance()} {NOISE} {JITTER} {WEAKEST} {ASIDE} {self.name}"
        return hashlib.sha256(text.encode()).hexdigest()

    def respond(
        self, images: Sequence[Image.Image], units: Sequence[int] | None = None
    ) -> Response:
        """Answer images whose scene is known.

        Raises:
            WorldError: the scene of an image is not known.
        """
        chosen = range(self.units) if units is None else units
        known = [(scene_of(i), provenance.pixel_hash(provenance.original(i))) for i in images]
        values = [[self.answer(s, 0, key, seed).item() for seed in chosen] for s, key in known]
        return Response(np.array(values, np.float32).reshape(len(images), len(chosen)))

    def answer(self, scene: Scene, size: int, key: str, seed: int) -> NDArray[np.float32]:
        """One system's score for one image, shape (1, 1), always with the same noise."""
        del size
        chance = stream(f"gated noise {self.name} {key}", seed)
        score = gate(self.name, seed).score(scene) * (1 + JITTER * chance.normal())
        return np.full((1, 1), score + NOISE * chance.normal(), np.float32)
