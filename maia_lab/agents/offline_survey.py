"""Which labels tell a unit's active images from the rest, going by captions alone: a first guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from maia_lab.agents.offline_claims import Claim

LABELS = 5
BEAM = 5
SUPPORT = 3
"""Active images in which a claim must hold before it is looked at."""
GAP = 0.04
"""Least width of a gap between heaps, as a share of the way from the median to the top."""
GAPS = 4
REVISED = 12
"""Sets of labels for which it is asked what suppresses."""

Bools = NDArray[np.bool_]


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


def quality(formula: Formula, seen: Iterable[Seen], threshold: float) -> Quality:
    """Judge a formula; 0.0 for what is not defined."""
    hit = said = there = total = 0.0
    for one in seen:
        active, held = one.value > threshold, formula.holds_in(one.content)
        hit += one.weight * (active and held)
        said += one.weight * held
        there += one.weight * active
        total += one.weight
    spread = said * (total - said) * there * (total - there)
    return Quality(
        hit / said if said else 0.0,
        hit / there if there else 0.0,
        (hit * total - said * there) / spread**0.5 if spread > 0 else 0.0,
    )


@lru_cache(maxsize=64)
def guess(seen: tuple[Seen, ...], threshold: float, price: float) -> tuple[Formula, ...]:
    """Formulas that fit what was seen, best first.

    Args:
        seen: images of the data.
        threshold: where active begins.
        price: what a word must at least add to F1, so that the simpler of two equals comes first.
    """
    active = np.array([one.value > threshold for one in seen], bool)
    weight = np.array([one.weight for one in seen])
    holding = [one.content.parts() for one in seen]
    found = Counter(c for claims, on in zip(holding, active, strict=True) if on for c in claims)
    claims = sorted(claim for claim, n in found.items() if n >= SUPPORT)
    if not claims or active.all():
        return ()
    place = {claim: i for i, claim in enumerate(claims)}
    holds = np.zeros((len(claims), len(seen)), bool)
    for column, there in enumerate(holding):
        for claim in there & place.keys():
            holds[place[claim], column] = True
    search = _Search(claims, holds, active, weight, price)
    found = [search.formula(chosen) for chosen in search.best()[:REVISED]]
    return tuple(formula for _, formula in sorted(found, key=lambda pair: -pair[0]))


class _Search:
    """A beam search over sets of labels, then over what suppresses."""

    def __init__(
        self,
        claims: list[Claim],
        holds: Bools,
        active: Bools,
        weight: NDArray[np.float64],
        price: float,
    ) -> None:
        self.claims, self.holds, self.price = claims, holds, price
        self.active, self.weight = active, weight
        self.words = np.array([claim.words for claim in claims])
        self.there = float(weight[active].sum())

    def _f1(self, predicted: Bools) -> NDArray[np.float64]:
        weighted = predicted * self.weight
        hit, said = weighted[..., self.active].sum(-1), weighted.sum(-1)
        result: NDArray[np.float64] = 2 * hit / (said + self.there)
        return result

    def best(self) -> list[tuple[int, ...]]:
        """Sets of labels, best first."""
        beam: dict[tuple[int, ...], float] = {(): 0.0}
        everything: dict[tuple[int, ...], float] = {}
        for _ in range(LABELS):
            grown: dict[tuple[int, ...], float] = {}
            for chosen in beam:
                held = self.holds[list(chosen)].any(0)
                scores = self._f1(self.holds | held) - self.price * (
                    self.words + sum(self.words[i] for i in chosen)
                )
                for i in np.argsort(-scores, kind="stable")[:BEAM].tolist():
                    if i not in chosen:
                        grown[tuple(sorted((*chosen, i)))] = float(scores[i])
            beam = dict(sorted(grown.items(), key=lambda item: -item[1])[:BEAM])
            if not beam or max(beam.values()) <= max(everything.values(), default=0.0):
                break
            everything |= beam
        return sorted(everything, key=lambda chosen: -everything[chosen])

    def formula(self, chosen: tuple[int, ...]) -> tuple[float, Formula]:
        """The labels with whatever, where it holds beside them, tells silent images; and its score."""
        predicted = self.holds[list(chosen)].any(0)
        suppressing: list[int] = []
        best = float(self._f1(predicted)) - self.price * sum(self.words[i] for i in chosen)
        for _ in range(2):
            cost = sum(self.words[i] for i in (*chosen, *suppressing))
            scores = self._f1(predicted & ~self.holds) - self.price * (self.words + cost)
            i = int(scores.argmax())
            if scores[i] <= best:
                break
            best = float(scores[i])
            suppressing.append(i)
            predicted &= ~self.holds[i]
        labels, silent = ([self.claims[i] for i in some] for some in (chosen, suppressing))
        return best, Formula(tuple(labels), tuple(silent))
