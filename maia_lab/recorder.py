"""Where an experiment's output goes: kept for the agent when a session runs it, else just shown."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from PIL import Image

from maia_lab.grid import Grid
from maia_lab.observation import Measurement, Observation, Outcome, Picture, Score, Table, Text
from maia_lab.scoring.evaluation import Scores


class Recorder(Protocol):
    """What :class:`maia_lab.tools.Tools` writes to."""

    def text(self, text: str) -> None:
        """Take printed text."""

    def table(self, table: Table | Scores) -> None:
        """Take a table: its text is what is kept."""

    def grid(self, grid: Grid) -> None:
        """Take images."""

    def picture(self, image: Image.Image, alt: str) -> None:
        """Take a picture, with the same in words."""

    def measured(self, measurements: Sequence[Measurement]) -> None:
        """Take one comparison's conditions."""

    def closed(self, scores: Sequence[Score], tables: Sequence[Table]) -> None:
        """Take what a conclusion came to."""

    def looked(self, bases: Sequence[str]) -> None:
        """Take which images were measured outside any comparison."""

    def remark(self, text: str) -> None:
        """Take what a tool noticed, in a sentence."""


class Kept:
    """Keeps everything, in order, for one step's observation."""

    def __init__(self, store: Callable[[bytes], str]) -> None:
        """Hand pictures to ``store``, which returns the sha256 they are kept under."""
        self._store = store
        self.parts: list[Text | Picture] = []
        self.measurements: list[Measurement] = []
        self.scores: list[Score] = []
        self.seen: dict[str, None] = {}
        self.remarks: list[str] = []
        self.tables: list[Table] = []

    def text(self, text: str) -> None:
        """Take printed text; runs of it are one part."""
        if self.parts and isinstance(last := self.parts[-1], Text):
            self.parts[-1] = Text(last.text + text)
        elif text:
            self.parts.append(Text(text))

    def table(self, table: Table | Scores) -> None:
        """Take a table, as text."""
        self.text(f"{table}\n")

    def grid(self, grid: Grid) -> None:
        """Take images, as one picture."""
        self.picture(grid.draw(), grid.alt)

    def picture(self, image: Image.Image, alt: str) -> None:
        """Take a picture, with the same in words."""
        file = io.BytesIO()
        # Optimized it would be a twentieth smaller, and take seven times as long.
        image.save(file, "PNG")
        sha256 = self._store(file.getvalue())
        self.parts.append(Picture(sha256, alt, image.width, image.height))

    def measured(self, measurements: Sequence[Measurement]) -> None:
        """Take one comparison's conditions."""
        number = self.measurements[-1].comparison + 1 if self.measurements else 0
        self.measurements += [replace(m, comparison=number) for m in measurements]

    def closed(self, scores: Sequence[Score], tables: Sequence[Table]) -> None:
        """Take what a conclusion came to."""
        self.scores += scores
        self.tables += tables

    def looked(self, bases: Sequence[str]) -> None:
        """Take which images were measured; one that was compared before is no news."""
        compared = {base for m in self.measurements for base in m.bases}
        self.seen |= dict.fromkeys(base for base in bases if base not in compared)

    def remark(self, text: str) -> None:
        """Take what a tool noticed, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def observation(self, outcome: Outcome, error: str, seconds: float) -> Observation:
        """All that was kept, with how the run ended."""
        return Observation(
            tuple(self.parts),
            tuple(self.measurements),
            tuple(self.scores),
            outcome,
            error,
            seconds,
            tuple(self.seen),
            tuple(self.remarks),
            tuple(self.tables),
        )


class Shown:
    """Outside a session: prints text, and displays pictures where IPython is running."""

    def text(self, text: str) -> None:
        """Print it."""
        sys.stdout.write(text)

    def table(self, table: Table | Scores) -> None:
        """Print it."""
        self.text(f"{table}\n")

    def grid(self, grid: Grid) -> None:
        """Display it in a notebook; elsewhere say what it would have shown."""
        self.picture(grid, grid.alt)

    def picture(self, thing: Grid | Image.Image, alt: str) -> None:
        """Display anything that has a look of its own, or say it in words."""
        ipython = sys.modules.get("IPython")
        if ipython is not None and ipython.get_ipython() is not None:
            sys.modules["IPython.display"].display(thing)
        else:
            self.text(f"[picture: {alt}]\n")

    def measured(self, measurements: Sequence[Measurement]) -> None:
        """Nothing to keep it for."""

    def closed(self, scores: Sequence[Score], tables: Sequence[Table]) -> None:
        """Nothing to keep them for."""

    def looked(self, bases: Sequence[str]) -> None:
        """Nobody asks."""

    def remark(self, text: str) -> None:
        """Nothing to keep it for."""


class Relay:
    """A recorder whose target changes from step to step."""

    def __init__(self) -> None:
        """Start outside any session."""
        self.target: Recorder = Shown()

    @contextlib.contextmanager
    def to(self, target: Recorder) -> Iterator[None]:
        """Write to ``target`` within the block."""
        before, self.target = self.target, target
        try:
            yield
        finally:
            self.target = before
