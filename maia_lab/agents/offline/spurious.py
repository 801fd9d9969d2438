"""The offline experimenter on spurious features: moves things, and reads which units care."""

from __future__ import annotations

import re

from maia_lab.briefing import Briefing
from maia_lab.events import Observed
from maia_lab.proposal import Answer, Conclusion, Proposal
from maia_lab.selectivity import SELECTIVE, SPURIOUS

CELL = """\
# {name}: the same things before each background, nothing else changed
cells = tools.moved(seed={seed})
tools.display([images[0] for images in cells.values()])
print(tools.cross(cells))
"""
NAMES = ("Move", "Move other things")
TRIES = 4
LINE = re.compile(r"^(\S+) +(SELECTIVE|SPURIOUS): (\d+)% .* thing, (\d+)% ", re.MULTILINE)


def propose(briefing: Briefing) -> Proposal | Conclusion:
    """Two experiments on fresh things each, then a label for every unit."""
    outcomes = [e.observation.text for e in briefing.events if isinstance(e, Observed)]
    read = [{m[1]: (m[2], m[3], m[4]) for m in LINE.finditer(text)} for text in outcomes]
    seen = [found for found in read if found]
    if len(seen) < len(NAMES) and len(read) < TRIES and not briefing.must_conclude:
        return Proposal(
            "Set the same things before each background in turn: what a unit's answers then vary"
            " with is no matter of what comes together in the data.",
            CELL.format(name=NAMES[len(seen)], seed=1 + len(read)),
        )
    answers = []
    for unit in seen[0] if seen else ():
        # Whoever edits a cell may show its cells to some of the units only.
        shares = [found[unit] for found in seen if unit in found]
        selective = all(verdict == SELECTIVE for verdict, *_ in shares)
        answers.append(
            Answer(
                unit,
                f"{SELECTIVE if selective else SPURIOUS}: "
                + "; ".join(f"thing {thing}%, background {ground}%" for _, thing, ground in shares),
            )
        )
    kept = sum(answer.says.startswith(SELECTIVE) for answer in answers)
    return Conclusion(
        f"{kept} of {len(answers)} units answer to the thing whatever it stands before; the others"
        " change with the background.",
        (),
        not_tested="other backgrounds, and what units do together.",
        answers=tuple(answers),
    )
