"""Which labels tell a unit's active images from the rest, by captions alone: a first guess."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from maia_lab.agents.offline.claims import Claim

LABELS = 5
BEAM = 5
SUPPORT = 3
"""Active images in which a label must hold before it is looked at."""
GAP = 0.04
"""Least width of a gap between heaps, as a share of the way from the median to the top."""
GAPS = 4

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """One image of the data: what it shows, how the unit answered, how many it stands for."""

    content: Claim
    value: float
    weight: float
    """As a share of the data."""


@dataclass(frozen=True, slots=True)
class Formula:
    """When the unit is active: any label holds, and nothing that suppresses it."""

    labels: tuple[Claim, ...] = ()
    suppressed_by: tuple[Claim, ...] = ()

    def holds_in(self, content: Claim) -> bool:
        """Whether it predicts an image with this content to be active."""
        return any(label.holds_in(content) for label in self.labels) and not any(
            claim.holds_in(content) for claim in self.suppressed_by
        )


def gaps(usual: Sequence[float], strongest: Sequence[float], high: float) -> list[float]:
    """Where the activations fall apart into heaps, the widest gaps first.

    Args:
        usual: the activations at every hundredth of the data, lowest first.
        strongest: activations above ``high``, in any order.
        high: the 0.95 quantile over the data.
    """
    values = np.array([*(value for value in usual if value < high), *sorted(strongest)])
    if len(values) < 2 * SUPPORT:
        return []
    reach = float(np.median(values[-2 * SUPPORT :]) - np.median(usual))
    widths = np.diff(values[: 1 - SUPPORT])
    wide = [i for i in np.argsort(-widths)[:GAPS].tolist() if widths[i] > GAP * reach]
    return [float(values[i] + values[i + 1]) / 2 for i in wide]


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a formula tells active images from the rest, over the data as far as it was seen."""

    precision: float
    recall: float
    phi: float
    """Correlation of predicted with active: 0 by chance, whatever share of the data is active."""


class Evidence:
    """Images whose captions were read, to judge formulas by."""

    def __init__(self, seen: Iterable[Seen]) -> None:
        """Take images of any origin."""
        self.seen = tuple(seen)
        self._values = np.array([one.value for one in self.seen])
        self._weights = np.array([one.weight for one in self.seen])
        self._held: dict[Claim, Bools] = {}

    def held(self, claim: Claim) -> Bools:
        """In which images a claim holds."""
        if claim not in self._held:
            self._held[claim] = np.array([claim.holds_in(one.content) for one in self.seen], bool)
        return self._held[claim]

    def quality(self, formula: Formula, threshold: float) -> Quality:
        """Judge a formula; 0.0 for what is not defined."""
        active, held = self._values > threshold, np.zeros(len(self.seen), bool)
        for label in formula.labels:
            held |= self.held(label)
        for claim in formula.suppressed_by:
            held &= ~self.held(claim)
        hit, said, there, total = (
            float(self._weights[some].sum()) for some in (active & held, held, active, ...)
        )
        spread = said * (total - said) * there * (total - there)
        return Quality(
            hit / said if said else 0.0,
            hit / there if there else 0.0,
            (hit * total - said * there) / spread**0.5 if spread > 0 else 0.0,
        )


@lru_cache(maxsize=64)
def guess(
    seen: tuple[Seen, ...], threshold: float, price: float, *, counting: bool = True
) -> tuple[Formula, ...]:
    """Formulas that fit what was seen, best first.

    Args:
        seen: images of the data.
        threshold: where active begins.
        price: what a word must at least add to F1, so that the simpler of two equals comes first.
        counting: whether there are words for several things of a kind.
    """
    active = np.array([one.value > threshold for one in seen], bool)
    weight = np.array([one.weight for one in seen], np.float32)
    claims, words, holds = _table(tuple(one.content for one in seen), counting)
    if not claims or active.all() or not active.any():
        return ()
    # What suppresses is never seen in an active image, and is simple where it can be found at all.
    loud, quiet = holds[:, active].sum(1), holds[:, ~active].sum(1)
    rows = np.flatnonzero((loud >= SUPPORT) | ((words <= 2) & (quiet >= 2 * SUPPORT)))
    chosen = [claims[i] for i in rows]
    search = _Search(chosen, words[rows], holds[rows], active, weight, price)
    scored = [search.formula(chosen) for chosen in search.best()]
    return tuple(formula for _, formula in sorted(scored, key=lambda pair: -pair[0]))


@lru_cache(maxsize=8)
def _table(
    contents: tuple[Claim, ...], counting: bool
) -> tuple[list[Claim], NDArray[np.int64], Floats]:
    """Claims that hold more than once or twice, in a fixed order; their words; where each holds."""
    places: dict[Claim, list[int]] = {}
    for column, content in enumerate(contents):
        for claim in content.parts():
            places.setdefault(claim, []).append(column)
    claims = sorted(
        claim
        for claim, columns in places.items()
        if len(columns) >= SUPPORT and (counting or not claim.counts)
    )
    holds = np.zeros((len(claims), len(contents)), np.float32)
    for row, claim in enumerate(claims):
        holds[row, places[claim]] = 1
    return claims, np.array([claim.words for claim in claims], np.int64), holds


class _Search:
    """A beam search over sets of labels, then over what suppresses."""

    def __init__(
        self,
        claims: list[Claim],
        words: NDArray[np.int64],
        holds: Floats,
        active: Bools,
        weight: Floats,
        price: float,
    ) -> None:
        self.claims, self.words, self.holds, self.price = claims, words, holds, price
        # Weights of the active images and of all of them: whatever is asked is a sum of these.
        self.weights = np.stack([weight * active, weight], 1).astype(np.float32)
        self.there = self.weights[:, 0].sum()

    def _f1(self, sums: Floats) -> Floats:
        """F1 from the weight of predicted images, active ones and all: shape (..., 2) to (...)."""
        result: Floats = 2 * sums[..., 0] / (sums[..., 1] + self.there)
        return result

    def best(self) -> list[tuple[int, ...]]:
        """Sets of labels, best first."""
        beam: dict[tuple[int, ...], float] = {(): 0.0}
        everything: dict[tuple[int, ...], float] = {}
        for _ in range(LABELS):
            grown: dict[tuple[int, ...], float] = {}
            for chosen in beam:
                free = self.weights * ~self._predicted(chosen)[:, None]
                sums = self.holds @ free + (self.weights - free).sum(0)
                cost = self.words + self.words[list(chosen)].sum()
                scores = self._f1(sums) - self.price * cost
                for i in np.argsort(-scores, kind="stable")[:BEAM].tolist():
                    if i not in chosen:
                        grown[tuple(sorted((*chosen, i)))] = float(scores[i])
            beam = dict(sorted(grown.items(), key=lambda item: -item[1])[:BEAM])
            if not beam or max(beam.values()) <= max(everything.values(), default=0.0):
                break
            everything |= beam
        return sorted(everything, key=lambda chosen: -everything[chosen])

    def formula(self, chosen: tuple[int, ...]) -> tuple[float, Formula]:
        """The labels, with what beside them tells silent images, and the score of both."""
        left = self.weights * self._predicted(chosen)[:, None]
        cost = self.words[list(chosen)].sum()
        best = float(self._f1(left.sum(0)) - self.price * cost)
        suppressing: list[int] = []
        for _ in range(2):
            scores = self._f1(left.sum(0) - self.holds @ left) - self.price * (cost + self.words)
            i = int(scores.argmax())
            if scores[i] <= best:
                break
            best, cost = float(scores[i]), cost + self.words[i]
            suppressing.append(i)
            left = left * (1 - self.holds[i])[:, None]
        labels, silent = ([self.claims[i] for i in some] for some in (chosen, suppressing))
        return best, Formula(tuple(labels), tuple(silent))

    def _predicted(self, chosen: tuple[int, ...]) -> Bools:
        return np.asarray(self.holds[list(chosen)].any(0), bool)
