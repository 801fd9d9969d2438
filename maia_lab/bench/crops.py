"""Images to measure with: as many as are asked for, where photographs are few or none are given."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from pathlib import Path

import numpy as np
from PIL import Image

from maia_lab.images import ImageFolder
from maia_lab.system import upsample


class Crops:
    """As many different images as are asked for: seeded crops of a few."""

    def __init__(self, photos: ImageFolder, n: int, seed: int) -> None:
        """Read the photographs, and cut nothing yet."""
        self.name, self.digest = f"{n} crops", f"{photos.digest} {n} {seed}"
        self._n, self._seed = n, seed
        # Few are kept decoded: their number is that of the data, not of the crops.
        self._photos = [photos[i] for i in range(min(len(photos), 100))]

    def __len__(self) -> int:
        """How many there are."""
        return self._n

    def __getitem__(self, index: int) -> Image.Image:
        """Cut one."""
        chance = np.random.default_rng((self._seed, index))
        photo = self._photos[index % len(self._photos)]
        side = int(min(photo.size) * chance.uniform(0.5, 1))
        x, y = (int(chance.integers(0, full - side + 1)) for full in photo.size)
        return photo.crop((x, y, x + side, y + side)).resize((224, 224))

    def __iter__(self) -> Iterator[Image.Image]:
        """All in order."""
        return (self[i] for i in range(self._n))

    def first(self, n: int) -> Crops:
        """The first of them."""
        few = copy(self)
        few._n, few.digest = n, f"{self.digest} {n}"
        return few


def pictures(folder: Path, seed: int, count: int = 64) -> Path:
    """Seeded pictures of 500 × 375, smooth at several scales, as JPEG."""
    chance = np.random.default_rng(seed)
    place = folder / "pictures"
    place.mkdir()
    for number in range(count):
        pixels = np.zeros((375, 500, 3))
        for cells, weight in ((4, 90), (16, 60), (64, 40), (250, 20)):
            coarse = chance.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
            for channel in range(3):
                pixels[..., channel] += weight * upsample(coarse[..., channel], (500, 375))
        picture = Image.fromarray(np.clip(pixels + 128, 0, 255).astype(np.uint8))
        picture.save(place / f"{number:03}.jpg", quality=90)
    return place
