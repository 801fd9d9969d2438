"""Images changed by instruction: by a diffusion model, or without one where none is needed."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from maia_lab.imaging.pipeline import Pipeline
from maia_lab.imaging.plain_edits import PlainEditor, known
from maia_lab.provenance import Origin, original, pixel_hash, stamp

SIZE = 512
"""Pixels along the shorter side that InstructPix2Pix was trained on."""
STEP = 8
"""Pixels along a side for each one of its latent image."""


class DiffusionEditor:
    """Follows any instruction as well as its model does, and the plain ones exactly."""

    def __init__(self, address: str) -> None:
        """Open an instruction-following pipeline: ``timbrooks/instruct-pix2pix,steps=20``.

        Raises:
            ModelError: it is not there, or does not run here.
        """
        self._pipeline, self._plain = Pipeline(address, "editor"), PlainEditor()
        self.name, self.digest = self._pipeline.title, self._pipeline.digest
        self.free, self.instructions = self._pipeline.free, self._plain.instructions
        self.remarks: list[str] = []

    def edit(
        self, images: Sequence[Image.Image], instructions: Sequence[str], seeds: Sequence[int]
    ) -> list[Image.Image]:
        """Edit each image by the instruction beside it; an edit is as large as its original.

        Raises:
            WordsError: an edit is blanked by the model's safety checker.
            ModelError: the model does not run here.
        """
        whole = [original(image).convert("RGB") for image in images]
        asked = [i for i, text in enumerate(instructions) if known(text) is None]
        edited, remarks = self._pipeline.run(
            [instructions[i] for i in asked],
            [seeds[i] for i in asked],
            [self._ready(whole[i]) for i in asked],
        )
        self.remarks += remarks
        redrawn = dict(zip(asked, edited, strict=True))
        return [
            self._back(redrawn[i], image, text)
            if i in redrawn
            else self._plain.edit([image], [text], [seeds[i]])[0]
            for i, (image, text) in enumerate(zip(whole, instructions, strict=True))
        ]

    def _ready(self, image: Image.Image) -> Image.Image:
        """An image as large as the model expects; the newer families see to that themselves."""
        size = self._pipeline.settings.size or ("Pix2Pix" in self._pipeline.family and SIZE)
        if not size:
            return image
        scale = size / min(image.size)
        width, height = (max(1, round(side * scale / STEP)) * STEP for side in image.size)
        return image.resize((width, height), Image.Resampling.LANCZOS)

    def _back(self, edited: Image.Image, image: Image.Image, instruction: str) -> Image.Image:
        if edited.size != image.size:
            edited = edited.resize(image.size, Image.Resampling.LANCZOS)
        return stamp(edited, Origin("redrawn", self.name, instruction, pixel_hash(image)))
