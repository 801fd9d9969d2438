"""Where things go: at random, then pushed apart until none touches another."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np

GAP = 1.06
"""Least distance of two centres, as a multiple of the sum of their radii."""
MARGIN = 0.01
"""Least distance to the image's edge."""
ROUNDS = 80
TRIES = 4
TOUCH = 0.002
"""Overlap, as a share of the image's side, that nobody sees."""

Disc = tuple[float, float, float]
"""Centre x, centre y, radius, as shares of the image's side."""


def place(
    rng: np.random.Generator, radii: Sequence[float], fixed: Sequence[Disc] = ()
) -> list[Disc]:
    """Find room for new discs among fixed ones, which stay where they are.

    Args:
        rng: where chance comes from.
        radii: of the new discs.
        fixed: discs that are there already.

    Returns:
        The new discs, in the order of ``radii``. Where there is no room for all of them, they
        overlap as little as the tries allowed.
    """
    best: list[Disc] = []
    least = float("inf")
    for _ in range(TRIES):
        free = [(*_anywhere(rng, radius), radius) for radius in radii]
        for _ in range(ROUNDS):
            free, overlap = _push(free, fixed)
            if overlap == 0:
                return free
        if overlap < least:
            best, least = free, overlap
    return best


def overlap(disc: Disc, others: Sequence[Disc]) -> float:
    """How deep a disc lies in others, summed; 0 where it keeps its distance from all of them."""
    x, y, radius = disc
    return sum(max(0.0, GAP * (radius + r) - hypot(x - ox, y - oy)) for ox, oy, r in others)


def _anywhere(rng: np.random.Generator, radius: float) -> tuple[float, float]:
    low = min(radius + MARGIN, 0.5)
    x, y = rng.uniform(low, 1 - low, 2).tolist()
    return x, y


def _push(free: list[Disc], fixed: Sequence[Disc]) -> tuple[list[Disc], float]:
    """Move each disc out of those it touches; returns the discs, and the overlap there was."""
    moved, total = list(free), 0.0
    for i, (x, y, radius) in enumerate(free):
        for j, (ox, oy, other) in enumerate([*moved, *fixed]):
            away = hypot(x - ox, y - oy) or 1e-6
            depth = GAP * (radius + other) - away
            if i != j and depth > 1e-4:
                total += depth
                x += (x - ox) / away * depth * 0.6
                y += (y - oy) / away * depth * 0.6
        low = min(radius + MARGIN, 0.5)
        moved[i] = (min(max(x, low), 1 - low), min(max(y, low), 1 - low), radius)
    return moved, total
