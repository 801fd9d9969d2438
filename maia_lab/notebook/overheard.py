"""What the agent is writing, shown while it thinks: its end so far, a few times a second."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from maia_lab.plain import visible
from maia_lab.thought import Thought

PAUSE = 0.15
"""Seconds between two showings."""
MOST = 2_000
"""Characters that are shown: the last ones."""


class Overheard:
    """A listener of :class:`maia_lab.thought.Aloud` that shows text in full, not in pieces."""

    def __init__(self, show: Callable[[str], None]) -> None:
        """``show`` takes the text so far; empty: the agent has finished."""
        self._show = show
        self._text, self._kind, self._shown = "", "", 0.0
        self._guard = threading.Lock()

    def __call__(self, thought: Thought) -> None:
        """Take one piece."""
        with self._guard:
            if thought.kind == "done":
                self._text, self._shown = "", 0.0
                self._show("")
                return
            self._text = (self._text + piece(thought, self._kind))[-MOST:]
            self._kind = thought.kind
            now = time.monotonic()
            if now - self._shown >= PAUSE or thought.kind == "wait":
                self._shown = now
                self._show(self._text)


class Printed:
    """A listener that writes the pieces into the running cell's output."""

    def __init__(self) -> None:
        """Begin at a line's start."""
        self._kind = ""

    def __call__(self, thought: Thought) -> None:
        """Print one piece; code is not: it is shown with the proposal."""
        if thought.kind == "done":
            sys.stdout.write("\n" if self._kind else "")
            self._kind = ""
        elif thought.kind != "code":
            sys.stdout.write(piece(thought, self._kind))
            self._kind = thought.kind


def piece(thought: Thought, before: str) -> str:
    """A piece as text, on a line of its own where another kind of it came before."""
    text = visible(thought.text)
    if thought.kind == "wait":
        text = f"{text}; again in {thought.seconds:.0f} s"
    apart = before and (before != thought.kind or before in ("wait", "rating"))
    return f"\n{text}" if apart else text
