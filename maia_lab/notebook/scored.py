"""Tables of text as HTML: what a conclusion comes to, in a cell and in the panel."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from maia_lab.observation import Table
from maia_lab.plain import one_line
from maia_lab.scoring.evaluation import Scores


def html(table: Table | Scores) -> str:
    """A table, with its title above and its note below; scores are a table or two, or none."""
    if isinstance(table, Scores):
        return "".join(map(html, table.tables))
    sides = ["right" if right else "left" for right in table.right]
    lines = [_line("th", table.columns, sides), *(_line("td", row, sides) for row in table.rows)]
    title = f"<p><b>{escape(one_line(table.title))}</b></p>" if table.title else ""
    note = f"<p>{escape(one_line(table.note))}</p>" if table.note else ""
    return f"{title}<table>{''.join(lines)}</table>{note}"


def _line(tag: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    told = (
        f'<{tag} style="text-align:{side};padding-right:1em">{escape(one_line(cell))}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(told)}</tr>"
