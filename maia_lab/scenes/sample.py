"""Random scenes: of anything, of what is wanted, or of a kind of place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from maia_lab.scenes.concept import concepts
from maia_lab.scenes.place import TOUCH, Disc, overlap, place
from maia_lab.scenes.scene import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    KINDS,
    LEAST,
    LIMITS,
    SIZES,
    TEXTURES,
    Scene,
    Thing,
)

Wanted = Mapping[str, str]
"""What a thing must be, attribute → word; the rest is chance."""
ROOM = 0.19
"""Largest sum of squared radii for which sizes are drawn freely: beyond it things get crowded."""
CONCEPTS = (*KINDS, *COLOURS, *TEXTURES, *(f"{ground} background" for ground in BACKGROUNDS))
"""What the multi-label network is trained to see."""
CATEGORIES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "harbour": (("boat",), ("water",), ("fish", "bird", "ring")),
    "aquarium": (("fish",), ("water", "plain"), ("star", "moon", "ring")),
    "garden": (("flower",), ("grass", "brick"), ("bird", "mushroom", "heart")),
    "forest": (("tree", "mushroom"), ("grass", "snow"), ("bird", "flower")),
    "street": (("car",), ("brick", "plain"), ("house", "tree", "cross")),
    "village": (("house",), ("grass", "snow", "sky"), ("tree", "bird", "car")),
    "night": (("moon", "star"), ("night",), ("house", "tree", "bird")),
    "toybox": (("circle", "square", "triangle"), ("wood",), ("car", "star", "ring")),
    "beach": (("star", "ring", "boat"), ("sand",), ("circle", "fish", "bird")),
    "sky": (("bird", "heart"), ("sky",), ("moon", "circle", "triangle")),
    "hospital": (("cross",), ("plain", "snow"), ("car", "heart", "house")),
    "winter": (("tree", "heart", "circle"), ("snow",), ("bird", "star", "house")),
}
"""Kinds of place: what is always there, on what background, and what may be there as well.

They share backgrounds and things, so that no single cue tells them apart.
"""


def stream(purpose: str, *seeds: int) -> np.random.Generator:
    """Chance for one purpose: streams of different purposes or seeds share nothing."""
    return np.random.default_rng([crc32(purpose.encode()), *(seed % 2**64 for seed in seeds)])


def sample(
    rng: np.random.Generator,
    wanted: Sequence[Wanted] | None = None,
    background: str | None = None,
) -> Scene:
    """Draw a scene by chance.

    Args:
        rng: where chance comes from, see :func:`stream`.
        wanted: one entry for each thing there must be, no more; None for one to four of any kind.
        background: which one; None for any.
    """
    if wanted is None:
        wanted = [{}] * int(rng.choice([1, 2, 3, 4], p=[0.3, 0.32, 0.3, 0.08]))
    drawn = [_thing(rng, want) for want in wanted]
    discs = _room(rng, [want.get("size") for want in wanted])
    things = [
        Thing(shape, colour, texture, x, y, radius, float(rng.uniform(-18, 18)))
        for (shape, colour, texture), (x, y, radius) in zip(drawn, discs, strict=True)
    ]
    return Scene(background or _any(rng, BACKGROUNDS), tuple(things), int(rng.integers(1 << 30)))


def sample_category(rng: np.random.Generator) -> tuple[Scene, int]:
    """Draw a scene of a random kind of place; returns it and the position in CATEGORIES."""
    label = int(rng.integers(len(CATEGORIES)))
    always, backgrounds, others = list(CATEGORIES.values())[label]
    shapes = [_any(rng, always) for _ in range(rng.integers(1, 3))]
    shapes += [_any(rng, others) for _ in range(rng.integers(0, 3))]
    background = _any(rng, backgrounds if rng.random() < 0.85 else BACKGROUNDS)
    return sample(rng, [{"shape": shape} for shape in shapes], background), label


def targets(scene: Scene, phrases: Sequence[str] = CONCEPTS) -> NDArray[np.float32]:
    """Which phrases of one or two words a scene holds: 0 or 1, shape (phrases,)."""
    held = concepts(scene)
    return np.array([phrase in held for phrase in phrases], np.float32)


def radius_for(rng: np.random.Generator, size: str) -> float:
    """A usual radius for a size."""
    return float(rng.uniform(*SIZES[size]))


def least_radius(size: str) -> float:
    """The radius with which a thing is just of a size."""
    return max(LEAST, dict(zip(SIZES, LIMITS, strict=False))[size] + 0.002)


def _any(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def _thing(rng: np.random.Generator, want: Wanted) -> tuple[str, str, str]:
    # Plain is drawn more often: a texture is a second thing to see, and hides the colour a little.
    texture = "plain" if rng.random() < 0.3 else _any(rng, TEXTURES)
    shape, colour = _any(rng, KINDS), _any(rng, COLOURS)
    return want.get("shape", shape), want.get("colour", colour), want.get("texture", texture)


def _room(rng: np.random.Generator, sizes: Sequence[str | None]) -> list[Disc]:
    """Discs of the sizes that are wanted, the others drawn so that all of them find room."""
    for _ in range(12):
        drawn = [size or _any(rng, ATTRIBUTES["size"]) for size in sizes]
        radii = [radius_for(rng, size) for size in drawn]
        if sum(radius**2 for radius in radii) <= ROOM:
            discs = place(rng, radii)
            if all(overlap(disc, discs[:i]) < TOUCH for i, disc in enumerate(discs)):
                return discs
    return place(rng, [least_radius(size or "small") for size in sizes])
