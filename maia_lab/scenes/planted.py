"""Drawn things that are only ever seen on a background of their own, and a fair test of that."""

from __future__ import annotations

from dataclasses import replace

from maia_lab.scenes.data import SceneImages
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import Scene
from maia_lab.scenes.world import scenes_world
from maia_lab.world import World

PAIRS = {"star": "grass", "heart": "sand", "fish": "brick", "house": "snow"}
"""Each class, and the background that all of its images have."""


class PlantedImages(SceneImages):
    """One thing an image; ``biased``: each class on its own background, otherwise on any."""

    @property
    def name(self) -> str:
        """``400 biased scenes``, ``320 balanced scenes``."""
        return f"{self._n} {self._purpose} scenes"

    def _sampled(self, index: int) -> Scene:
        things, grounds = list(PAIRS), list(PAIRS.values())
        thing = index % len(things)
        ground = thing if self._purpose == "biased" else index // len(things) % len(grounds)
        rng = stream(f"planted {self._purpose}", self._seed, index)
        return sample(rng, [{"shape": things[thing]}], grounds[ground])


def planted_world(n: int = 400, held_out: int = 320, seed: int = 0) -> World:
    """Open it: biased data, and held-out images that show every class on every background."""
    scenes = scenes_world(1, 1)
    return replace(
        scenes,
        name="planted",
        data=PlantedImages(n, seed, purpose="biased"),
        held_out=PlantedImages(held_out, seed, purpose="balanced"),
        vocabulary={
            **scenes.vocabulary,
            "shape": tuple(PAIRS),
            "background": tuple(PAIRS.values()),
        },
    )
