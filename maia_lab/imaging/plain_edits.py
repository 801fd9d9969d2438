"""Changes to any image that need no model: what is left of an answer without colour, or shape?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from maia_lab.errors import WordsError
from maia_lab.provenance import Origin, original, pixel_hash, stamp

PATCHES = 6
"""Patches along each side of a shuffled image: texture stays, shape goes."""
CENTRE = 0.5
"""Side of the centre, as a share of the image's."""
BLUR = 0.03
"""Radius of the blur, as a share of the shorter side."""

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def _shuffled(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    """The same patches in another order, each where another was."""
    width, height = image.width // PATCHES * PATCHES, image.height // PATCHES * PATCHES
    pixels = np.asarray(image.resize((max(width, PATCHES), max(height, PATCHES))))
    high, wide = pixels.shape[0] // PATCHES, pixels.shape[1] // PATCHES
    patches = pixels.reshape(PATCHES, high, PATCHES, wide, 3).swapaxes(1, 2)
    flat = patches.reshape(PATCHES**2, high, wide, 3)[chance.permutation(PATCHES**2)]
    again = flat.reshape(PATCHES, PATCHES, high, wide, 3).swapaxes(1, 2)
    return Image.fromarray(again.reshape(pixels.shape)).resize(image.size)


def _edges(image: Image.Image, _: np.random.Generator) -> Image.Image:
    """Dark lines on white where brightness changes: shape stays, colour and texture go."""
    smooth = image.convert("L").filter(ImageFilter.GaussianBlur(BLUR * min(image.size) / 3))
    lines = ImageOps.autocontrast(smooth.filter(ImageFilter.FIND_EDGES), cutoff=2)
    return ImageOps.invert(lines).convert("RGB")


def _box(image: Image.Image) -> tuple[int, int, int, int]:
    left, top = (round(side * (1 - CENTRE) / 2) for side in image.size)
    return left, top, image.width - left, image.height - top


def _without_centre(image: Image.Image, _: np.random.Generator) -> Image.Image:
    covered, box = image.copy(), _box(image)
    covered.paste(_mean(image), box)
    return covered


def _without_surroundings(image: Image.Image, _: np.random.Generator) -> Image.Image:
    covered, box = Image.new("RGB", image.size, _mean(image)), _box(image)
    covered.paste(image.crop(box), box)
    return covered


def _mean(image: Image.Image) -> tuple[int, int, int]:
    """An image's mean colour: what covers a part adds nothing that was not there."""
    red, green, blue = np.asarray(image).reshape(-1, 3).mean(0).round().astype(int).tolist()
    return red, green, blue


EDITS: dict[str, Change] = {
    "make it gray": lambda image, _: image.convert("L").convert("RGB"),
    "blur it": lambda image, _: image.filter(ImageFilter.GaussianBlur(BLUR * min(image.size))),
    "shuffle its patches": _shuffled,
    "draw only its edges": _edges,
    "cover its centre": _without_centre,
    "cover its surroundings": _without_surroundings,
    "crop to its centre": lambda image, _: image.crop(_box(image)).resize(image.size),
    "turn it upside down": lambda image, _: image.transpose(Image.Transpose.ROTATE_180),
}
"""Every instruction that is understood, and what it does."""


class PlainEditor:
    """Changes any image by one of a few fixed instructions."""

    name = "plain edits (no model)"
    instructions = tuple(EDITS)

    def edit(
        self, images: Sequence[Image.Image], instructions: Sequence[str], seeds: Sequence[int]
    ) -> list[Image.Image]:
        """Edit each image by the instruction beside it; a masked image as its original.

        Raises:
            WordsError: an instruction is none of those there are; no image is edited then.
        """
        for instruction in instructions:
            if instruction not in EDITS:
                raise WordsError(
                    instruction, "needs a model that edits images", f"say {', '.join(EDITS)}"
                )
        return [
            self._edited(original(image), instruction, seed)
            for image, instruction, seed in zip(images, instructions, seeds, strict=True)
        ]

    def _edited(self, image: Image.Image, instruction: str, seed: int) -> Image.Image:
        plain = image if image.mode == "RGB" else image.convert("RGB")
        edited = EDITS[instruction](plain, np.random.default_rng(seed))
        edited.info = {}
        return stamp(edited, Origin("edited", self.name, instruction, pixel_hash(image)))
