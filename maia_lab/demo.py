"""Two units described in front of the user: one of a trained network, one whose truth is known."""

from __future__ import annotations

import sys
from pathlib import Path

from maia_lab import report
from maia_lab.console import Narrator
from maia_lab.start import describe
from maia_lab.study import Progress

UNITS = ("scenes/layer4/12", "synthetic/or/1")
"""Chosen to be short and clear; how often the offline agent is right is measured elsewhere."""


def demo(out: Path, progress: Progress | None = None, units: tuple[str, ...] = UNITS) -> None:
    """Describe the units, each step told as it happens; leaves report, notebooks and journals."""
    sessions = []
    for unit in units:
        session = describe(
            unit,
            review="auto",
            folder=out / "sessions",
            progress=progress,
            reader=Narrator(sys.stdout),
        )
        sessions.append(session.wait())
    report.write([session.journal for session in sessions], out)
