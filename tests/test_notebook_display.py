"""Pictures go into the notebook small, whatever they show."""

import io

import numpy as np
import pytest
from PIL import Image

from maia_lab.grid import Grid
from maia_lab.notebook.display import encoded


@pytest.mark.parametrize(("contrast", "kind"), [(0, "image/png"), (255, "image/jpeg")])
def test_a_grid_of_fifteen_images_takes_at_most_250_kilobytes_in_the_notebook(contrast, kind):
    chance = np.random.default_rng(0)
    images = []
    for _ in range(15):
        coarse = chance.integers(0, contrast + 1, (28, 28, 3)).astype(np.uint8)
        images.append(Image.fromarray(coarse).resize((224, 224), Image.Resampling.BICUBIC))
    grid = Grid.of([(float(n), image) for n, image in enumerate(images)]).draw()
    found, data = encoded(grid)
    assert found == kind
    assert len(data) * 4 / 3 <= 250_000
    assert Image.open(io.BytesIO(data)).size == grid.size
