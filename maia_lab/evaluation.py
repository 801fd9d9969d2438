"""How well a description tells active images from the rest, on images nobody has looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maia_lab.exemplars import Exemplars
from maia_lab.observation import Score
from maia_lab.system import System
from maia_lab.world import Words, World

MINE = "this description"
ONE_SHOT = "one-shot baseline"
LOOKED_AT = 15
"""Exemplars the one-shot baseline sees: as many as a person is shown."""


def score(
    system: System,
    world: World,
    exemplars: Exemplars,
    labels: Sequence[str],
    suppressed_by: Sequence[str] = (),
    seed: int = 0,
) -> list[Score]:
    """Score labels on the world's held-out images, beside the one-shot baseline.

    An image is *active* above the unit's 0.95 quantile over the data, and *predicted* if it holds
    any of the labels and nothing that suppresses. Where no words can be read off the images there
    is nothing to predict with, and the note says so.

    Raises:
        WordsError: a label cannot be read.
    """
    words, held_out = world.words, world.held_out
    if words is None:
        why = f"nothing can tell what the images of {world.name} hold"
        return [Score(MINE, tuple(labels), None, None, 0, 0, len(held_out), why)]
    images = list(held_out)
    values = system.values(images)
    active = values > system.reference.high
    baseline = one_shot(world, exemplars, words, seed)
    rows = ((MINE, tuple(labels), tuple(suppressed_by)), (ONE_SHOT, baseline, ()))
    scores = []
    for of, wanted, unwanted in rows:
        predicted = np.array(
            [
                any(words.matches(label, image) for label in wanted)
                and not any(words.matches(label, image) for label in unwanted)
                for image in images
            ],
            bool,
        )
        hits = int((predicted & active).sum())
        scores.append(
            Score(
                of,
                wanted,
                hits / int(predicted.sum()) if predicted.any() else None,
                hits / int(active.sum()) if wanted and active.any() else None,
                int(predicted.sum()),
                int(active.sum()),
                len(images),
                "" if wanted else "there is no label",
                _correlation(predicted, values),
            )
        )
    return scores


def one_shot(world: World, exemplars: Exemplars, words: Words, seed: int = 0) -> tuple[str, ...]:
    """What one look at the exemplars says without any experiment: their most enriched phrase.

    Enrichment is the share of the top exemplars that show a phrase, minus its share in a random
    sample of the data; ties go to the shorter phrase.
    """
    data = world.data
    top = [data[i] for i in exemplars.positions("top", LOOKED_AT)]
    sample = np.random.default_rng(seed).choice(len(data), min(200, len(data)), replace=False)
    found = Counter(c for image in top for c in words.concepts(image))
    usual = Counter(c for i in sample for c in words.concepts(data[int(i)]))
    if not found:
        return ()
    best = min(found, key=lambda c: (usual[c] / len(sample) - found[c] / len(top), len(c), c))
    return (best,)


def table(scores: Sequence[Score]) -> str:
    """The scores as aligned text."""
    lines = [f"{'held out':<18} precision  recall      r  labels"]
    for s in scores:
        figures = (s.precision, s.recall, s.correlation)
        shown = ["—" if value is None else f"{value:.2f}" for value in figures]
        labels = ", ".join(s.labels) or "none"
        note = f" (not scored, because {s.note})" if s.note else ""
        lines.append(f"{s.of:<18} {shown[0]:>9} {shown[1]:>7} {shown[2]:>6}  {labels}{note}")
    return "\n".join([*lines, *explained(scores)])


def explained(scores: Sequence[Score]) -> list[str]:
    """What a reader must know to read the scores: what counts as active, and what that limits."""
    if not scores or scores[0].positives == 0:
        return []
    first = scores[0]
    lines = [
        f"{first.positives} of {first.n} images count as active: above the unit's 0.95 quantile"
        " over the data."
    ]
    if first.ceiling < 1:
        lines.append(
            f"{first.predicted} hold a label, so precision can be at most {first.ceiling:.2f};"
            " r needs no threshold."
        )
    return lines


def _correlation(predicted: NDArray[np.bool_], values: NDArray[np.float32]) -> float | None:
    if predicted.all() or not predicted.any() or np.ptp(values) == 0:
        return None
    return float(np.corrcoef(predicted, values)[0, 1])
