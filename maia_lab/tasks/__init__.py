"""The kinds of question that can be asked. A further one is a file here, and its entry below."""

from __future__ import annotations

from maia_lab.errors import SessionError
from maia_lab.names import nearest
from maia_lab.task import Task
from maia_lab.tasks.ask import ASK
from maia_lab.tasks.bias import BIAS
from maia_lab.tasks.compare import COMPARE
from maia_lab.tasks.describe import DESCRIBE
from maia_lab.tasks.spurious import SPURIOUS

__all__ = ["ASK", "BIAS", "COMPARE", "DESCRIBE", "SPURIOUS", "TASKS", "find"]

TASKS = {task.name: task for task in (DESCRIBE, ASK, COMPARE, BIAS, SPURIOUS)}


def find(name: str) -> Task:
    """The task of a name. Raises SessionError with the nearest names if there is none."""
    if name not in TASKS:
        raise SessionError(name, "is not a task", f"choose one of {nearest(name, TASKS)}")
    return TASKS[name]
