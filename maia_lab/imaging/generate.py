"""Images drawn from words by a diffusion model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from maia_lab.imaging.pipeline import Pipeline
from maia_lab.provenance import Origin, stamp
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS
from maia_lab.world import Images

SCENES = Path(__file__).with_name("weights") / "scenes-diffusion"
"""What comes with the package; ``python -m maia_lab.imaging`` trains another."""
HOW = "steps=30,guidance=3"


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


class ScenesDiffusion(DiffusionGenerator):
    """Draws scenes with a small diffusion model that comes with the package: look at what it drew.

    Attributes:
        world: what it learned to draw.
        vocabulary: the words it was taught, by kind; it draws something for any others, too.
    """

    world = "scenes"
    vocabulary: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {**ATTRIBUTES, "background": BACKGROUNDS}
    )

    def __init__(self, settings: str = "", without: Images | None = None) -> None:
        """Open it, with other settings than its own where some are given: ``steps=30``.

        Raises:
            ModelError: it does not run so.
        """
        super().__init__(",".join(filter(None, (str(SCENES), HOW, settings))), without)
