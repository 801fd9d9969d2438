"""The offline experimenter on spurious features: moves things, and reads which units care."""

from __future__ import annotations

import re
from collections.abc import Mapping

from maia_lab.errors import WorldError
from maia_lab.events import Observed
from maia_lab.proposal import Answer, Conclusion, Proposal
from maia_lab.selectivity import LEAST, SELECTIVE, SPURIOUS
from maia_lab.session import Briefing

CELL = """\
# {name}: the same things before each background, nothing else changed
things = {things!r}
grounds = {grounds!r}
cells = {{}}
for thing in things:
    prompt = f"a {{thing}} on a {{grounds[0]}} background"
    still = tools.text2image(prompt, per_prompt=6, seed={seed})
    cells[thing, grounds[0]] = still
    for ground in grounds[1:]:
        moved, _ = tools.edit_images(still, f"change the background to {{ground}}")
        cells[thing, ground] = moved[1::2]
tools.display([images[0] for images in cells.values()])
print(tools.cross(cells, systems))
"""
NAMES = ("Move", "Move again")
LINE = re.compile(r"^(\S+) +(?:SELECTIVE|SPURIOUS): (\d+)% .* thing, (\d+)% ", re.MULTILINE)


def propose(briefing: Briefing, vocabulary: Mapping[str, tuple[str, ...]]) -> Proposal | Conclusion:
    """Two experiments on fresh things each, then a label for every unit."""
    seen = [
        {m[1]: (int(m[2]), int(m[3])) for m in LINE.finditer(event.observation.text)}
        for event in briefing.events
        if isinstance(event, Observed)
    ]
    seen = [found for found in seen if found]
    things, grounds = next(iter(vocabulary.values()), ()), vocabulary.get("background", ())
    if len(things) < 2 or len(grounds) < 2:
        raise WorldError(
            briefing.question.unit.model,
            "is studied with data that have no words for things and backgrounds",
            "name a generator of images that has them (--generator NAME)",
        )
    tried = sum(isinstance(event, Observed) for event in briefing.events)
    if len(seen) < len(NAMES) and tried < 4 and not briefing.must_conclude:
        return Proposal(
            "Set the same things before each background in turn: what a unit's answers then vary"
            " with is no matter of what comes together in the data.",
            CELL.format(name=NAMES[len(seen)], things=things, grounds=grounds, seed=1 + tried),
        )
    answers = []
    for unit in seen[0] if seen else ():
        shares = [found[unit] for found in seen]
        selective = all(thing >= 100 * LEAST for thing, _ in shares)
        answers.append(
            Answer(
                unit,
                f"{SELECTIVE if selective else SPURIOUS}: "
                + "; ".join(f"thing {thing}%, background {ground}%" for thing, ground in shares),
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
