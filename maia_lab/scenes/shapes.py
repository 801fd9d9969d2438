"""How things are shaped: signed distances, negative inside, so that every edge is exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.floating[Any]]
"""Numbers by pixel, shape (height, width), or with colours (height, width, 3); float32."""
Colour = tuple[int, int, int]
"""Red, green, blue, 0–255."""

WHITE, INK, BARK, CREAM = (250, 249, 245), (44, 40, 48), (112, 72, 46), (252, 229, 188)
GLASS, GOLD, BEAK, STEEL = (178, 220, 244), (253, 208, 72), (240, 150, 50), (178, 182, 192)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A piece of a thing."""

    distance: Grid
    """To its edge, in radii of the thing; negative inside."""
    paint: Colour | None = None
    """A colour of its own; None for the thing's colour and texture."""


def parts(shape: str, x: Grid, y: Grid) -> list[Part]:
    """Draw a shape, back to front.

    Args:
        shape: one of ``scene.KINDS``.
        x: position to the right of the centre, in radii, shape (height, width).
        y: position below the centre, likewise.

    Returns:
        Its parts, all within a circle of about radius 1.
    """
    return _DRAW[shape](x, y)


def _disc(x: Grid, y: Grid, radius: float, cx: float = 0.0, cy: float = 0.0) -> Grid:
    distance: Grid = np.hypot(x - cx, y - cy) - radius
    return distance


def _box(x: Grid, y: Grid, width: float, height: float, corner: float = 0.0) -> Grid:
    """Distance to a box of half the given ``width`` and ``height`` around the origin."""
    dx, dy = np.abs(x) - (width - corner), np.abs(y) - (height - corner)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.minimum(np.maximum(dx, dy), 0) - corner


def _polygon(x: Grid, y: Grid, points: Sequence[tuple[float, float]], corner: float = 0.0) -> Grid:
    """Distance to a polygon with rounded corners: nearest edge, signed by crossings."""
    nearest = np.full_like(x, np.inf)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True):
        ex, ey = bx - ax, by - ay
        px, py = x - ax, y - ay
        t = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (px - ex * t) ** 2 + (py - ey * t) ** 2)
        if ey:
            inside ^= ((y >= ay) != (y >= by)) & (px < py * (ex / ey))
    distance = np.sqrt(nearest)
    signed: Grid = np.where(inside, -distance, distance) - corner
    return signed


def _ellipse(x: Grid, y: Grid, width: float, height: float) -> Grid:
    """Distance to an ellipse, to first order, which is exact where it matters: at the edge."""
    scaled = np.hypot(x / width, y / height)
    slope = np.hypot(x / width**2, y / height**2) + 1e-6
    distance: Grid = scaled * (scaled - 1) / slope
    return np.maximum(distance, -min(width, height))


def _union(*distances: Grid) -> Grid:
    return reduce(np.minimum, distances)


def _star(x: Grid, y: Grid) -> list[Part]:
    tips = [
        (radius * np.sin(k * np.pi / 5), -radius * np.cos(k * np.pi / 5) + 0.05)
        for k, radius in enumerate([0.99, 0.49] * 5)
    ]
    return [Part(_polygon(x, y, [(float(a), float(b)) for a, b in tips], 0.03))]


def _heart(x: Grid, y: Grid) -> list[Part]:
    side = np.abs(x)
    lobe = _disc(side, y, 0.47, 0.42, -0.33)
    # Tangent to the lobes, so that the outline has no kink where it meets them.
    point = _polygon(side, y, [(-0.5, -0.45), (0.42, -0.5), (0.7675, -0.044), (0.0, 0.8885)], 0.02)
    return [Part(_union(lobe, point))]


def _moon(x: Grid, y: Grid) -> list[Part]:
    """A disc, less another one to its right; beyond their crossing the tips are nearest.

    The exact distance, because a bound would leave a ghost of the discs in the soft shadow.
    """
    radius, cut, apart = 0.93, 0.73, 0.43
    x, y = x + 0.1, np.abs(y)
    tip_x = (radius**2 - cut**2 + apart**2) / (2 * apart)
    tip_y = (radius**2 - tip_x**2) ** 0.5
    crescent = np.maximum(_disc(x, y, radius), -_disc(x, y, cut, apart))
    beyond = x * tip_y - y * tip_x > apart * np.maximum(tip_y - y, 0)
    return [Part(np.where(beyond, np.hypot(x - tip_x, y - tip_y), crescent))]


def _flower(x: Grid, y: Grid) -> list[Part]:
    # Six petals are one petal, once the plane is folded like paper.
    turn = np.arctan2(y, x)
    folded = (turn + np.pi / 6) % np.float32(np.pi / 3) - np.float32(np.pi / 6)
    far = np.hypot(x, y)
    petal = _disc(far * np.cos(folded), far * np.sin(folded), 0.38, 0.57)
    return [Part(_union(petal, far - 0.5)), Part(far - 0.3, GOLD)]


def _tree(x: Grid, y: Grid) -> list[Part]:
    crown = _union(
        _disc(x, y, 0.5, 0, -0.43), _disc(np.abs(x), y, 0.45, 0.4, 0.03), _disc(x, y, 0.3, 0, 0.15)
    )
    return [Part(_box(x, y - 0.66, 0.13, 0.32, 0.04), BARK), Part(crown)]


def _house(x: Grid, y: Grid) -> list[Part]:
    return [
        Part(_box(x, y - 0.36, 0.64, 0.48, 0.03), CREAM),
        Part(_polygon(x, y, [(0, -0.92), (0.88, -0.1), (-0.88, -0.1)], 0.05)),
        Part(_box(x + 0.27, y - 0.28, 0.18, 0.17, 0.02), GLASS),
        Part(_box(x - 0.27, y - 0.52, 0.16, 0.32, 0.03), BARK),
    ]


def _fish(x: Grid, y: Grid) -> list[Part]:
    tail = _polygon(x, y, [(0.4, 0), (0.92, -0.46), (0.8, 0), (0.92, 0.46)], 0.03)
    fin = _polygon(x, y, [(-0.3, -0.36), (0.02, -0.7), (0.3, -0.3)], 0.03)
    body = _ellipse(x + 0.17, y, 0.77, 0.48)
    return [
        Part(_union(tail, fin, body)),
        Part(_disc(x, y, 0.13, -0.57, -0.1), WHITE),
        Part(_disc(x, y, 0.065, -0.6, -0.1), INK),
    ]


def _boat(x: Grid, y: Grid) -> list[Part]:
    hull = [(-0.9, 0.34), (0.9, 0.34), (0.58, 0.78), (-0.58, 0.78)]
    big = _polygon(x, y, [(-0.1, -0.84), (-0.1, 0.2), (-0.68, 0.2)], 0.03)
    little = _polygon(x, y, [(0.12, -0.7), (0.12, 0.2), (0.66, 0.2)], 0.03)
    return [
        Part(_box(x, y + 0.26, 0.045, 0.68, 0.02), BARK),
        Part(_union(big, little)),
        Part(_polygon(x, y, hull, 0.04), BARK),
    ]


def _mushroom(x: Grid, y: Grid) -> list[Part]:
    corner = 0.09
    dome, rim = _disc(x, y, 0.93 - corner, 0, 0.06), y - 0.08 + corner
    cap = np.hypot(np.maximum(dome, 0), np.maximum(rim, 0)) - corner
    return [
        Part(_box(x, y - 0.44, 0.23, 0.48, 0.12), CREAM),
        Part(cap + np.minimum(np.maximum(dome, rim), 0)),
    ]


def _bird(x: Grid, y: Grid) -> list[Part]:
    body = _ellipse(x - 0.02, y - 0.12, 0.58, 0.43)
    tail = _polygon(x, y, [(0.35, 0.05), (0.86, -0.42), (0.93, -0.02), (0.5, 0.3)], 0.03)
    legs = _box(np.abs(x - 0.06) - 0.12, y - 0.7, 0.035, 0.24, 0.02)
    wing = np.abs(_ellipse(x - 0.16, y - 0.1, 0.27, 0.17)) - 0.028
    return [
        Part(legs, BEAK),
        Part(_polygon(x, y, [(-0.96, -0.27), (-0.62, -0.46), (-0.62, -0.18)], 0.02), BEAK),
        Part(_union(tail, body, _disc(x, y, 0.33, -0.42, -0.34))),
        Part(np.maximum(wing, -0.08 - (y - 0.1)), INK),
        Part(_disc(x, y, 0.07, -0.5, -0.4), INK),
    ]


def _car(x: Grid, y: Grid) -> list[Part]:
    cabin = [(-0.56, 0.05), (-0.36, -0.5), (0.3, -0.5), (0.6, 0.05)]
    window = [(-0.4, -0.02), (-0.28, -0.38), (0.23, -0.38), (0.42, -0.02)]
    wheel = np.hypot(np.abs(x) - 0.5, y - 0.46)
    return [
        Part(_union(_polygon(x, y, cabin, 0.05), _box(x, y - 0.18, 0.96, 0.28, 0.14))),
        Part(np.maximum(_polygon(x, y, window, 0.03), 0.04 - np.abs(x)), GLASS),
        Part(wheel - 0.25, INK),
        Part(wheel - 0.1, STEEL),
    ]


_DRAW: dict[str, Callable[[Grid, Grid], list[Part]]] = {
    "circle": lambda x, y: [Part(_disc(x, y, 0.92))],
    "square": lambda x, y: [Part(_box(x, y, 0.79, 0.79, 0.08))],
    "triangle": lambda x, y: [
        Part(_polygon(x, y, [(0, -0.92), (0.88, 0.62), (-0.88, 0.62)], 0.06))
    ],
    "star": _star,
    "ring": lambda x, y: [Part(np.abs(np.hypot(x, y) - 0.67) - 0.26)],
    "cross": lambda x, y: [
        Part(_union(_box(x, y, 0.94, 0.31, 0.06), _box(x, y, 0.31, 0.94, 0.06)))
    ],
    "heart": _heart,
    "moon": _moon,
    "flower": _flower,
    "tree": _tree,
    "house": _house,
    "fish": _fish,
    "boat": _boat,
    "mushroom": _mushroom,
    "bird": _bird,
    "car": _car,
}
