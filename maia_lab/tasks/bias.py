"""In which contexts a class is missed: what its score loses there, on images made for the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maia_lab.contexts import ANYWHERE, Contexts
from maia_lab.grid import Grid
from maia_lab.observation import Table
from maia_lab.sweep import lost
from maia_lab.task import Closing, Task
from maia_lab.tools import drawn

if TYPE_CHECKING:
    from PIL import Image

    from maia_lab.proposal import Conclusion
    from maia_lab.study import Study

N = 40
"""Images of each condition, in it and out of it."""
SEED = 900_001
"""Of the last images: no experiment draws from it unless it means to."""
RESAMPLES = 1000
SHOWN = 8


def close(study: Study, said: Conclusion) -> Closing:
    """Draw each context once more, and the same class out of it.

    Raises:
        WordsError: a context is none that can be drawn.
    """
    named = [*said.labels, *(answer.about.split(":")[0] for answer in said.answers)]
    if not named:
        return Closing("", tables=(Table("Where the class is missed", ("context",), ()),))
    contexts = Contexts(named[0], study.world.vocabulary)
    anywhere = contexts.name((ANYWHERE,))
    conditions = {a.about: contexts.read(a.about) for a in said.answers if a.about != anywhere}
    chance = np.random.default_rng([study.seed, SEED])
    rows = contexts.design(N, chance)
    others = contexts.others()
    absent = [contexts.prompt(r, instead=others[i % len(others)]) for i, r in enumerate(rows)]
    zero = study.system.values(study.tools.text2image(absent, seed=SEED))
    lines, pictures = [], []
    for name, (context, unless) in conditions.items():
        apart = [contexts.within(row, contexts.instead(context, chance)) for row in rows]
        there = [contexts.within(row, context) for row in rows]
        images = drawn(study.tools, contexts, apart if unless else there, SEED)
        low = study.system.values(images)
        rest = study.system.values(drawn(study.tools, contexts, there if unless else apart, SEED))
        lines.append((name, *_row(low, rest, zero, chance)))
        pictures.append(_lowest(name, images, low))
    values = study.system.values(drawn(study.tools, contexts, rows, SEED + 1))
    between = (float(np.median(values)) + float(zero.mean())) / 2
    lines.append((anywhere, "", f"{(values < between).mean():.0%}", "", str(N)))
    table = Table(
        f"Where {study.unit} misses {contexts.what}",
        ("context", "score lost [95 %]", "missed", "missed out of it", "n"),
        tuple(lines),
        "Score lost: share of what the thing adds to the score. Missed: images that score nearer to"
        f" those without it ({zero.mean():.3g} on average) than to those out of the context. All"
        " were drawn for this table.",
    )
    return Closing("", tables=(table,), pictures=tuple(pictures))


def _row(
    low: NDArray[np.float32],
    rest: NDArray[np.float32],
    zero: NDArray[np.float32],
    chance: np.random.Generator,
) -> tuple[str, ...]:
    again = [
        lost(*(chance.choice(values, len(values)) for values in (low, rest, zero)))
        for _ in range(RESAMPLES)
    ]
    ends = np.quantile(again, (0.025, 0.975))
    between = (float(rest.mean()) + float(zero.mean())) / 2
    return (
        f"{lost(low, rest, zero):.2f} [{ends[0]:.2f}, {ends[1]:.2f}]",
        f"{(low < between).mean():.0%}",
        f"{(rest < between).mean():.0%}",
        f"{len(low)} + {len(rest)}",
    )


def _lowest(
    name: str, images: list[Image.Image], values: NDArray[np.float32]
) -> tuple[Image.Image, str]:
    order = np.argsort(values)[:SHOWN]
    grid = Grid.of([(float(values[i]), images[i]) for i in order])
    assert grid is not None  # There are images.
    return grid.draw(), f"{name}, lowest first: {grid.alt}"


BIAS = Task(
    "bias",
    "In which contexts does {unit} miss {question}? Sweep contexts (tools.sweep), first of the"
    " thing and its background, then also its number, its place and its neighbours (around=True)."
    " What a sweep names was picked by its score: confirm it on fresh images, the same ones in the"
    " context and out of it. The only label is what the class shows. Say what you did not test.",
    close,
    "Each context that was confirmed, as a sweep names it, and what the score loses there; where"
    ' nothing was confirmed, only the class\'s words with a colon and "any context", and no label.',
)
