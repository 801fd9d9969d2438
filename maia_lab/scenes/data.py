"""A data set of scenes that is drawn as it is read: the same seed, the same images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.errors import DataError
from maia_lab.provenance import Origin
from maia_lab.scenes.concept import Concept, concepts
from maia_lab.scenes.keep import keep
from maia_lab.scenes.render import appearance, render
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import COLOURS, KINDS, Scene

KEPT = 5000
"""Scenes kept in memory, and drawn images, at 48 KiB each; the rest is made again when read."""


class SceneImages:
    """So many random scenes, as images.

    Each is drawn from a stream of its own, named by purpose, seed and position, so that two
    purposes share no scene, and a longer data set begins with the shorter one.
    """

    def __init__(
        self, n: int, seed: int = 0, size: int = 128, purpose: str = "data", tied: float = 0.0
    ) -> None:
        """Describe the data; nothing is drawn yet.

        Args:
            n: how many images.
            seed: which ones.
            size: side in pixels.
            purpose: ``data``, ``held-out``, or any other word for another stream.
            tied: share of the things whose shape follows from their colour, 0 to 1: at 1 each
                colour has one shape, and nobody can tell by looking which of the two matters.

        Raises:
            DataError: there would be no image.
        """
        if n < 1:
            raise DataError(n, "scenes are no data", "ask for one at least")
        self._n, self._seed, self._size, self._purpose = n, seed, size, purpose
        self._tied = tied
        kinds = [str(kind) for kind in stream("tied", seed).permutation(KINDS)]
        self._shape = dict(zip(COLOURS, kinds, strict=False))
        self._drawn: dict[int, NDArray[np.uint8]] = {}
        self._known: dict[int, Scene] = {}

    @property
    def name(self) -> str:
        """``3000 scenes``, ``1000 held-out scenes``."""
        return f"{self._n} {'' if self._purpose == 'data' else self._purpose + ' '}scenes"

    @property
    def digest(self) -> str:
        """Hash of all that the images depend on."""
        first = "".join(self.scene(i).to_json() for i in range(min(8, self._n)))
        what = f"{appearance()} {first} {self._purpose} {self._n} {self._seed} {self._size}"
        what += f" tied {self._tied}" if self._tied else ""
        return hashlib.sha256(what.encode()).hexdigest()

    def scene(self, index: int) -> Scene:
        """The scene at a position, without drawing it."""
        if not -self._n <= index < self._n:
            raise IndexError(index)
        index %= self._n
        if (known := self._known.get(index)) is not None:
            return known
        scene = self._sampled(index)
        if len(self._known) < KEPT:
            self._known[index] = scene
        return scene

    def _sampled(self, index: int) -> Scene:
        scene = sample(stream(self._purpose, self._seed, index))
        if not self._tied:
            return scene
        follows = stream("tied", self._seed, index).random(len(scene.things))
        things = [
            replace(thing, shape=self._shape[thing.colour]) if chance < self._tied else thing
            for thing, chance in zip(scene.things, follows, strict=True)
        ]
        return replace(scene, things=tuple(things))

    def matches(self, label: str, index: int) -> bool:
        """Whether the scene at a position holds what a label says; WordsError if unreadable."""
        return Concept.parse(label).matches(self.scene(index))

    def concepts(self, index: int) -> frozenset[str]:
        """Every short phrase that is true of the scene at a position."""
        return concepts(self.scene(index))

    def __len__(self) -> int:
        """How many images there are."""
        return self._n

    def __getitem__(self, index: int) -> Image.Image:
        """The image at a position, stamped, its scene known."""
        scene, index = self.scene(index), index % self._n
        pixels = self._drawn.get(index)
        if pixels is None:
            pixels = render(scene, self._size)
            if len(self._drawn) < KEPT:
                self._drawn[index] = pixels
        return keep(Image.fromarray(pixels), scene, Origin("data", self.name))

    def __iter__(self) -> Iterator[Image.Image]:
        """All images in order."""
        return (self[index] for index in range(self._n))
