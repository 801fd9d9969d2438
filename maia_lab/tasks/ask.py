"""A question in free words, answered by experiment."""

from __future__ import annotations

from maia_lab.task import Task
from maia_lab.tasks.describe import close

ASK = Task(
    "ask",
    "A question about the unit {unit}, to be answered by experiment: {question}\nAnswer it in the"
    " description. Give labels where the answer names what makes the unit active, and none where it"
    " does not. Say what you did not test.",
    close,
)
