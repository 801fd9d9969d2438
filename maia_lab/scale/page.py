"""The table of a sweep as a page in the look of a report: sorted and sifted without a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

from maia_lab.plain import visible
from maia_lab.scale.row import STATES, Row
from maia_lab.scoring.evaluation import spread
from maia_lab.spending import Spent

SORTS = ("as asked", "r", "gain", "recall", "steps")
"""What rows may be ordered by."""


def to_html(title: str, rows: Sequence[Row], setting: Mapping[str, object]) -> str:
    """One page about all units, each with a link to its own report.

    Args:
        title: of the sweep.
        rows: its table.
        setting: what all units had in common, by name.
    """
    from markupsafe import Markup

    from maia_lab.report.summary import TEMPLATES, open_templates

    page = open_templates(visible, {}).get_template("sweep.html")
    pairs = [(row.correlation, row.gain) for row in rows]
    figures = {
        "r, this description": [r for r, _ in pairs if r is not None],
        "r beyond the one-shot baseline": [gain for _, gain in pairs if gain is not None],
    }
    told = {name: f"{spread(v)} over {len(v)} units" for name, v in figures.items() if v}
    told |= {
        "median work a unit": f"{median([row.seconds for row in rows if row.steps] or [0]):.0f} s",
        "used": str(_total(rows)),
    }
    told |= {
        name.replace("_", " "): f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in setting.items()
        if value
    }
    return page.render(
        title=title,
        rows=rows,
        places=_places(rows),
        sorts=SORTS,
        states=[(state, n) for state in STATES if (n := Counter(r.state for r in rows)[state])],
        setting=told,
        style=Markup((TEMPLATES / "style.css").read_text("utf-8")),
    )


def _places(rows: Sequence[Row]) -> dict[str, list[int]]:
    """For each way to sort, the place of each row: the highest first, those without one last."""
    values: tuple[list[float | None], ...] = (
        [-i for i in range(len(rows))],
        [row.correlation for row in rows],
        [row.gain for row in rows],
        [None if row.score is None else row.score.recall for row in rows],
        [row.steps for row in rows],
    )
    return {name: _falling(column) for name, column in zip(SORTS, values, strict=True)}


def _falling(values: Sequence[float | None]) -> list[int]:
    order = np.argsort([np.inf if value is None else -value for value in values], kind="stable")
    return [int(place) for place in np.argsort(order)]


def _total(rows: Sequence[Row]) -> Spent:
    spent = [row.spent for row in rows]
    return Spent(
        sum(s.tokens for s in spent),
        sum(s.money for s in spent),
        sum(s.requests for s in spent),
        sum(s.unpriced for s in spent),
    )
