"""Changes to any image that need no model: what is left of an answer without colour, or shape?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from maia_lab.errors import WordsError
from maia_lab.provenance import Origin, original, pixel_hash, stamp

PATCHES = 6
"""Patches along each side of a shuffled image: texture stays, shape goes."""
CENTRE = 0.5
"""Side of the centre, as a share of the image's."""
BLUR = 0.03
"""Radius of the blur, as a share of the shorter side."""
NOISE = 40.0
"""Standard deviation of added noise, of 255."""
LIGHT = 1.6
"""Factor of brightness; darker is its inverse."""
HALVES = {
    "left": (0.0, 0.0, 0.5, 1.0),
    "right": (0.5, 0.0, 1.0, 1.0),
    "top": (0.0, 0.0, 1.0, 0.5),
    "bottom": (0.0, 0.5, 1.0, 1.0),
}
"""Side → left, top, right, bottom, as shares of the image."""
SPELT = {
    r"[.!]+$": "",
    r"\b(the|this) (image|photo|photograph|picture)'s\b": "its",
    r"\b(the|this) (image|photo|photograph|picture)\b": "it",
    r"\bthe (?=(patches|edges|cent|surroundings|colou?rs|left|right|top|bottom))": "its ",
    r"\b(grey(scale)?|grayscale|black and white)\b": "gray",
    r"\bcenter\b": "centre",
    r"\bcolors\b": "colours",
    r"\b(lighter)\b": "brighter",
    r"\b(hide|mask|occlude)\b(?= its (centre|surroundings|left|right|top|bottom))": "cover",
}
"""Other spellings and words for the same, as patterns, in order."""

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


def _covered(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    covered = image.copy()
    covered.paste(_mean(image), box)
    return covered


def _without_half(side: str) -> Change:
    left, top, right, bottom = HALVES[side]

    def change(image: Image.Image, _: np.random.Generator) -> Image.Image:
        wide, high = image.size
        return _covered(
            image,
            (round(left * wide), round(top * high), round(right * wide), round(bottom * high)),
        )

    return change


def _channels(order: tuple[int, int, int]) -> Change:
    return lambda image, _: Image.fromarray(np.asarray(image)[..., order])


def _noisy(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, float)
    return Image.fromarray(
        (pixels + chance.normal(0, NOISE, pixels.shape)).clip(0, 255).astype(np.uint8)
    )


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
    "cover its centre": lambda image, _: _covered(image, _box(image)),
    "cover its surroundings": _without_surroundings,
    "crop to its centre": lambda image, _: image.crop(_box(image)).resize(image.size),
    "turn it upside down": lambda image, _: image.transpose(Image.Transpose.ROTATE_180),
}
"""What tells most of any image, and is offered first: colour, texture, shape and place."""
MORE: dict[str, Change] = {
    "swap red and green": _channels((1, 0, 2)),
    "swap red and blue": _channels((2, 1, 0)),
    "swap green and blue": _channels((0, 2, 1)),
    "invert its colours": lambda image, _: ImageOps.invert(image),
    "make it darker": lambda image, _: ImageEnhance.Brightness(image).enhance(1 / LIGHT),
    "make it brighter": lambda image, _: ImageEnhance.Brightness(image).enhance(LIGHT),
    "add noise to it": _noisy,
    "mirror it": lambda image, _: ImageOps.mirror(image),
} | {f"cover its {side} half": _without_half(side) for side in HALVES}
"""What is understood as well."""


def known(instruction: str) -> str | None:
    """The plain instruction that is meant, however it is spelt; None if it is no plain one."""
    said = " ".join(instruction.lower().split())
    for pattern, word in SPELT.items():
        said = re.sub(pattern, word, said)
    return said if said in EDITS or said in MORE else None


class PlainEditor:
    """Changes any image by one of a few fixed instructions, exactly as they say."""

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
            if known(instruction) is None:
                raise WordsError(
                    instruction,
                    "needs a model that edits images (--editor diffusers:NAME)",
                    f"without one, say {', '.join(EDITS | MORE)}",
                )
        return [
            self._edited(original(image), instruction, seed)
            for image, instruction, seed in zip(images, instructions, seeds, strict=True)
        ]

    def _edited(self, image: Image.Image, instruction: str, seed: int) -> Image.Image:
        plain = image if image.mode == "RGB" else image.convert("RGB")
        edited = (EDITS | MORE)[known(instruction) or ""](plain, np.random.default_rng(seed))
        edited.info = {}
        return stamp(edited, Origin("edited", self.name, instruction, pixel_hash(image)))
