"""Conditions beside their control on one axis: the numbers of a forest plot, and nothing drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from maia_lab.grid import decimals
from maia_lab.observation import Measurement

WIDTH = 240.0
"""Of the plot, in its own units."""
MARGIN = 8.0
DOTS = 200
"""Single images that are shown at most in a row."""


@dataclass(frozen=True, slots=True)
class Forest:
    """An axis of differences that all conditions of one comparison share."""

    control: str
    """The condition that zero stands for; empty if there is none."""
    centre: float
    """Its mean activation."""
    start: float
    """The difference at the left margin …"""
    end: float
    """… and at the right one."""
    digits: int
    """Decimals that tell the values apart."""

    @classmethod
    def of(cls, rows: Sequence[Measurement]) -> Forest:
        """Find the axis that holds every image and every interval."""
        control = next((row for row in rows if not row.control), None)
        centre = control.mean if control is not None else rows[0].mean - rows[0].difference
        numbers = [0.0]
        for row in rows:
            numbers += [row.difference, row.low, row.high]
            numbers += [value - centre for value in row.values]
        numbers = [number for number in numbers if math.isfinite(number)]
        name = rows[0].control if control is None else control.condition
        means = [abs(row.mean) for row in rows]
        return cls(name, centre, min(numbers), max(numbers), decimals(means))

    def x(self, difference: float) -> float:
        """Where a difference stands; beyond the axis, at its end."""
        if math.isnan(difference):
            return self.zero
        share = (difference - self.start) / ((self.end - self.start) or 1.0)
        return round(MARGIN + min(1.0, max(0.0, share)) * (WIDTH - 2 * MARGIN), 1)

    @property
    def zero(self) -> float:
        """Where the control's mean stands."""
        return self.x(0.0)

    def dots(self, row: Measurement) -> list[float]:
        """Where each image stands."""
        return [self.x(value - self.centre) for value in row.values[:DOTS] if math.isfinite(value)]

    def interval(self, row: Measurement) -> tuple[float, float]:
        """Where the interval begins and ends."""
        return self.x(row.low), self.x(row.high)

    def side(self, row: Measurement) -> Literal["above", "below", "unclear"]:
        """Of the control, where the whole interval lies on it."""
        if not row.control:
            return "unclear"
        return "above" if row.low > 0 else "below" if row.high < 0 else "unclear"

    def words(self, row: Measurement) -> str:
        """A row of the plot for who cannot see it."""
        if not row.control:
            return "the control"
        text = f"{self.signed(row.difference)} from {self.control}"
        if not (math.isfinite(row.low) and math.isfinite(row.high)):
            return f"{text}, no interval"
        return f"{text}, 95 % interval {self.signed(row.low)} to {self.signed(row.high)}"

    def number(self, value: float) -> str:
        """An activation."""
        return f"{value:.{self.digits}f}"

    def signed(self, value: float) -> str:
        """A difference."""
        return f"{value:+.{self.digits}f}"
