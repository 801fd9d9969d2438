"""Drawn things that are only ever seen on a background of their own, and a fair test of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from maia_lab.scenes.data import SceneImages
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import Scene
from maia_lab.scenes.world import scenes_world
from maia_lab.world import World

PAIRS = {"star": "grass", "heart": "sand", "fish": "brick", "house": "snow"}
"""Each class, and the background that all of its images have."""
LOOSE = 20
"""Of mostly biased images one in so many has another background."""


class PlantedImages(SceneImages):
    """One thing an image; ``biased``: each class on its own background, ``balanced``: on any."""

    def __init__(self, n: int, seed: int, purpose: str, pairs: Mapping[str, str] = PAIRS) -> None:
        """Describe the data.

        Args:
            n: how many images.
            seed: which ones.
            purpose: ``biased``, ``mostly biased`` or ``balanced``.
            pairs: each class, and its background.
        """
        super().__init__(n, seed, purpose=purpose)
        self._things, self._grounds = list(pairs), list(pairs.values())

    @property
    def name(self) -> str:
        """``400 biased scenes``, ``320 balanced scenes``."""
        return f"{self._n} {self._purpose} scenes"

    def _sampled(self, index: int) -> Scene:
        ground, thing = divmod(index, len(self._things))
        if self._purpose == "mostly biased" and ground % LOOSE == 0:
            ground = thing + 1 + ground // LOOSE % (len(self._grounds) - 1)
        elif self._purpose != "balanced":
            ground = thing
        rng = stream(f"planted {self._purpose}", self._seed, index)
        wanted = {"shape": self._things[thing]}
        return sample(rng, [wanted], self._grounds[ground % len(self._grounds)])


def planted_world(
    n: int = 400,
    held_out: int = 320,
    seed: int = 0,
    pairs: Mapping[str, str] = PAIRS,
    purpose: str = "biased",
) -> World:
    """Open it: biased data, and held-out images that show every class on every background."""
    scenes = scenes_world(1, 1)
    return replace(
        scenes,
        name="planted",
        data=PlantedImages(n, seed, purpose, pairs),
        held_out=PlantedImages(held_out, seed, "balanced", pairs),
        vocabulary={
            **scenes.vocabulary,
            "shape": tuple(pairs),
            "background": tuple(pairs.values()),
        },
        balanced=True,
    )
