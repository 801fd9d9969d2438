"""Which contexts a session named in which a class is missed, by its conclusion's own table."""

from __future__ import annotations

import re

from maia_lab.contexts import UNLESS
from maia_lab.events import Observed
from maia_lab.session import Session

Said = dict[tuple[frozenset[str], bool], tuple[float, float]]
"""By context, and whether all others are meant: share of the score that is lost, and the lower end
of its interval, minus infinity where that is not known."""


def named(session: Session, what: str) -> Said:
    """Read the table of a session about what shows ``what``."""
    seen = [e.observation for e in session.journal.events if isinstance(e, Observed)]
    said: Said = {}
    for row in (row for o in seen for table in o.tables for row in table.rows):
        if (numbers := re.match(r"(-?\d+\.\d+) \[(-?\d+\.\d+)?", row[1])) is not None:
            name = row[0].removeprefix(f"{what}: ")
            context = frozenset(name.removeprefix(UNLESS).split(", "))
            said[context, name.startswith(UNLESS)] = float(numbers[1]), float(numbers[2] or "-inf")
    return said
