"""What a whole sweep may cost, shared out so that no sessions together can exceed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor
from statistics import median
from typing import Literal

from maia_lab.scale.row import Row
from maia_lab.unit import Unit


@dataclass(frozen=True, slots=True)
class Cap:
    """The most of one kind."""

    what: Literal["tokens", "money"]
    most: float | None
    """Over the sweep; None: no limit."""
    each: float | None
    """Of any session, as configured."""

    def grant(
        self, rows: Iterable[Row], granted: Mapping[Unit, float], places: int
    ) -> float | None:
        """What the next session may use up.

        It is an even part of what is neither spent nor granted, and no less than sessions have
        usually taken: to begin fewer is better than to begin all and bring none to an end.

        Args:
            rows: of all units.
            granted: to each session that runs, what it had used before included.
            places: how many sessions may begin now.

        Returns:
            Zero where what is left does not pay for a session; None for no limit.
        """
        if self.most is None:
            return self.each
        spent = {row.unit: float(getattr(row.spent, self.what)) for row in rows}
        left = self.most - sum((spent | dict(granted)).values())
        took = [spent[row.unit] for row in rows if row.ended and row.spent.requests]
        usual = median(took) if took else 0.0
        if left <= 0 or left < usual:
            return 0.0
        share = max(left / places, usual)
        if self.what == "tokens":
            share = floor(share)
        return share if self.each is None else min(share, self.each)
