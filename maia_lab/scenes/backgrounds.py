"""What things stand on: grass, sand, sky, water, brick, snow, wood, night, or a plain wall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.scenes.shapes import Colour, Grid

TILE = 512
"""Side of a whole background, of which an image shows a piece, in pixels."""
VIEW = 224
"""Side of that piece."""
VARIANTS = 4
"""Whole backgrounds of each kind."""
WALLS = ((233, 229, 219), (207, 215, 224), (226, 210, 200), (202, 215, 199), (216, 208, 226))


def ground(kind: str, seed: int, size: int) -> NDArray[np.float32]:
    """The background of a scene, shape (size, size, 3), 0–255; a fresh array."""
    rng = np.random.default_rng([crc32(kind.encode()), seed])
    variant, x, y = rng.integers([VARIANTS, TILE - VIEW, TILE - VIEW])
    flip, light, turn = rng.random(3)
    if kind == "plain":
        across = np.linspace(-0.5, 0.5, size, dtype=np.float32)
        slope = np.cos(2 * np.pi * turn) * across + np.sin(2 * np.pi * turn) * across[:, None]
        wall: Grid = (1 + 0.1 * slope)[..., None] * np.array(WALLS[seed % len(WALLS)])
        return wall.astype(np.float32)
    whole = _scaled(kind, int(variant), size)
    x, y = int(x * size / VIEW), int(y * size / VIEW)
    piece = whole[y : y + size, x : x + size]
    if flip < 0.5:
        piece = piece[:, ::-1]
    # Snow that is dimmed turns grey, so it keeps to the bright half.
    dimmest = 0.98 if kind == "snow" else 0.92
    return piece * np.float32(dimmest + (1.08 - dimmest) * light)


@lru_cache(maxsize=8 * VARIANTS * 2)
def _scaled(kind: str, variant: int, size: int) -> NDArray[np.uint8]:
    side = -(-TILE * size // VIEW)
    whole = Image.fromarray(_whole(kind, variant))
    return np.asarray(whole.resize((side, side), Image.Resampling.LANCZOS))


@lru_cache(maxsize=8 * VARIANTS)
def _whole(kind: str, variant: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng([crc32(kind.encode()), variant, TILE])
    return np.clip(_PAINT[kind](rng), 0, 255).astype(np.uint8)


def _noise(rng: np.random.Generator, rows: float, columns: float, octaves: int = 4) -> Grid:
    """Smooth noise, 0–1, with so many swells down and across, and finer ones on top."""
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(octaves):
        cells = [min(TILE, max(3, round(n * 2**octave))) for n in (rows, columns)]
        swells = Image.fromarray(rng.random(cells, dtype=np.float32))
        total += np.asarray(swells.resize((TILE, TILE), Image.Resampling.BICUBIC)) / 2**octave
    low, high = np.quantile(total, [0.005, 0.995])
    noise: Grid = np.clip((total - low) / (high - low), 0, 1)
    return noise


def _wave(phase: Grid) -> Grid:
    """A smooth wave, 0–1, with period 1."""
    wave: Grid = np.sin(phase * np.float32(2 * np.pi)) * 0.5 + 0.5
    return wave


def _ramp(t: Grid, colours: Sequence[Colour]) -> Grid:
    """Colours along a scale from 0 to 1: shape (height, width, 3)."""
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(t, stops, channel) for channel in zip(*colours, strict=True)]
    return np.stack(channels, -1).astype(np.float32)


def _place() -> tuple[Grid, Grid]:
    """Rows and columns, in tiles."""
    y, x = np.mgrid[0:TILE, 0:TILE].astype(np.float32) / TILE
    return y, x


def _grass(rng: np.random.Generator) -> Grid:
    blades = _noise(rng, 22, 110, 3)
    tufts = _noise(rng, 9, 14, 3)
    t = np.clip(0.68 * blades + 0.42 * tufts - 0.08, 0, 1)
    return _ramp(t, [(24, 72, 26), (52, 116, 38), (92, 158, 52), (156, 202, 92)])


def _sand(rng: np.random.Generator) -> Grid:
    y, x = _place()
    ripples = _wave(20 * y + 3 * x + 3.2 * _noise(rng, 4, 3, 3))
    grain = rng.random((TILE, TILE), dtype=np.float32)
    t = 0.34 * ripples + 0.42 * _noise(rng, 5, 4, 5) + 0.24 * grain
    return _ramp(t, [(184, 144, 92), (214, 178, 124), (234, 206, 156), (248, 230, 192)])


def _sky(rng: np.random.Generator) -> Grid:
    y, _ = _place()
    blue = _ramp(0.25 + 0.5 * y, [(82, 146, 224), (126, 182, 240), (182, 216, 250)])
    cloud = np.clip((_noise(rng, 5, 3, 6) - 0.46) * 2.4, 0, 1)[..., None]
    lit = _ramp(_noise(rng, 4, 4, 4), [(224, 231, 242), (252, 253, 255)])
    blue += (lit - blue) * cloud
    return blue


def _water(rng: np.random.Generator) -> Grid:
    y, _ = _place()
    swell = _wave(13 * y + 4.5 * _noise(rng, 6, 2.5, 3))
    ripple = _noise(rng, 26, 9, 3)
    t = np.clip(0.58 * swell + 0.5 * ripple - 0.06, 0, 1) ** 1.3
    return _ramp(t, [(10, 68, 112), (22, 108, 152), (58, 158, 188), (196, 234, 240)])


def _brick(rng: np.random.Generator) -> Grid:
    high, wide = 32, 64
    y, x = np.mgrid[0:TILE, 0:TILE]
    row = y // high
    shifted = (x + (row % 2) * wide // 2) % TILE
    brick = rng.random((TILE // high, TILE // wide), dtype=np.float32)[row, shifted // wide]
    edge = np.minimum(
        np.minimum(shifted % wide, wide - shifted % wide),
        np.minimum(y % high, high - y % high),
    )
    face = np.clip((edge - 1.7 - 1.4 * _noise(rng, 60, 60, 1)) / 1.6, 0, 1)[..., None]
    t = np.clip(0.62 * brick + 0.38 * _noise(rng, 40, 40, 3), 0, 1)
    clay = _ramp(t, [(126, 54, 42), (160, 76, 56), (184, 98, 72), (206, 128, 98)])
    mortar = _ramp(_noise(rng, 60, 60, 2), [(176, 166, 154), (214, 205, 192)])
    mortar += (clay - mortar) * face
    return mortar


def _snow(rng: np.random.Generator) -> Grid:
    """Drifts: each rises slowly in blue shade to a sunlit crest, and falls off behind it."""
    y, x = _place()
    phase = 6.5 * y + 1.2 * x + 1.7 * _noise(rng, 3, 3, 2)
    slope = phase % 1.0
    height = _noise(rng, 3, 2, 3)
    crest = np.clip((1 - slope) / 0.06, 0, 1) * slope**0.8
    strength = np.clip(_noise(rng, 4, 3, 2) * 1.6 - 0.3, 0, 1)
    t = 0.34 + 0.66 * (strength * crest + (1 - strength) * (0.45 + 0.5 * height))
    t += 0.03 * (rng.random((TILE, TILE), dtype=np.float32) - 0.5)
    snow = [(116, 148, 204), (170, 197, 234), (222, 233, 248), (253, 254, 255)]
    return _lights(rng, _ramp(np.clip(t, 0, 1), snow), 500, (0.7, 0.9, 1.2))


def _wood(rng: np.random.Generator) -> Grid:
    wide = 64
    column = np.arange(TILE, dtype=np.float32)[None]
    plank = (column // wide).astype(int)
    tone = rng.random(TILE // wide, dtype=np.float32)[plank]
    grain = _wave(24 * column / TILE + 5.5 * _noise(rng, 2, 5, 3) + 9 * tone)
    t = np.clip(0.32 * grain + 0.32 * tone + 0.4 * _noise(rng, 6, 90, 2), 0, 1)
    board = _ramp(t, [(94, 56, 30), (134, 86, 48), (170, 116, 70), (198, 148, 98)])
    seam = np.minimum(column % wide, wide - column % wide)
    return board * np.clip(0.4 + seam / 4, 0, 1)[..., None]


def _night(rng: np.random.Generator) -> Grid:
    sky = _ramp(_noise(rng, 3, 3, 4), [(8, 10, 34), (17, 20, 56), (30, 28, 80), (54, 42, 104)])
    return _lights(rng, sky, 190, (0.9, 1.3, 2.2))


def _lights(
    rng: np.random.Generator, image: Grid, count: int, widths: tuple[float, float, float]
) -> Grid:
    """Sprinkle an image with points of light, most of them of the first width."""
    reach = 6
    centres = rng.uniform(reach, TILE - reach, (count, 2))
    for (cy, cx), width in zip(centres, rng.choice(widths, count, p=(0.6, 0.3, 0.1)), strict=True):
        top, left = int(cy) - reach, int(cx) - reach
        y = np.arange(top, top + 2 * reach + 1, dtype=np.float32)[:, None] - cy
        x = np.arange(left, left + 2 * reach + 1, dtype=np.float32) - cx
        glow = np.exp(-(y * y + x * x) / (2 * width * width))[..., None]
        spot = image[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
        spot += (255 - spot) * glow
    return image


_PAINT: dict[str, Callable[[np.random.Generator], Grid]] = {
    "grass": _grass,
    "sand": _sand,
    "sky": _sky,
    "water": _water,
    "brick": _brick,
    "snow": _snow,
    "wood": _wood,
    "night": _night,
}
