"""Two units described in front of the user: one of a trained network, one whose truth is known."""

from __future__ import annotations

import sys
from pathlib import Path

from maia_lab import report
from maia_lab.console import Narrator
from maia_lab.session import Session
from maia_lab.start import describe
from maia_lab.systems.synthetic import truth
from maia_lab.world import Progress

UNITS = ("scenes/layer4/0", "synthetic/and/4")
"""Chosen to be clear: a unit that answers one kind of thing, and a unit that depends on two. How
often the offline agent is right is measured, not shown."""
INTRODUCTION = """\
Two units are described, by an experimenter that needs no language model. One is a channel of a
small network trained on drawn scenes. The other is made to a rule that the experimenter is not
told. Nobody reviews the experiments in this demo: each one runs by itself.
"""
TRUTH = """
The rule behind {unit}, which nobody in the session was told: {truth}.
"""
NEXT = """
Read {report}, or open a notebook beside it:
{notebooks}

Go on with
  maia replay {session}
  maia describe scenes/layer4/7          you approve, edit or reject each experiment
  maia exemplars scenes/layer4/7 --out grid.png
  maia units scenes
  maia describe package.module:factory/LAYER/UNIT --data photos/      your own network
"""


def demo(out: Path, progress: Progress | None = None, units: tuple[str, ...] = UNITS) -> None:
    """Describe the units, each step told as it happens; leaves report, notebooks and journals."""
    sys.stdout.write(INTRODUCTION)
    sessions = [_described(unit, out / "sessions", progress) for unit in units]
    for session in sessions:
        unit = session.opened.question.unit
        if unit.model == "synthetic":
            sys.stdout.write(TRUTH.format(unit=unit, truth=truth(unit.layer, int(unit.index))))
    paths = report.write([session.journal for session in sessions], out)
    notebooks = "\n".join(f"  {path}" for path in paths.values() if path.suffix == ".ipynb")
    last = out / "sessions" / sessions[-1].name
    sys.stdout.write(NEXT.format(report=paths["report.html"], notebooks=notebooks, session=last))


def _described(unit: str, folder: Path, progress: Progress | None) -> Session:
    reader = Narrator(sys.stdout)
    session = describe(
        unit, agent="offline", review="auto", folder=folder, progress=progress, reader=reader
    )
    try:
        return session.wait()
    except KeyboardInterrupt:
        sys.stdout.write(f"Go on with: maia describe --resume {folder / session.name}\n")
        raise
