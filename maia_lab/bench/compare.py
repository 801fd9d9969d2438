"""Whether units that are the same are told from units that differ by one word of their rule.

A pair is two synthetic units. Equal copies follow the same rule at another scale, each with noise
of its own on every answer: its position's and its strength's, as all synthetic units have. In a
planted difference, one word of the second unit's rule is another of its kind (``red`` to ``blue``,
``grass`` to ``sand``, ``two`` to ``three``), so that at least three scenes in a hundred are
answered by one of the two alone. Each pair is a whole session of the agent, which is told two
opaque addresses; the rules lie in its process, and nothing that it is handed leads to them.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from maia_lab import provenance
from maia_lab.bench.table import Row, Table
from maia_lab.errors import MaiaError
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.keep import scene_of
from maia_lab.scenes.phrase import ORDER
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS, Scene
from maia_lab.scenes.world import scenes_world
from maia_lab.start import compare as hold
from maia_lab.system import Response
from maia_lab.systems.synthetic import COMMON, DIFFERENT, RARE, Truth, answered, truth
from maia_lab.world import World

MIX = ("one", "one", "or", "and", "and-not", "count")
"""Rules of the pairs, over and over."""
SEEDS = 100_000
"""Units of each rule that pairs are drawn from."""
SCENES = 500
"""Random scenes over which two rules must differ often enough."""
SCALES = (1.0, 0.3)
"""Of the first and of the second unit's answers."""
IMAGES, HELD_OUT = 600, 200


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rules, and where everything random about them starts from."""

    first: Truth
    second: Truth
    seed: int

    @property
    def equal(self) -> bool:
        """Whether one is a copy of the other."""
        return self.first == self.second


@dataclass(frozen=True, slots=True)
class Twin:
    """A model of one unit that follows a rule, with noise and scale of its own."""

    about: Truth
    own: str
    """Tells its noise from its twin's."""
    scale: float
    name: str = "twin"
    world: str = "scenes"
    units: int = 1

    @property
    def digest(self) -> str:
        """Of all that its answers depend on."""
        return hashlib.sha256(f"twin {self.about!r} {self.own} {self.scale}".encode()).hexdigest()

    def layers(self) -> list[tuple[str, str, int]]:
        """The only one."""
        return [("unit", "channels", 1)]

    def layer(self, name: str) -> Twin:
        """The same under every name: model and layer are one."""
        del name
        return self

    def index(self, layer: str, unit: int | str) -> int:
        """There is one."""
        del layer, unit
        return 0

    def respond(
        self, images: Sequence[Image.Image], units: Sequence[int] | None = None
    ) -> Response:
        """Answer images whose scene is known."""
        del units
        maps = []
        for image in map(provenance.original, images):
            chance = stream(f"twin {self.own} {provenance.pixel_hash(image)}")
            maps.append(answered(self.about, scene_of(image), image.width, chance))
        told = np.float32(self.scale) * np.stack(maps)[:, None]
        return Response(told.max((2, 3)), told)


def compare(seeds: Sequence[int], n: int = 200, agent: str = "offline") -> Table:
    """Compare ``n`` pairs of units, half of them equal copies.

    Args:
        seeds: which pairs, which data, and where sessions start from.
        n: pairs in all.
        agent: who compares.
    """
    share = [n // 2 // len(seeds) + (i < n // 2 % len(seeds)) for i in range(len(seeds))]
    planned = [
        pair
        for seed, count in zip(seeds, share, strict=True)
        for equal in (True, False)
        for pair in pairs(seed, count, equal=equal)
    ]
    with tempfile.TemporaryDirectory() as folder:
        work = [(pair, agent, str(Path(folder, f"{i:04}"))) for i, pair in enumerate(planned)]
        called = []
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            for said in pool.map(_called, work):
                called.append(said)
                sys.stderr.write(
                    f"\r{len(called)} of {len(work)} pairs" + "\n" * (len(called) == n)
                )
    failed = sum(said is None for said in called)
    both = list(zip(planned, called, strict=True))
    rows = (
        Row.share(
            "equal-copies",
            # A session that failed did not find them equal.
            [said is not False for pair, said in both if pair.equal],
            "<= 0.05",
            "called different, tested at 1 %",
        ),
        Row.share(
            "planted-difference",
            [said is True for pair, said in both if not pair.equal],
            ">= 0.95",
            "found: one word of the rule is another" + (f"; {failed} failed" if failed else ""),
        ),
    )
    return Table("compare", tuple(seeds), rows)


def pairs(seed: int, count: int, *, equal: bool) -> list[Pair]:
    """Pairs of a bench's seed."""
    chance = stream(f"compare {'equal' if equal else 'planted'}", seed)
    found: list[Pair] = []
    while len(found) < count:
        first = truth(MIX[len(found) % len(MIX)], int(chance.integers(SEEDS)))
        second = first if equal else planted(first, chance)
        if second is not None:
            found.append(Pair(first, second, seed))
    return found


def planted(about: Truth, chance: np.random.Generator) -> Truth | None:
    """The rule with one of its words another of the same kind; None where that hardly shows."""
    parts = [name for name in ("first", "second") if getattr(about, name) != Concept()]
    part = parts[int(chance.integers(len(parts)))]
    changed = _reworded(getattr(about, part), about.rule, chance)
    other = replace(about, first=changed) if part == "first" else replace(about, second=changed)
    lit = [np.array([rule.matches(s) for s in _scenes()]) for rule in (about, other)]
    wide = all(RARE <= some.mean() <= COMMON for some in lit)
    return other if wide and np.mean(lit[0] != lit[1]) >= DIFFERENT else None


def _reworded(concept: Concept, rule: str, chance: np.random.Generator) -> Concept:
    if concept.background is not None:
        return Concept(background=_other(BACKGROUNDS, concept.background, chance))
    (phrase,) = concept.phrases
    words = [name for name in ORDER if getattr(phrase, name) is not None]
    if rule == "count" and chance.random() < 0.5:
        return Concept((replace(phrase, count=5 - (phrase.count or 2)),))
    kind = words[int(chance.integers(len(words)))]
    word = _other(ATTRIBUTES[kind], getattr(phrase, kind), chance)
    return Concept((replace(phrase, **{kind: word}),))  # type: ignore[arg-type]


def _other(words: Sequence[str], word: str, chance: np.random.Generator) -> str:
    others = [one for one in words if one != word]
    return others[int(chance.integers(len(others)))]


@lru_cache(1)
def _scenes() -> list[Scene]:
    chance = stream("scenes over which rules of a pair differ")
    return [sample(chance) for _ in range(SCENES)]


@lru_cache(1)
def _world(seed: int) -> World:
    return scenes_world(IMAGES, HELD_OUT, seed)


def _called(work: tuple[Pair, str, str]) -> bool | None:
    """Whether a session calls a pair different; None where it came to no conclusion."""
    pair, agent, folder = work
    models = {
        name: Twin(about, f"{name} {pair.seed} {Path(folder).name}", scale)
        for name, about, scale in zip(
            ("first", "second"), (pair.first, pair.second), SCALES, strict=True
        )
    }
    try:
        session = hold(
            *(f"{name}/unit/0" for name in models), models=models, data=_world(pair.seed),
            agent=agent, review="auto", seed=pair.seed, folder=folder, session="pair",
        ).wait()  # fmt: skip
    except MaiaError:
        return None
    return None if session.conclusion is None else bool(session.conclusion.answers)
