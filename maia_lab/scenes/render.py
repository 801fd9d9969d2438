"""Scenes into pixels: soft shadows, bevelled edges, and masks that know what covers what."""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import cycle
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from maia_lab.scenes.backgrounds import ground
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS, Scene, Thing
from maia_lab.scenes.shapes import Colour, Grid, parts

PALETTE: dict[str, tuple[Colour, Colour]] = {
    "red": ((222, 46, 48), (255, 208, 200)),
    "orange": ((246, 140, 34), (255, 226, 180)),
    "yellow": ((252, 218, 58), (140, 96, 22)),
    "green": ((48, 164, 76), (202, 242, 206)),
    "blue": ((42, 104, 218), (200, 222, 255)),
    "purple": ((142, 70, 184), (232, 208, 248)),
    "pink": ((250, 132, 182), (255, 230, 240)),
    "white": ((248, 247, 242), (142, 152, 172)),
    "black": ((40, 40, 48), (124, 124, 136)),
}
"""The colour a thing is called by, and the second one that its texture needs."""
SHADOW, BEVEL, TRIM = 0.36, 0.13, 0.05
"""Darkness of shadows; width in radii of the rounded edge of a thing, and of its small parts."""


@overload
def render(scene: Scene, size: int = ..., masks: Literal[False] = ...) -> NDArray[np.uint8]: ...
@overload
def render(
    scene: Scene, size: int = ..., *, masks: Literal[True]
) -> tuple[NDArray[np.uint8], Grid]: ...
def render(
    scene: Scene, size: int = 128, masks: bool = False
) -> NDArray[np.uint8] | tuple[NDArray[np.uint8], Grid]:
    """Draw a scene.

    Args:
        scene: what to draw.
        size: side of the image in pixels.
        masks: also say which pixels each thing takes.

    Returns:
        Pixels, uint8, shape (size, size, 3), and if asked the masks: float32, shape
        (things, size, size), the share of each pixel, 0–1, in which that thing is seen.
    """
    image = ground(scene.background, scene.seed, size)
    seen = np.zeros((len(scene.things), size, size), np.float32)
    for number, thing in enumerate(scene.things):
        window, cover = _paint(image, thing, size)
        if masks:
            seen[(slice(number), *window)] *= 1 - cover
            seen[(number, *window)] = cover
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return (pixels, seen) if masks else pixels


def _paint(image: Grid, thing: Thing, size: int) -> tuple[tuple[slice, slice], Grid]:
    """Paint a thing into an image; returns where, and the share of each pixel it covers."""
    radius, reach = thing.radius * size, thing.radius * size * 1.4 + 2
    rows, columns = (
        slice(max(0, int(centre * size - reach)), max(0, int(centre * size + reach) + 1))
        for centre in (thing.y, thing.x)
    )
    here = image[rows, columns]
    centres = np.arange(size, dtype=np.float32) + 0.5
    dy, dx = np.meshgrid(
        (centres[rows] - thing.y * size) / radius,
        (centres[columns] - thing.x * size) / radius,
        indexing="ij",
    )
    cos, sin = float(np.cos(np.deg2rad(thing.angle))), float(np.sin(np.deg2rad(thing.angle)))
    x, y = cos * dx + sin * dy, cos * dy - sin * dx
    pieces = parts(thing.shape, x, y)
    outline = pieces[0].distance
    for piece in pieces[1:]:
        outline = np.minimum(outline, piece.distance)
    _cast_shadow(here, outline, max(1, round(0.13 * radius)))
    glow = 1.05 - 0.07 * (dx + dy)
    for piece in pieces:
        fill = _fill(thing, x, y, 1 / radius) if piece.paint is None else np.array(piece.paint)
        alpha = np.clip(0.5 - piece.distance * radius, 0, 1)
        lit = glow * _bevel(piece.distance, BEVEL if piece.paint is None else TRIM, radius)
        here += (fill * lit[..., None] - here) * alpha[..., None]
    return (rows, columns), np.clip(0.5 - outline * radius, 0, 1)


def _cast_shadow(here: Grid, outline: Grid, shift: int) -> None:
    """Darken what lies down and to the right of an outline, softly."""
    shade = SHADOW * np.clip(0.5 - outline[:-shift, :-shift] / 0.3, 0, 1)
    here[shift:, shift:] *= 1 - shade[..., None]


def _bevel(distance: Grid, width: float, radius: float) -> Grid:
    """Light on a rounded edge, from the upper left: around 1, shape of ``distance``."""
    rim = np.clip(1 + distance / width, 0, 1)
    towards = np.zeros_like(distance)
    # The distance's slope is the edge's direction; half a pixel off is not seen.
    towards[1:, 1:] = 2 * distance[1:, 1:] - distance[:-1, 1:] - distance[1:, :-1]
    lit: Grid = 1 - rim * (0.1 + 0.16 * radius * towards)
    return lit


def _fill(thing: Thing, x: Grid, y: Grid, pixel: float) -> Grid:
    """The colours of a thing, shape (height, width, 3); ``pixel`` is a pixel's width in radii."""
    main, second = (np.array(colour, np.float32) for colour in PALETTE[thing.colour])
    if thing.texture == "plain":
        return main
    if thing.texture == "striped":
        across = (x + y) * np.float32(0.7071)
        distance = np.abs((across / 0.42) % 1 - 0.5) * 0.42 - 0.085
    elif thing.texture == "dotted":
        row = np.floor(y / 0.46)
        distance = 0.155 - np.hypot((x + row % 2 * 0.25) % 0.5 - 0.25, y % 0.46 - 0.23)
        distance = -distance
    else:
        a, b = (np.abs((c / 0.4) % 2 - 1) - 0.5 for c in (x, y))
        distance = np.sign(a * b) * np.minimum(np.abs(a), np.abs(b)) * 0.4
    share = np.clip(0.5 - distance / pixel, 0, 1)[..., None]
    fill: Grid = main + (second - main) * share
    return fill


@cache
def appearance() -> str:
    """Hash of how every shape, colour, texture and background looks when it is drawn.

    Whatever was computed from drawn images is computed anew once they look different, and nobody
    has to remember to say so.
    """
    others = zip(
        cycle(ATTRIBUTES["colour"]), cycle(ATTRIBUTES["texture"]), cycle(BACKGROUNDS), strict=False
    )
    drawn = hashlib.sha256()
    for shape, (colour, texture, background) in zip(ATTRIBUTES["shape"], others, strict=False):
        thing = Thing(shape, colour, texture, x=0.5, y=0.5, radius=0.3, angle=10.0)
        drawn.update(render(Scene(background, (thing,), seed=1), 64).tobytes())
    return drawn.hexdigest()
