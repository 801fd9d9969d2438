"""Everything that one cell shows, kept for its step while the front end shows it as always."""

from __future__ import annotations

import base64
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import IPython
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from IPython.display import display as show
from PIL import Image

from maia_lab import images
from maia_lab.errors import DataError
from maia_lab.executor import PACKAGE, Record, explain
from maia_lab.grid import Grid
from maia_lab.notebook import display
from maia_lab.observation import Measurement, Observation, Score, Table
from maia_lab.scoring.evaluation import Scores

SHELL = str(Path(IPython.__file__).parent) + os.sep
_KINDS = ("image/png", "image/jpeg")


class Capture:
    """Begins when it is made, ends with :meth:`finish`; what ``tools`` writes to meanwhile."""

    def __init__(self, shell: InteractiveShell, store: Callable[[bytes], str]) -> None:
        """Listen to a shell; ``store`` keeps a picture's file and returns its sha256."""
        self._shell, self._record, self._silent = shell, Record(store), False
        self._undo: list[Callable[[], None]] = []
        for stream in {id(s): s for s in (sys.stdout, sys.stderr)}.values():
            self._undo.append(replace(stream, "write", self._writing))
        self._undo.append(replace(shell.display_pub, "publish", self._publishing))
        self._undo.append(replace(shell.display_formatter, "format", self._formatting))

    # What tools says and shows.

    def text(self, text: str) -> None:
        """Take printed text: it is printed, and thereby kept."""
        sys.stdout.write(text)

    def table(self, table: Table | Scores) -> None:
        """Keep a table as text, and show it so that it fits the page."""
        self._record.table(table)
        with self._silence():
            display.table(table)

    def grid(self, grid: Grid) -> None:
        """Keep images as one picture, and show them so that they can be opened."""
        self._record.grid(grid)
        with self._silence():
            show(grid)  # type: ignore[no-untyped-call]

    def picture(self, image: Image.Image, alt: str) -> None:
        """Keep a picture as it is, and show it."""
        self._record.picture(image, alt)
        with self._silence():
            display.picture(image, alt)

    def measured(self, measurements: Sequence[Measurement]) -> None:
        """Take one comparison's conditions."""
        self._record.measured(measurements)

    def closed(self, scores: Sequence[Score], tables: Sequence[Table]) -> None:
        """Take what a conclusion came to."""
        self._record.closed(scores, tables)

    def looked(self, bases: Sequence[str]) -> None:
        """Take which images were measured outside any comparison."""
        self._record.looked(bases)

    def remark(self, text: str) -> None:
        """Take what a tool noticed."""
        self._record.remark(text)

    @contextlib.contextmanager
    def _silence(self) -> Iterator[None]:
        """What is shown meanwhile is kept already."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    # The end.

    @property
    def threads(self) -> list[threading.Thread]:
        """Those that the cell started and that still run."""
        return self._record.started

    def finish(
        self, result: ExecutionResult, seconds: float, remarks: Sequence[str]
    ) -> Observation:
        """Stop listening; everything that came out, with remarks added at the end."""
        while self._undo:
            self._undo.pop()()
        if result.result is not None:
            self._value(result.result)
        for remark in remarks:
            self._record.text(f"{remark}\n")
        self._record.close()
        error = result.error_before_exec or result.error_in_exec
        outcome: Literal["done", "error", "interrupted"] = "done" if error is None else "error"
        if error is not None and isinstance(error.__cause__ or error, KeyboardInterrupt):
            outcome = "interrupted"
        explained = "" if error is None else explain(error, (PACKAGE, SHELL))
        return self._record.observation(outcome, explained, seconds)

    def _value(self, value: object) -> None:
        grid = Grid.of(value)
        if grid is not None:
            self._record.grid(grid)
        else:
            self._record.text(f"{value!r}\n")

    def _writing(self, write: Callable[[str], int]) -> Callable[[str], int]:
        def both(text: str) -> int:
            if not self._silent and self._record.mine:
                self._record.text(text)
            return write(text)

        return both

    def _publishing(self, publish: Callable[..., None]) -> Callable[..., None]:
        def both(data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            if not self._silent:
                self._shown(data)
            publish(data, *args, **kwargs)

        return both

    def _formatting(self, format: Callable[..., Any]) -> Callable[..., Any]:
        def both(thing: object, *args: Any, **kwargs: Any) -> Any:
            # A cell's last value reads better as images than as their addresses in memory.
            grid = Grid.of(thing) if isinstance(thing, list | tuple | dict) else None
            return format(thing if grid is None else grid, *args, **kwargs)

        return both

    def _shown(self, data: dict[str, Any]) -> None:
        """Keep what a cell displays: its picture where it has one, else its plain text."""
        plain = str(data.get("text/plain", ""))
        for kind in _KINDS:
            if content := data.get(kind):
                try:
                    raw = base64.b64decode(content) if isinstance(content, str) else bytes(content)
                    self._record.picture(images.decode(raw, "a displayed picture"), plain)
                    return
                except (ValueError, DataError):
                    continue
        if text := data.get("text/markdown") or plain:
            self._record.text(f"{text}\n")


def replace(thing: Any, name: str, wrap: Callable[[Any], Any]) -> Callable[[], None]:
    """Put something around a method; returns what takes it away again."""
    before, own = getattr(thing, name), vars(thing).get(name)
    ours = wrap(before)
    setattr(thing, name, ours)

    def undo() -> None:
        # Whoever replaced it after us is left in place.
        if vars(thing).get(name) is ours:
            if own is not None:
                setattr(thing, name, own)
            else:
                delattr(thing, name)

    return undo
