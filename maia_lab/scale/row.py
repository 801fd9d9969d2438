"""What became of one unit of a sweep: a line of its table, read off the unit's journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maia_lab.errors import MaiaError
from maia_lab.events import Stopped
from maia_lab.observation import Score
from maia_lab.proposal import Conclusion
from maia_lab.scoring.evaluation import ONE_SHOT
from maia_lab.sessions import find
from maia_lab.spending import NOTHING, Spent
from maia_lab.state import Phase
from maia_lab.unit import Unit

if TYPE_CHECKING:
    import pandas

CONCLUDED, STOPPED, FAILED, UNFINISHED = "concluded", "stopped", "failed", "unfinished"
STATES = (CONCLUDED, STOPPED, FAILED, UNFINISHED)
"""Ended with a conclusion, or without; broken off, and tried again by another run; not come to."""


@dataclass(frozen=True, slots=True)
class Row:
    """One unit, described or not."""

    unit: Unit
    session: str
    """The name of its journal in the sweep's folder of sessions."""
    state: str = UNFINISHED
    """One of :data:`STATES`."""
    why: str = ""
    """Of all states but the first."""
    conclusion: Conclusion | None = None
    score: Score | None = None
    """Of the description, on held-out images."""
    one_shot: Score | None = None
    """Of the one-shot baseline, on the same."""
    steps: int = 0
    seconds: float = 0.0
    """Of work."""
    spent: Spent = NOTHING
    starved: bool = False
    """Whether it stopped for want of budget."""

    @property
    def ended(self) -> bool:
        """Whether another run has nothing to do here."""
        return self.state in (CONCLUDED, STOPPED)

    @property
    def correlation(self) -> float | None:
        """Of the description with the activations."""
        return None if self.score is None else self.score.correlation

    @property
    def gain(self) -> float | None:
        """By how much that exceeds the baseline's; None where one of them has none."""
        beside = None if self.one_shot is None else self.one_shot.correlation
        return None if self.correlation is None or beside is None else self.correlation - beside

    @classmethod
    def read(cls, unit: Unit, session: str, folder: Path, failed: str = "") -> Row:
        """Read a unit's journal, if there is one.

        Args:
            unit: which one.
            session: its name.
            folder: of the sweep's sessions.
            failed: why the work on it broke off, where it did.
        """
        broken = FAILED if failed else UNFINISHED
        if not (folder / session / "journal.jsonl").is_file():
            return cls(unit, session, broken, failed or "not begun")
        try:
            held = find(folder / session, readonly=True)
            seconds, scores = held.seconds, held.scores
        except MaiaError as error:
            return cls(unit, session, FAILED, failed or str(error))
        state, conclusion = held.state, held.conclusion
        known = {Phase.CONCLUDED: (CONCLUDED, ""), Phase.STOPPED: (STOPPED, state.why)}
        standing, why = known.get(state.phase, (broken, failed or held.standing))
        starved = any(isinstance(e, Stopped) and e.by == "budget" for e in held.journal.events)
        ours, *others = scores if conclusion and scores else [None]
        one_shot = next((score for score in others if score and score.of == ONE_SHOT), None)
        return cls(
            *(unit, session, standing, why, conclusion, ours, one_shot),
            *(state.step, seconds, held.spent, starved),
        )


def to_frame(rows: Sequence[Row]) -> pandas.DataFrame:
    """The table of a sweep, one line a unit."""
    import pandas

    return pandas.DataFrame([_flat(row) for row in rows])


def _flat(row: Row) -> dict[str, object]:
    said, score, beside = row.conclusion, row.score, row.one_shot
    metrics = ("correlation", "auprc", "precision", "recall", "positives", "n")
    return {
        "unit": str(row.unit),
        "model": row.unit.model,
        "layer": row.unit.layer,
        "index": str(row.unit.index),
        "state": row.state,
        "description": said.description if said else "",
        "labels": "; ".join(said.labels) if said else "",
        "suppressed_by": "; ".join(said.suppressed_by) if said else "",
        **{name: getattr(score, name, None) for name in metrics},
        "not_scored": score.note if score else "",
        "one_shot_labels": "; ".join(beside.labels) if beside else "",
        "one_shot_correlation": beside.correlation if beside else None,
        "steps": row.steps,
        "seconds": round(row.seconds, 1),
        "tokens": row.spent.tokens,
        "money": row.spent.money,
        "unpriced": row.spent.unpriced,
        "session": row.session,
        "why": row.why,
    }
