"""What a conclusion comes to, in a terminal: its task's tables, and scores on held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from maia_lab.observation import Score, Table
from maia_lab.plain import one_line
from maia_lab.scoring.evaluation import DRAWN, explained, figure, judged, spread

if TYPE_CHECKING:
    from rich.console import RenderableType

ROWS = 20
"""Rows shown of a task's table; the rest is counted."""


def tabled(table: Table) -> RenderableType:
    """A table with its title and its note; what does not fit is folded within its cell."""
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 2))
    for right in table.right:
        grid.add_column(justify="right" if right else "left", overflow="fold")
    grid.add_row(*(Text(one_line(column), "bright_black") for column in table.columns))
    for row in table.rows[:ROWS]:
        grid.add_row(*(Text(one_line(cell)) for cell in row))
    more = len(table.rows) - ROWS
    below = [f"… {more} more rows, in the report"] * (more > 0) + [one_line(table.note)]
    return Group(
        Text(one_line(table.title), "bold"),
        grid,
        *(Text(line, "bright_black") for line in below if line),
    )


def scored(scores: Sequence[Score]) -> RenderableType:
    """Scores on held-out images, the description's first, then its baselines'."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for column in range(6):
        table.add_column(justify="left" if column in (0, 5) else "right", overflow="fold")
    head = ("held-out images", "precision", "recall", "r", "AUPRC", "labels")
    table.add_row(*(Text(t, "bright_black") for t in head))
    for s in scores:
        figures = map(figure, (s.precision, s.recall, s.correlation, s.auprc))
        why = f" (not scored, because {s.note})" if s.note else ""
        said = one_line((s.said or "none") + why)
        style = "bold" if s is scores[0] else ""
        table.add_row(*(Text(t, style) for t in (one_line(s.of), *figures, said)))
    below = [Text(one_line(line), "bright_black") for line in explained(scores)]
    return Group(table, *below, *_tried(scores))


def _tried(scores: Sequence[Score]) -> list[RenderableType]:
    """The same descriptions on images drawn for them."""
    from rich.table import Table
    from rich.text import Text

    drawn = [(s, s.trial) for s in scores if s.trial is not None and not s.trial.note]
    if not drawn:
        return []
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    for _ in range(3 + len(DRAWN)):
        table.add_column(justify="right", overflow="fold")
    head = ("drawn for it", "high", "neutral", "near misses", *DRAWN.values())
    table.add_row(*(Text(t, "bright_black") for t in head))
    for s, on in drawn:
        cells = [spread(values) for values in (on.high, on.neutral, on.near)]
        cells += [figure(on[metric]) for metric in DRAWN]
        style = "bold" if s is scores[0] else ""
        table.add_row(*(Text(t, style) for t in (one_line(s.of), *cells)))
    return [table, *(Text(one_line(line), "bright_black") for line in judged(scores))]
