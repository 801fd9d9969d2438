"""What a bench comes to: rows with a value, its spread, the goal, and whether it holds."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from maia_lab.comparison import resampled
from maia_lab.errors import DataError
from maia_lab.version import __version__


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number."""

    name: str
    """Stable: other documents refer to it."""
    value: float
    low: float
    """Of its 95 % interval, or of the range over repetitions …"""
    high: float
    n: int
    unit: str
    goal: str = ""
    """``">= 0.95"`` or ``"<= 60"``, of the value; ``"> 0"``, of the whole interval; empty where
    none is set."""
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the value meets the goal; None without one."""
        if not self.goal:
            return None
        relation, bound = self.goal.split()
        if relation == ">":
            return self.low > float(bound)
        return self.value >= float(bound) if relation == ">=" else self.value <= float(bound)

    @classmethod
    def of(cls, name: str, values: Sequence[float], unit: str, goal: str, note: str = "") -> Row:
        """The median of repeated measurements, with their range."""
        return cls(name, median(values), min(values), max(values), len(values), unit, goal, note)

    @classmethod
    def mean(cls, name: str, values: Sequence[float], goal: str = "", note: str = "") -> Row:
        """A mean over units, with its 95 % bootstrap interval.

        Raises:
            DataError: there is nothing to take the mean of.
        """
        if not values:
            raise DataError(name, "was measured on no unit", "give more seeds, or a larger n")
        # A single value says nothing of its spread; few are stretched to what they can tell.
        drawn = np.array(values, float)
        if len(values) > 1:
            drawn = resampled(drawn, np.random.default_rng(0))
        low, high = np.quantile(drawn, (0.025, 0.975))
        return cls(name, fmean(values), float(low), float(high), len(values), "mean", goal, note)

    @classmethod
    def share(cls, name: str, hits: Sequence[bool], goal: str = "", note: str = "") -> Row:
        """A share of units, with its 95 % interval after Wilson.

        Raises:
            DataError: there is nothing to take a share of.
        """
        if not hits:
            raise DataError(name, "was measured on no unit", "give more seeds, or a larger n")
        n, share, z = len(hits), sum(hits) / len(hits), 1.96
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        # Rounding alone would put the end of an interval past a share of 0 or 1.
        low, high = min(centre - half, share), max(centre + half, share)
        return cls(name, share, max(0.0, low), min(1.0, high), n, "share", goal, note)


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of one bench."""

    bench: str
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    paper: str = ""
    """What stands here for what a paper measured, and what that found."""

    def as_json(self) -> dict[str, Any]:
        """The shape that all benches share."""
        return {
            "bench": self.bench,
            "version": __version__,
            "seeds": list(self.seeds),
            "machine": f"{platform.platform()}, {os.cpu_count()} cores",
            **({"protocol-equivalent": self.paper} if self.paper else {}),
            "rows": [asdict(row) | {"holds": row.holds} for row in self.rows],
        }

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(self.as_json(), indent=1) + "\n", "utf-8")

    def print(self) -> None:
        """Print it."""
        from rich.console import Console
        from rich.table import Table as Grid

        grid = Grid(box=None)
        for head in ("row", "value", "range", "n", "unit", "goal", "holds", "note"):
            grid.add_column(head, no_wrap=head != "note", overflow="fold")
        for row in self.rows:
            holds = {None: "", True: "yes", False: "NO"}[row.holds]
            low, high = f"{row.low:.3g}", f"{row.high:.3g}"
            grid.add_row(
                *(row.name, f"{row.value:.3g}", f"{low} – {high}", str(row.n), row.unit),
                *(row.goal, holds, row.note),
            )
        console = Console(width=140)
        console.print(grid, markup=False)
        if self.paper:
            console.print(f"Protocol-equivalent: {self.paper}.", markup=False, highlight=False)
