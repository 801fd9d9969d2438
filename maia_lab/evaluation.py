"""How well a description tells active images from the rest, on images nobody has looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from maia_lab.baselines import Floats, Said, one_shot, search
from maia_lab.errors import ModelError
from maia_lab.exemplars import Exemplars
from maia_lab.metrics import auprc, pearson, undefined
from maia_lab.observation import Score
from maia_lab.rater import WordsRater
from maia_lab.system import System
from maia_lab.trial import trial
from maia_lab.world import Rater, World

CHUNK = 100
"""Held-out images that are looked at together."""
MINE = "this description"
ONE_SHOT = "one-shot baseline"
SEARCH = "search baseline"
DRAWN = {
    "pearson": "r",
    "auprc": "AUPRC",
    "f1": "F1",
    "mann-whitney": "M-W",
    "mean-difference": "diff",
}
"""How metrics of a trial are called in a table."""


def score(
    system: System,
    world: World,
    exemplars: Exemplars,
    labels: Sequence[str],
    suppressed_by: Sequence[str] = (),
    seed: int = 0,
) -> list[Score]:
    """Score labels on images the session never used, beside the baselines.

    The world's held-out images say how a description does on images as they come; images drawn
    for it, whether what it predicts can be made at will. An image is *active* above the unit's
    0.95 quantile over the data, and *predicted* if the rater says so: without one, if it holds
    any of the labels and nothing that suppresses. Where nobody can tell, the note says so.

    Raises:
        WordsError: a label cannot be read.
    """
    words, n = world.words, len(world.held_out)
    rater = world.rater or (None if words is None else WordsRater(words))
    mine: Said = (tuple(labels), tuple(suppressed_by))
    if rater is None:
        why = f"nothing can tell what the images of {world.name} hold"
        return [Score(MINE, mine[0], None, None, 0, 0, n, why, suppressed_by=mine[1])]
    rows: list[tuple[str, Said]] = [(MINE, mine)]
    if words is not None:
        rows.append((ONE_SHOT, one_shot(world, exemplars, seed)))
        rows.append((SEARCH, search(world, exemplars)))
    # Baselines often say the same: what is rated and drawn for one of them is so for all.
    saids = {said for _, said in rows}
    try:
        values, sure = _rated(system, world, rater, saids)
    except ModelError as error:
        why = f"the unit {error.reason}"
        return [Score(MINE, mine[0], None, None, 0, 0, n, why, suppressed_by=mine[1])]
    trials = {said: trial(system, world, *said, seed) for said in saids}
    return [
        replace(
            _scored(of, said, values, sure, system.reference.high),
            rater=rater.name,
            trial=trials[said],
        )
        for of, said in rows
    ]


def _rated(
    system: System, world: World, rater: Rater, saids: Collection[Said]
) -> tuple[Floats, Mapping[Said, Floats]]:
    """How the unit answers each held-out image, and how sure each description is of it.

    A description of several labels is also rated label by label. Few images are in memory at once.
    """
    asked = {*saids, *(((label,), ()) for labels, _ in saids for label in labels)}
    values: list[Floats] = [np.zeros(0)]
    sure: dict[Said, list[Floats]] = {said: [np.zeros(0)] for said in asked}
    for start in range(0, len(world.held_out), CHUNK):
        places = range(start, min(start + CHUNK, len(world.held_out)))
        images = [world.held_out[i] for i in places]
        values.append(system.values(images).astype(float))
        for said in asked:
            sure[said].append(rater.rate(images, *said) if said[0] else np.zeros(len(images)))
    return np.concatenate(values), {said: np.concatenate(parts) for said, parts in sure.items()}


def _scored(of: str, said: Said, values: Floats, sure: Mapping[Said, Floats], high: float) -> Score:
    (labels, suppressed_by), active, predicted = said, values > high, sure[said] > 0.5
    hits = int((predicted & active).sum())
    each = [sure[(label,), ()] > 0.5 for label in labels]
    return Score(
        of,
        labels,
        hits / int(predicted.sum()) if predicted.any() else None,
        hits / int(active.sum()) if labels and active.any() else None,
        int(predicted.sum()),
        int(active.sum()),
        len(values),
        undefined(predicted, values) if labels else "there is no label",
        pearson(sure[said], values),
        suppressed_by,
        auprc(predicted, values),
        tuple(float(held[active].mean()) for held in each) if active.any() else (),
    )


def table(scores: Sequence[Score]) -> str:
    """The scores as aligned text."""
    lines = [f"{'held out':<18} precision  recall      r  AUPRC  labels"]
    for s in scores:
        shown = [figure(v) for v in (s.precision, s.recall, s.correlation, s.auprc)]
        note = f" (not scored, because {s.note})" if s.note else ""
        lines.append(
            f"{s.of:<18} {shown[0]:>9} {shown[1]:>7} {shown[2]:>6} {shown[3]:>6}"
            f"  {s.said or 'none'}{note}"
        )
    lines += explained(scores)
    drawn = [(s.of, s.trial) for s in scores if s.trial is not None]
    if drawn:
        heads = [f"{name:>14}" for name in ("high", "neutral", "near misses")]
        heads += [f"{name:>6}" for name in DRAWN.values()]
        lines += ["", f"{'drawn for it':<18} {' '.join(heads)}"]
    for of, on in drawn:
        cells = [f"{spread(values):>14}" for values in (on.high, on.neutral, on.near)]
        cells += [f"{figure(on[metric]):>6}" for metric in DRAWN]
        said = f"not drawn, because {on.note}" if on.note else " ".join(cells)
        lines.append(f"{of:<18} {said}")
    return "\n".join([*lines, *judged(scores)])


def figure(value: float | None) -> str:
    """A metric with two decimals, or a dash where it is not defined."""
    return "—" if value is None else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """Mean ± sample standard deviation."""
    if not values:
        return "—"
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.2f} ± {sd:.2f}"


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
    if len(first.shares) > 1:
        lines += [
            f"{label}: in {share:.0%} of the active images."
            for label, share in zip(first.labels, first.shares, strict=True)
        ]
    if first.rater:
        lines.append(f"What each image holds was said by {first.rater}.")
    return lines


def judged(scores: Sequence[Score]) -> list[str]:
    """What a reader must know to read the trials: who drew, and which figures can mislead."""
    trial = scores[0].trial if scores else None
    if trial is None or trial.note:
        return []
    return [
        f"{trial.drawn_by} drew {len(trial.high)} images that are predicted high,"
        f" {len(trial.neutral)} neutral ones and {len(trial.near)} near misses, which have one word"
        " of a label changed.",
        "diff (mean difference) and M-W (Mann-Whitney) are also high for a description that is too"
        " narrow: judge by r, AUPRC, F1.",
    ]
