"""Images drawn from words by a diffusion model."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from maia_lab.imaging.pipeline import Pipeline
from maia_lab.provenance import Origin, stamp
from maia_lab.world import Images


class DiffusionGenerator:
    """Draws whatever it was trained to: look at what it drew."""

    def __init__(self, address: str, without: Images | None = None) -> None:
        """Open a text-to-image pipeline: ``stabilityai/sdxl-turbo,steps=1,guidance=0``.

        Args:
            address: a folder or a name, with settings.
            without: images it must not hand out; it draws, and hands out none there are.

        Raises:
            ModelError: it is not there, or does not run here.
        """
        del without
        self._pipeline = Pipeline(address, "generator")
        self.name, self.digest = self._pipeline.title, self._pipeline.digest
        self.free = self._pipeline.free
        self.remarks: list[str] = []

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        """Draw one image a prompt, the same for the same seed on the same machine.

        Raises:
            WordsError: a prompt is blanked by the model's safety checker.
            ModelError: the model does not run here.
        """
        drawn, remarks = self._pipeline.run(prompts, seeds)
        self.remarks += remarks
        return [
            stamp(image, Origin("generated", self.name, prompt))
            for image, prompt in zip(drawn, prompts, strict=True)
        ]
