"""The world of scenes, whole: data, and what draws, edits, reads and names images like them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from PIL import Image

from maia_lab.errors import WorldError
from maia_lab.provenance import Origin, origin, original, pixel_hash
from maia_lab.scenes.captions import caption
from maia_lab.scenes.concept import Concept, concepts
from maia_lab.scenes.data import SceneImages
from maia_lab.scenes.edits import edit
from maia_lab.scenes.keep import image_of, scene_of
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS
from maia_lab.scenes.words import draw
from maia_lab.world import World

COUNTS = ("two", "three")
"""Numbers that a description may ask for: more of one kind hardly find room."""


@lru_cache(2)
def scenes_world(n: int = 3000, held_out: int = 1000, seed: int = 0, tied: float = 0.0) -> World:
    """Open the world of scenes; sessions of one process share it, and what was drawn of it.

    Args:
        n: images of the data.
        held_out: images that only scoring looks at, none of them among the data.
        seed: of both.
        tied: share of the data's things whose shape follows from their colour. Held-out images and
            what is drawn stay free: an experiment can separate what the data confound.
    """
    return World(
        "scenes",
        SceneImages(n, seed, tied=tied),
        SceneImages(held_out, seed, purpose="held-out"),
        SceneGenerator(),
        SceneEditor(),
        SceneCaptioner(),
        SceneWords(),
        {**ATTRIBUTES, "number": COUNTS, "background": BACKGROUNDS},
    )


class SceneGenerator:
    """Draws scenes from words."""

    name = "scenes renderer"

    def __init__(self, size: int = 128) -> None:
        """Draw images of ``size`` × ``size`` pixels."""
        self._size = size

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        """Draw one image a prompt; what a prompt leaves open is decided by its seed.

        Raises:
            WordsError: a word is not known; no image is drawn then.
        """
        scenes = [draw(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]
        return [
            image_of(scene, Origin("generated", self.name, prompt), self._size)
            for scene, prompt in zip(scenes, prompts, strict=True)
        ]


class SceneEditor:
    """Changes images whose scene is known, and draws them again."""

    name = "scenes editor"

    def edit(
        self, images: Sequence[Image.Image], instructions: Sequence[str], seeds: Sequence[int]
    ) -> list[Image.Image]:
        """Edit each image by the instruction beside it; a masked image as its original.

        Raises:
            WordsError: an instruction is not understood, or names nothing in its image.
            WorldError: the scene of an image is not known.
        """
        known = [original(image) for image in images]
        scenes = [
            edit(scene_of(image), instruction, seed)
            for image, instruction, seed in zip(known, instructions, seeds, strict=True)
        ]
        return [
            image_of(scene, Origin("edited", self.name, text, pixel_hash(image)), image.width)
            for scene, text, image in zip(scenes, instructions, known, strict=True)
        ]


class SceneCaptioner:
    """Reads the scene of an image."""

    name = "scenes captioner (perfect sight)"

    def describe(self, images: Sequence[Image.Image]) -> list[str]:
        """One complete sentence an image; of what a model drew, that nobody has read it.

        Raises:
            WorldError: an image comes from elsewhere, or was changed.
        """
        return [self._sentence(original(image)) for image in images]

    @staticmethod
    def _sentence(image: Image.Image) -> str:
        try:
            return caption(scene_of(image))
        except WorldError:
            made = origin(image)
            if made is None or made.kind not in ("generated", "redrawn"):
                raise
            return f"(drawn by {made.by}: what it shows was not read)"


class SceneWords:
    """The words for what scenes hold."""

    def matches(self, label: str, image: Image.Image) -> bool:
        """Whether an image holds what a label says, see :class:`~maia_lab.scenes.concept.Concept`.

        Raises:
            WordsError: the label cannot be read.
            WorldError: the scene of the image is not known.
        """
        return _concept(label).matches(scene_of(image))

    def concepts(self, image: Image.Image) -> frozenset[str]:
        """Every single attribute, pair of them, and background that is true of an image."""
        return concepts(scene_of(image))


@lru_cache(maxsize=256)
def _concept(label: str) -> Concept:
    return Concept.parse(label)
