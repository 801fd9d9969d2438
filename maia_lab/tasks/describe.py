"""What makes a unit active: labels, scored on images nobody looked at, beside the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maia_lab.scoring import evaluation
from maia_lab.task import Closing, Task

if TYPE_CHECKING:
    from maia_lab.proposal import Conclusion
    from maia_lab.study import Study


def close(study: Study, said: Conclusion) -> Closing:
    """Score the labels on held-out images and on images drawn for them."""
    scores = evaluation.score(
        study.system, study.world, study.exemplars, said.labels, said.suppressed_by, study.seed
    )
    return Closing("", tuple(scores))


DESCRIBE = Task(
    "describe",
    "What makes the unit {unit} active, and what suppresses it? Start from the data's images at"
    " both ends, weigh at least three competing explanations, general and specific, and end with a"
    " description whose labels would let someone else find its images. Say what you did not test.",
    close,
)
