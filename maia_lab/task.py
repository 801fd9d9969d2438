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
    "Find out by experiment what makes the unit {unit} active, and what suppresses it. Start from"
    " its exemplars, state competing hypotheses, write down what each predicts before you measure,"
    " test each with several images and a control, change one thing at a time by edits, and try to"
    " prove yourself wrong before you conclude. Say what you did not test.",
)
