"""What a conclusion comes to, in a terminal: its task's tables, and scores on held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from maia_lab.observation import Score, Table
from maia_lab.plain import one_line
from maia_lab.scoring.evaluation import Scores

if TYPE_CHECKING:
    from rich.console import RenderableType

ROWS, NAME = 20, 20
"""Rows shown of a task's table; the rest is counted. Characters of a text that are not folded."""


def tabled(table: Table) -> RenderableType:
    """A table with its title and its note; what does not fit is folded within its cell."""
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 2))
    for right, names in zip(table.right, zip(table.columns, *table.rows, strict=True), strict=True):
        # Names stay whole, and figures are folded.
        name = not right and max(map(len, names)) <= NAME
        grid.add_column(justify="right" if right else "left", overflow="fold", no_wrap=name)
    grid.add_row(*(Text(one_line(column), "bright_black") for column in table.columns))
    for row in table.rows[:ROWS]:
        grid.add_row(*(Text(one_line(cell)) for cell in row))
    more = len(table.rows) - ROWS
    below = [f"… {more} more rows, in the report"] * (more > 0) + [one_line(table.note)]
    return Group(
        *[Text(one_line(table.title), "bold")] * bool(table.title),
        grid,
        *(Text(line, "bright_black") for line in below if line),
    )


def scored(scores: Sequence[Score]) -> RenderableType:
    """Scores on held-out images, and on images drawn for them."""
    from rich.console import Group

    return Group(*map(tabled, Scores(scores).tables))
