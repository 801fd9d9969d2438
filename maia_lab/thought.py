"""What an agent is doing right now: heard as it happens by whoever listens, and kept nowhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Thought:
    """A moment of an agent's thinking."""

    kind: Literal["thinking", "words", "why", "code", "wait", "rating", "done"]
    """What is being written; ``wait``: it tries again later; ``rating``: images are rated;
    ``done``: it has finished, or was cut short: whatever was heard of it counts for nothing any
    more."""
    text: str = ""
    """The next piece; of ``wait`` the reason, of ``rating`` how far it is, in words."""
    seconds: float = 0.0
    """Of ``wait``: until it tries again."""


Listener = Callable[[Thought], None]


class Aloud:
    """Where thoughts are heard. A listener is called on the agent's thread, and must be quick."""

    def __init__(self) -> None:
        """Begin with nobody listening."""
        self._listeners: list[Listener] = []

    def heard_by(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` every thought from now on; returns a function that ends it."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def tell(self, thought: Thought) -> None:
        """Tell everybody; what a listener raises is logged, and stops nobody else."""
        for listener in tuple(self._listeners):
            try:
                listener(thought)
            except Exception:
                logging.getLogger(__name__).exception("someone who listens to the agent failed")
