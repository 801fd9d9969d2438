"""Who says, of images nobody drew to order, which of them a description means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.world import Words


@dataclass(frozen=True, slots=True)
class WordsRater:
    """Goes by the words that are known to be true of an image: labels of folders, or of scenes."""

    words: Words
    name: str = ""

    def rate(
        self, images: Sequence[Image.Image], labels: Sequence[str], suppressed_by: Sequence[str]
    ) -> NDArray[np.float64]:
        """1 for an image that holds any of the labels and nothing that suppresses, else 0."""
        matches = self.words.matches
        return np.array(
            [
                any(matches(label, image) for label in labels)
                and not any(matches(label, image) for label in suppressed_by)
                for image in images
            ],
            float,
        )
