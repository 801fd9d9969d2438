"""Several units side by side: where do they answer alike, and where not?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maia_lab.contrast import ALPHA, Contrast, Gap, side_by_side
from maia_lab.errors import SessionError, WordsError, WorldError
from maia_lab.observation import Table
from maia_lab.task import Closing, Task
from maia_lab.world import Finder, evenly

if TYPE_CHECKING:
    from PIL import Image

    from maia_lab.proposal import Conclusion
    from maia_lab.study import Study

MOST = 400
"""Held-out images that are looked at, at most, spread evenly: folders lie there class by class."""
FEW, DRAWN = 10, 20
"""Images below which a condition's are drawn instead, and how many then."""
SHOWN = 4
"""Conditions of which images are shown, at most …"""
ACROSS = 8
"""… and how many images of each."""


def close(study: Study, said: Conclusion) -> Closing:
    """Show held-out images to all units: those of each condition that is said to differ, and all.

    Raises:
        SessionError: only one unit is studied.
    """
    if len(study.systems) < 2:
        raise SessionError(
            str(study.unit), "has nothing to be compared with", "name further units beside it"
        )
    every = study.world.held_out
    held_out = [every[i] for i in evenly(len(every), MOST).tolist()]
    groups: dict[str, list[Image.Image]] = {}
    rows: list[tuple[str, ...]] = []
    for answer in said.answers:
        try:
            groups[answer.about] = _images(study, answer.about, held_out)
        except (WordsError, WorldError) as error:
            rows.append((answer.about, "0", "", "", f"not measured: {error}"))
    usual = {name: system.values(held_out) for name, system in study.systems.items()}
    contrast = Contrast.measure(study.systems, groups, usual, study.seed)
    alike = Table(
        f"Rank correlation over {len(held_out)} held-out images",
        ("unit", "and unit", "Spearman's r"),
        tuple((a, b, "not defined" if r is None else f"{r:.2f}") for a, b, r in contrast.ranks),
    )
    rows[:0] = map(_row, contrast.gaps)
    apart = Table(
        "Differences on images that no experiment looked at",
        ("condition", "n", "second minus first, sd [95 %]", "p", "verdict"),
        tuple(rows),
        "In standard deviations of each unit over the data; p by swapping the units, corrected for"
        f" all rows; a difference is one at {ALPHA:.0%}.",
    )
    shown = {name: groups[name] for name in list(groups)[:SHOWN]} or {"held-out": held_out}
    grids = [(name, side_by_side(study.systems, some[:ACROSS])) for name, some in shown.items()]
    return Closing(
        "",
        tables=(alike, apart) if rows else (alike,),
        pictures=tuple((grid.draw(), f"{name}: {grid.alt}") for name, grid in grids),
    )


def _row(gap: Gap) -> tuple[str, ...]:
    more = gap.second if gap.difference > 0 else gap.first
    return (
        gap.condition,
        str(gap.n),
        f"{gap.difference:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]",
        f"{gap.p:.4f}",
        f"{more} answers more" if gap.p <= ALPHA else "no difference found",
    )


def _images(study: Study, condition: str, held_out: list[Image.Image]) -> list[Image.Image]:
    """Held-out images of a condition; where they are few, others drawn for it."""
    words, generator = study.world.words, study.world.generator
    if words is None:
        raise WorldError(study.world.name, "has no words for its images", "sort them into folders")
    found = [image for image in held_out if words.matches(condition, image)]
    if len(found) < FEW and generator is not None and not isinstance(generator, Finder):
        # Seeds that no experiment's images come from: those are hashes of another text.
        seeds = [study.tools.seed + 1_000_003 * (k + 1) for k in range(DRAWN)]
        return generator.generate([condition] * DRAWN, seeds)
    if len(found) < 2:
        raise WorldError(condition, "is in none of the held-out images", "give more data")
    return found


COMPARE = Task(
    "compare",
    "Where do these units answer alike, and where not: {units}? Show the same images to all of them"
    " (systems, by address; tools.contrast, tools.side_by_side). Find conditions in which they may"
    " differ, then test these on images not looked at before. Say in the description whether they"
    " differ and how; labels are not needed. Say what you did not test.",
    close,
    "Each condition in which the units differ, as a phrase that could be drawn or is a label of the"
    " data, and which unit answers more; none where no difference was found.",
)
