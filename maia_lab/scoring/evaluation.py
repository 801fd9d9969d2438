"""How well a description tells active images from the rest, on images nobody has looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from maia_lab.errors import MaiaError, ModelError, WordsError
from maia_lab.exemplars import Exemplars
from maia_lab.observation import Score, Table
from maia_lab.scoring.baselines import Floats, Said, one_shot, search
from maia_lab.scoring.metrics import auprc, pearson, undefined
from maia_lab.scoring.rater import Paid, WordsRater
from maia_lab.scoring.trial import trial
from maia_lab.system import System
from maia_lab.world import Images, Rater, World

CHUNK = 100
"""Held-out images that are looked at together."""
WIDE = 0.2
"""Width of a correlation's interval from which on it is told."""
COLUMNS = 100
"""Columns that a sentence below a table may take."""
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
    words = world.words
    rater = world.rater or (None if words is None else WordsRater(words))
    mine: Said = (tuple(labels), tuple(suppressed_by))
    if rater is None:
        why = f"nothing can tell what the images of {world.name} hold"
        return [_unscored(mine, why)]
    rows: dict[str, Said] = {MINE: mine}
    if words is not None:
        rows[ONE_SHOT] = one_shot(world, exemplars, seed)
        rows[SEARCH] = search(world, exemplars)
    try:
        scores = rated(system, world.held_out, rater, rows, sample(world.held_out, rater, seed))
    except WordsError:
        raise
    except MaiaError as error:
        what = "the unit" if isinstance(error, ModelError) else error.value
        return [_unscored(mine, f"{what} {error.reason}")]
    # Baselines often say the same: what is drawn for one of them is so for all.
    trials = {said: trial(system, world, *said, seed) for said in set(rows.values())}
    return [
        replace(found, trial=trials[said])
        for found, said in zip(scores, rows.values(), strict=True)
    ]


def _unscored(said: Said, why: str) -> Score:
    return Score(MINE, said[0], None, None, 0, 0, 0, why, suppressed_by=said[1])


def sample(images: Images, rater: Rater, seed: int = 0) -> NDArray[np.int_]:
    """Positions of the images that a rater is shown: all, or a random sample where it is paid."""
    most = rater.most if isinstance(rater, Paid) else None
    if most is None or most >= len(images):
        return np.arange(len(images))
    return np.sort(np.random.default_rng(seed).choice(len(images), most, replace=False))


def rated(
    system: System,
    images: Images,
    rater: Rater,
    rows: Mapping[str, Said],
    chosen: NDArray[np.int_],
    *,
    singly: bool = True,
) -> list[Score]:
    """Score descriptions by what a rater says of images.

    Args:
        system: the unit.
        images: nobody has looked at.
        rater: who says which of them a description means.
        rows: descriptions, by what their scores are called.
        chosen: positions of the images that are looked at.
        singly: whether the rater is also asked for each label by itself.

    Raises:
        MaiaError: of the unit, or of the rater.
    """
    values, sure = _rated(system, images, rater, dict.fromkeys(rows.values()), chosen, singly)
    reference = system.reference
    return [
        replace(
            _scored(of, s, values, sure, reference.high), rater=rater.name, topped=reference.topped
        )
        for of, s in rows.items()
    ]


def _rated(
    system: System,
    images: Images,
    rater: Rater,
    saids: Iterable[Said],
    chosen: NDArray[np.int_],
    singly: bool,
) -> tuple[Floats, Mapping[Said, Floats]]:
    """How the unit answers each chosen image, and how sure each description is of it.

    Few images are in memory at once.
    """
    singles = [((label,), ()) for labels, _ in saids for label in labels] if singly else []
    asked = dict.fromkeys([*saids, *singles])
    values: list[Floats] = [np.zeros(0)]
    sure: dict[Said, list[Floats]] = {said: [np.zeros(0)] for said in asked}
    for start in range(0, len(chosen), CHUNK):
        some = [images[int(i)] for i in chosen[start : start + CHUNK]]
        values.append(system.values(some).astype(float))
        for said in asked:
            sure[said].append(rater.rate(some, *said) if said[0] else np.zeros(len(some)))
    return np.concatenate(values), {said: np.concatenate(parts) for said, parts in sure.items()}


def _scored(of: str, said: Said, values: Floats, sure: Mapping[Said, Floats], high: float) -> Score:
    (labels, suppressed_by), active, predicted = said, values > high, sure[said] > 0.5
    hits = int((predicted & active).sum())
    each = [sure[(label,), ()] > 0.5 for label in labels if ((label,), ()) in sure]
    return Score(
        of,
        labels,
        hits / int(predicted.sum()) if predicted.any() and active.any() else None,
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
    wide = max([18, *(len(s.of) for s in scores)])
    lines = [f"{'held out':<{wide}} precision  recall      r  AUPRC  labels"]
    for s in scores:
        shown = [figure(v) for v in (s.precision, s.recall, s.correlation, s.auprc)]
        note = f" (not scored, because {s.note})" if s.note else ""
        lines.append(
            f"{s.of:<{wide}} {shown[0]:>9} {shown[1]:>7} {shown[2]:>6} {shown[3]:>6}"
            f"  {s.said or 'none'}{note}"
        )
    lines += _folded(explained(scores))
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
    return "\n".join([*lines, *_folded(judged(scores))])


class Scores(tuple[Score, ...]):
    """Scores of one conclusion, which print as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return table(self) if self else "()"

    @property
    def tables(self) -> list[Table]:
        """The same as tables: on held-out images and, where there are any, on those drawn."""
        if not self:
            return []
        head = ("held-out images", "precision", "recall", "r", "AUPRC", "labels")
        rows: list[tuple[str, ...]] = [
            (
                s.of,
                *map(figure, (s.precision, s.recall, s.correlation, s.auprc)),
                (s.said or "none") + (f" (not scored, because {s.note})" if s.note else ""),
            )
            for s in self
        ]
        why = [
            f"{s.of}: not drawn, because {s.trial.note}." for s in self if s.trial and s.trial.note
        ]
        found = [Table("", head, tuple(rows), " ".join([*explained(self), *why]))]
        if drawn := [(s.of, s.trial) for s in self if s.trial is not None and not s.trial.note]:
            rows = [
                (of, *map(spread, (on.high, on.neutral, on.near)), *(figure(on[m]) for m in DRAWN))
                for of, on in drawn
            ]
            above = ("drawn for it", "high", "neutral", "near misses", *DRAWN.values())
            found.append(Table("", above, tuple(rows), " ".join(judged(self))))
        return found


def _folded(said: Iterable[str]) -> list[str]:
    """Sentences no wider than the tables they stand below."""
    return [line for text in said for line in wrap(text, COLUMNS)]


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
    if not scores:
        return []
    first = scores[0]
    if first.n == 0:
        return _raters(scores)
    above = (
        "at the unit's maximum over the data, which 5 % of them or more reach"
        if first.topped
        else "above the unit's 0.95 quantile over the data"
    )
    lines = [f"{first.positives or 'None'} of {first.n} images count as active: {above}."]
    if (r := first.correlation) is not None and np.ptp(ends := first.interval) > WIDE:
        lines.append(f"With so few images r is rough: {r:.2f} [{ends[0]:.2f}, {ends[1]:.2f}].")
    if 0 < first.ceiling < 1:
        lines.append(
            f"{first.predicted} hold a label, so precision can be at most {first.ceiling:.2f};"
            " r needs no threshold."
        )
    if len(first.shares) > 1:
        lines += [
            f"{label}: in {share:.0%} of the active images."
            for label, share in zip(first.labels, first.shares, strict=True)
        ]
    return lines + _raters(scores)


def _raters(scores: Sequence[Score]) -> list[str]:
    """Who said what images hold, each with what it did not share with the first."""
    first, *later = scores
    lines = [f"What each image holds was said by {first.rater}."] if first.rater else []
    for score in later:
        if score.rater != first.rater:
            lines.append(
                f"{score.of}: said by {score.rater}; {score.positives} of {score.n} images count as"
                " active."
            )
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
