"""Which part of an image a network is shown: what its preprocessing crops away, or pads with.

No preprocessing says so. It is shown ramps instead: how bright each pixel of its output is tells
from where in the image that pixel came.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from maia_lab.system import Frame
from maia_lab.systems.preprocess import Normalised, Preprocess

WHOLE = 0.02
"""How far from the image's edges a frame may end and be taken for all of it: share of the side."""
STRAIGHT = 0.03
"""How far from a straight line what is read of the ramps may be, as a share of the side."""


def frame(preprocess: Preprocess, size: tuple[int, int]) -> Frame | None:
    """The part of images of a size (width, height) that is shown; None for all, or where unknown.

    It is unknown where preprocessing turns an image, or changes its brightness by what it shows.
    """
    if isinstance(preprocess, Normalised):
        return None
    shape = size[::-1]
    ramps = [np.linspace(0, 255, side).round() for side in shape]
    down, across = ramps[0][:, None] * np.ones(shape), ramps[1] * np.ones(shape)
    black, white, *found = (
        _shown(preprocess, levels) for levels in (0 * down, 0 * down + 255, down, across)
    )
    span = white - black
    lit = np.abs(span) > 0.5 * np.abs(span).max()
    if not lit.any() or not np.isfinite([black, white, *found]).all():
        return None
    ends = []
    for axis, (ramp, side) in enumerate(zip(found, shape, strict=True)):
        place = (ramp - black)[lit] / span[lit] * (side - 1) + 0.5
        cells = np.nonzero(lit)[axis] + 0.5
        slope, start = np.polyfit(cells, place, 1)
        if np.abs(slope * cells + start - place).max() > STRAIGHT * side + 1 or slope <= 0:
            return None
        stop = start + slope * lit.shape[axis]
        whole = max(abs(start), abs(stop - side)) <= WHOLE * side
        ends.append((0, side) if whole else (round(start), round(stop)))
    (top, bottom), (left, right) = ends
    return None if (left, top, right, bottom) == (0, 0, *size) else (left, top, right, bottom)


def _shown(preprocess: Preprocess, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """What becomes of a grey image, all channels together: shape (height, width)."""
    grey = Image.fromarray(levels.astype(np.uint8)).convert("RGB")
    with torch.no_grad():
        return preprocess(grey).double().mean(0).numpy(force=True)
