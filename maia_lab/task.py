"""What is asked of the agent: a kind of question, put to one unit."""

from __future__ import annotations

from dataclasses import dataclass

from maia_lab.unit import Unit


@dataclass(frozen=True, slots=True)
class Question:
    """One task put to one unit."""

    task: str
    unit: Unit
    text: str
    """The brief, as the agent reads it."""


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of question: its name, and the brief given to the agent."""

    name: str
    brief: str
    """``{unit}`` stands for the unit's address."""

    def ask(self, unit: Unit) -> Question:
        """Put the task to a unit."""
        return Question(self.name, unit, self.brief.format(unit=unit))


DESCRIBE = Task(
    "describe",
    "What makes the unit {unit} active, and what suppresses it? Start from the data's images at"
    " both ends, weigh at least three competing explanations, general and specific, and end with a"
    " description whose labels would let someone else find its images. Say what you did not test.",
)
