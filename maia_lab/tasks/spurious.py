"""A head that reads only the units which answer to the classes, not to what they stand before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maia_lab import heads
from maia_lab.errors import DataError
from maia_lab.heads import Floats, Head
from maia_lab.observation import Table
from maia_lab.selectivity import SELECTIVE
from maia_lab.task import Closing, Task

if TYPE_CHECKING:
    from maia_lab.proposal import Conclusion
    from maia_lab.study import Study
    from maia_lab.system import System
    from maia_lab.world import Images, World

DRAWS = 10
"""Random choices of as many units."""
MOST, BATCH = 4000, 64
"""Images that are looked at, at most; images in a pass."""


def close(study: Study, said: Conclusion) -> Closing:
    """Refit the head on the biased data with the units that were called selective, and test it.

    Raises:
        DataError: the conclusion calls none of the units selective, or the data have no classes.
    """
    kept = [
        study.systems[answer.about].position
        for answer in said.answers
        if answer.about in study.systems and answer.says.upper().startswith(SELECTIVE)
    ]
    if not kept:
        raise DataError(
            "no unit", "was called SELECTIVE, so there is no head to fit", "label some, or stop"
        )
    names = classes(study.world)
    x, y = read(study.system, study.world.data, study.world, names)
    test, tested = read(study.system, study.world.held_out, study.world, names)
    before, after = heads.tuned(x, y), heads.tuned(x, y, kept)
    chance, n = np.random.default_rng(study.seed), len(kept)
    drawn = [
        heads.tuned(x, y, chance.permutation(x.shape[1])[:n].tolist()).accuracy(test, tested)
        for _ in range(DRAWS)
    ]
    # Half of the test images teach the two rows that need them, and the other half tests those.
    half = np.arange(len(tested)) // len(names) % 2 == 0
    even = heads.tuned(test[half], tested[half])
    oracle = heads.tuned(test[half], tested[half], heads.ranked(test[half], tested[half])[:n])
    rows = [
        ("all units", str(x.shape[1]), f"{before.accuracy(test, tested):.3f}"),
        (
            "ℓ1, as many",
            str(n),
            f"{heads.tuned(x, y, heads.ranked(x, y)[:n]).accuracy(test, tested):.3f}",
        ),
        ("random, as many", str(n), f"{np.mean(drawn):.3f} ± {np.std(drawn):.3f}"),
        ("SELECTIVE units", str(n), f"{after.accuracy(test, tested):.3f}"),
        (
            "ℓ1, as many, on held-out images",
            str(n),
            f"{oracle.accuracy(test[~half], tested[~half]):.3f}",
        ),
        (
            "all units, on held-out images",
            str(x.shape[1]),
            f"{even.accuracy(test[~half], tested[~half]):.3f}",
        ),
    ]
    lasso = heads.fit(x, y, penalty="l1")
    found = heads.validated(x, y, "l1")
    curve = [
        (f"{head.strength:.4f}", str(len(head.units)), f"{cv:.3f}", f"{a:.3f}")
        for head, cv, a in zip(
            lasso, found, [head.accuracy(test, tested) for head in lasso], strict=True
        )
    ]
    return Closing(
        "",
        tables=(
            Table(
                f"Accuracy on {study.world.held_out.name}",
                ("head fitted on", "units", "accuracy"),
                tuple(rows),
                f"Heads are fitted on {study.world.data.name} and tuned there by cross-validation;"
                " the last two rows, which bound what is possible, on half of the held-out images"
                " and tested on the other half.",
            ),
            _confusion("Before: all units", before, test, tested, names),
            _confusion("After: SELECTIVE units", after, test, tested, names),
            Table(
                "ℓ1 regression over the strength of its penalty",
                ("strength", "units", "cross-validated", "held out"),
                tuple(curve),
                "Cross-validation on biased data cannot tell these apart.",
            ),
            Table(
                "Units by intervention",
                ("unit", "label and evidence"),
                tuple((answer.about, answer.says) for answer in said.answers),
            ),
        ),
    )


def classes(world: World) -> tuple[str, ...]:
    """The classes of a world's data: the words of its first kind.

    Raises:
        DataError: there are not two of them.
    """
    names = next(iter(world.vocabulary.values()), ())
    if world.words is None or len(names) < 2:
        raise DataError(
            world.data.name,
            "have no two classes to tell apart",
            "sort the images into a folder for each class",
        )
    return names


def read(
    system: System, images: Images, world: World, names: tuple[str, ...]
) -> tuple[Floats, NDArray[np.int64]]:
    """All units' answers to images of the classes, shape (n, units), and the class of each.

    Raises:
        DataError: a class has no image.
    """
    answers, labels = [], []
    for start in range(0, min(MOST, len(images)), BATCH):
        some = [images[i] for i in range(start, min(start + BATCH, MOST, len(images)))]
        held = [world.words.concepts(image) if world.words else frozenset() for image in some]
        shown = [[names.index(word) for word in words if word in names] for words in held]
        one = [i for i, found in enumerate(shown) if len(found) == 1]
        if one:
            answers.append(system.layer([some[i] for i in one]))
            labels += [shown[i][0] for i in one]
    if missing := [name for i, name in enumerate(names) if i not in labels]:
        raise DataError(
            missing[0], f"has no image in {images.name}", "give images of it, or leave it out"
        )
    return np.concatenate(answers).astype(np.float64), np.array(labels)


def _confusion(
    title: str, head: Head, x: Floats, y: NDArray[np.int64], names: tuple[str, ...]
) -> Table:
    said = head.predict(x)
    rows = tuple(
        (name, *(str(int(((y == i) & (said == j)).sum())) for j in range(len(names))))
        for i, name in enumerate(names)
    )
    return Table(title, ("is, said to be", *names), rows, "Number of held-out images.")


SPURIOUS = Task(
    "spurious",
    "Which of these units answer to the classes themselves, and which to what the classes stand"
    " before in the data: {units}? Set the same things before each background in turn (text2image,"
    " edit_images) and show them to all units (systems, by address; tools.cross); do it again with"
    " things nobody has seen. Then a head is fitted on the biased data with the units you call"
    " SELECTIVE. Labels are not needed. Say what you did not test.",
    close,
    "Each unit by its address: SELECTIVE or SPURIOUS first, then the evidence.",
)
