"""In which contexts a class is missed: what its score loses there, on images made for the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maia_lab.comparison import resampled
from maia_lab.contexts import ANYWHERE, Context
from maia_lab.grid import Grid
from maia_lab.observation import Table
from maia_lab.slices import Slices, varied
from maia_lab.sweep import drawn, lost
from maia_lab.task import Closing, Task
from maia_lab.world import WellRead

if TYPE_CHECKING:
    from PIL import Image

    from maia_lab.proposal import Conclusion
    from maia_lab.study import Study

N = 40
"""Images of each condition, in it and out of it."""
SEED = 900_001
"""Of the last images: no experiment draws from it unless it means to."""
SURE = 0.975
"""Share of resamples in which the thing raises the score, below which no interval can be given."""
SHOWN = 8


def close(study: Study, said: Conclusion) -> Closing:
    """Draw each context once more, and the same class out of it; or find both held out.

    Raises:
        WordsError: a context is none that can be drawn.
    """
    named = [*said.labels, *(answer.about.split(":")[0] for answer in said.answers)]
    if not named:
        none = "The conclusion names no context, so that none was measured once more."
        return Closing("", tables=(Table("Where the class is missed", ("context",), (), none),))
    contexts = varied(named[0], study.world.vocabulary)
    anywhere = contexts.name((ANYWHERE,))
    conditions = {a.about: contexts.read(a.about) for a in said.answers if a.about != anywhere}
    chance = np.random.default_rng([study.seed, SEED])
    if isinstance(contexts, Slices):
        return _found(study, contexts, conditions, chance)
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
    return _closing(study, contexts.what, lines, zero, "drawn for this table", pictures)


def _found(
    study: Study,
    slices: Slices,
    conditions: Mapping[str, tuple[Context, bool]],
    chance: np.random.Generator,
) -> Closing:
    """Measure contexts of photographs on those that are held out."""
    held_out, words, editor = study.world.held_out, study.world.words, study.world.editor
    assert isinstance(words, WellRead)
    labels = list(words.concepts_of(held_out))

    def some(wanted: Sequence[str]) -> list[Image.Image]:
        at = [i for i, said in enumerate(labels) if said & {*wanted}]
        return [held_out[int(i)] for i in chance.permutation(at)[:N]]

    zero, every = (study.system.values(some(wanted)) for wanted in (slices.rest, slices.labels))
    lines, pictures = [], []
    for name, ((word,), _) in conditions.items():
        outside = some(slices.labels if word in slices.own["edit"] else slices.others(word))
        if word in slices.own["edit"] and editor is not None:
            inside = editor.edit(outside, [word] * len(outside), [SEED] * len(outside))
        else:
            inside = some([word])
        low, rest = study.system.values(inside), study.system.values(outside)
        if min(map(len, (low, rest, zero))) < 2:
            lines.append((name, "", "", "", f"too few held out: {len(low)} + {len(rest)}"))
            continue
        lines.append((name, *_row(low, rest, zero, chance)))
        pictures.append(_lowest(name, inside, low))
    if len(every) and len(zero):
        between = (float(np.median(every)) + float(zero.mean())) / 2
        anywhere = slices.name((ANYWHERE,))
        lines.append((anywhere, "", f"{(every < between).mean():.0%}", "", str(len(every))))
    return _closing(study, slices.what, lines, zero, "held out until now", pictures)


def _closing(
    study: Study,
    what: str,
    lines: Sequence[tuple[str, ...]],
    zero: NDArray[np.float32],
    whence: str,
    pictures: Sequence[tuple[Image.Image, str]],
) -> Closing:
    usual = f"{round(float(zero.mean()), 2) + 0.0:.2f}" if len(zero) else "there are none"
    table = Table(
        f"Where {study.unit} misses {what}",
        ("context", "score lost [95 %]", "missed", "missed out of it", "n"),
        tuple(lines),
        "Score lost: share of what the thing adds to the score; above 1 where it scores lower than"
        " images without it. Missed: images that score nearer to those without it"
        f" ({usual} on average) than to those out of the context. All images were {whence}.",
    )
    return Closing("", tables=(table,), pictures=tuple(pictures))


def _row(
    low: NDArray[np.float32],
    rest: NDArray[np.float32],
    zero: NDArray[np.float32],
    chance: np.random.Generator,
) -> tuple[str, ...]:
    if rest.mean() <= zero.mean():
        return "not told from none", "", "", f"{len(low)} + {len(rest)}"
    least, most, none = (resampled(v.astype(float), chance) for v in (low, rest, zero))
    # Where few images answer at all, some resamples hold none of them: there is nothing to lose.
    rises = most > none
    ends = np.quantile(1 - (least - none)[rises] / (most - none)[rises], (0.025, 0.975))
    sure = f"{ends[0]:.2f}, {ends[1]:.2f}" if rises.mean() > SURE else "unknown"
    between = (float(rest.mean()) + float(zero.mean())) / 2
    return (
        f"{lost(low, rest, zero):.2f} [{sure}]",
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
    check=lambda world, question: varied(question.about, world.vocabulary),
)
