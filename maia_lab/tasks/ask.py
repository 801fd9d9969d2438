"""A question in free words, answered by experiment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from maia_lab.observation import Table
from maia_lab.task import Closing, Task
from maia_lab.tasks import describe

if TYPE_CHECKING:
    from maia_lab.proposal import Conclusion
    from maia_lab.study import Study


def close(study: Study, said: Conclusion) -> Closing:
    """Show what was found; score labels, where the answer has any or there is nothing else."""
    rows = tuple((answer.about, answer.says) for answer in said.answers)
    tables = (Table("The answer", ("asked", "found"), rows, said.not_tested),) if rows else ()
    if rows and not said.labels:
        return Closing("", tables=tables)
    return replace(describe.close(study, said), tables=tables)


ASK = Task(
    "ask",
    "A question about the unit {unit}, to be answered by experiment: {question}\nAnswer it in the"
    " description. Give labels where the answer names what makes the unit active, and none where it"
    " does not. Say what you did not test.",
    close,
    "For each thing the question names: what was found of it, with the figures.",
)
