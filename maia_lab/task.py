"""What is asked of the agent: a kind of question, put to one unit or to several side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maia_lab.observation import Score, Table
from maia_lab.unit import Unit

if TYPE_CHECKING:
    from PIL import Image

    from maia_lab.proposal import Conclusion
    from maia_lab.study import Study
    from maia_lab.system import Layer
    from maia_lab.world import World


@dataclass(frozen=True, slots=True)
class Question:
    """One task put to one unit."""

    task: str
    unit: Unit
    text: str
    """The brief, as the agent reads it."""
    about: str = ""
    """The words that the task was put with, if it takes any."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What a conclusion comes to once its cell has run, on what no experiment has looked at."""

    text: str
    """Printed in the cell."""
    scores: tuple[Score, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[tuple[Image.Image, str], ...] = ()
    """Each with the same in words."""
    files: tuple[tuple[str, bytes], ...] = ()
    """Name and content: left beside the session's journal."""


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of question: one file of ``maia_lab/tasks``, and one entry there."""

    name: str
    brief: str
    """Given to the agent; ``{unit}`` stands for the unit's address, ``{units}`` for those of all
    that are studied side by side, ``{question}`` for words the task is put with: a question,
    or what a class shows; else for the unit's own name."""
    close: Callable[[Study, Conclusion], Closing]
    """What a conclusion's cell does: checks, scores, and whatever the task hands over at its end.
    At least one score or table comes of it, or the conclusion does not count as closed."""
    answers: str = ""
    """What the agent is to say in the conclusion's ``answers``; empty: nothing beside the
    description and its labels."""
    choose: Callable[[Layer, World], Sequence[int]] | None = None
    """Which units of a layer are studied, where that is for the task to find."""
    check: Callable[[World, Question], object] | None = None
    """Refuses, before anything is recorded, a question that the task cannot be put to."""

    def ask(self, unit: Unit, question: str = "", units: Sequence[str] = ()) -> Question:
        """Put the task to a unit."""
        named = ", ".join(units or [str(unit)])
        question = question or str(unit.index)
        return Question(
            self.name, unit, self.brief.format(unit=unit, question=question, units=named), question
        )
