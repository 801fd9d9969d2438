"""What a unit seems to be about without one experiment: what any agent must do better than."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from maia_lab.errors import WordsError
from maia_lab.exemplars import Exemplars
from maia_lab.world import Labelled, WellRead, World, evenly

LOOKED_AT = 15
"""Exemplars the one-shot baseline sees: as many as a person is shown."""
SEARCHED = 3000
"""Images of the data that the search looks at, at most."""
BEAM, TERMS = 20, 3
"""Formulas that the search keeps, and terms of a formula at most."""
TOGETHER = 12
"""Pairs of concepts, as one term, that are looked at closely."""
SUPPORT = 3
"""Images, at least, in which a concept must be there, and not be there."""
PRICE = 0.01
"""What a term must add to the correlation."""
LEAST = 0.15
"""Correlation below which nothing is found: the best of so many formulas gets 0.1 by chance."""

Floats = NDArray[np.float64]
Formula = tuple[tuple[int, ...], tuple[int, ...]]
"""Terms any of which is wanted, and terms none of which is."""
Said = tuple[tuple[str, ...], tuple[str, ...]]
"""Labels, and what suppresses."""


def one_shot(world: World, exemplars: Exemplars, seed: int = 0) -> Said:
    """What one look at the exemplars says: their most enriched phrase.

    Enrichment is the share of the top exemplars that show a phrase, minus its share in a random
    sample of the data; ties go to the shorter phrase.
    """
    data = world.data
    top = exemplars.positions("top", LOOKED_AT)
    sample = np.random.default_rng(seed).choice(len(data), min(200, len(data)), replace=False)
    found = Counter(c for i in top for c in _concepts(world, i))
    usual = Counter(c for i in sample for c in _concepts(world, int(i)))
    if not found:
        return (), ()

    def excess(concept: str) -> float:
        return found[concept] / len(top) - usual[concept] / len(sample)

    best = min(found, key=lambda c: (-excess(c), len(c), c))
    return ((best,), ()) if excess(best) > 0 else ((), ())


def search(world: World, exemplars: Exemplars) -> Said:
    """What the labelled data say: the formula that fits the activations best.

    A beam search, after the compositional explanations of Mu and Andreas (2020), over any of
    several terms and none of others, each term a concept or two together; judged by correlation
    with the activation, so that no threshold is needed. Empty where nothing fits.
    """
    # Spread over the data: a folder's images lie there class by class.
    some = evenly(len(exemplars.sampled), SEARCHED)
    table = _table(world, tuple(exemplars.sampled[some].tolist()))
    values = np.asarray(exemplars.values[some], float)
    if not np.isfinite(values).all() or np.ptp(values) == 0 or not table.names:
        return (), ()
    terms, held = table.with_pairs(values)
    names = [" ".join(f"and a {t}" for t in term)[4:] if term[1:] else term[0] for term in terms]
    cost = np.array([PRICE * len(term) for term in terms])
    counts, totals = held.sum(1), held @ values
    grades = _fit(counts, totals, values) - cost
    first = np.argsort(-grades, kind="stable")[:BEAM].tolist()
    beam: dict[Formula, float] = {((i,), ()): float(grades[i]) for i in first}
    best = dict(beam)
    for _ in range(TERMS - 1):
        grown: dict[Formula, float] = {}
        for wanted, unwanted in beam:
            now = held[list(wanted)].max(0) * (1 - held[list(unwanted)].max(0, initial=0))
            paid = cost[[*wanted, *unwanted]].sum() + cost
            shared, sums = held @ now, held @ (now * values)
            more = _fit(
                now.sum() + held.sum(1) - shared, now @ values + held @ values - sums, values
            )
            less = _fit(now.sum() - shared, now @ values - sums, values)
            for i in np.argsort(-(more - paid), kind="stable")[:BEAM].tolist():
                if not unwanted and i not in wanted:
                    grown[tuple(sorted((*wanted, i))), ()] = float(more[i] - paid[i])
            for i in np.argsort(-(less - paid), kind="stable")[:BEAM].tolist():
                if i not in unwanted:
                    grown[wanted, tuple(sorted((*unwanted, i)))] = float(less[i] - paid[i])
        beam = dict(sorted(grown.items(), key=lambda item: -item[1])[:BEAM])
        best |= beam
    (wanted, unwanted), grade = max(best.items(), key=lambda item: item[1])
    if grade < LEAST:
        return (), ()
    return tuple(names[i] for i in wanted), tuple(names[i] for i in unwanted)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Which concept holds in which image of the data."""

    world: World
    images: tuple[int, ...]
    """Their positions in the data."""
    names: tuple[str, ...]
    held: Floats
    """0 or 1, shape (concepts, images)."""

    def with_pairs(self, values: Floats) -> tuple[list[tuple[str, ...]], Floats]:
        """The concepts, and the most promising pairs: two that are there at once, side by side."""
        shared, sums = self.held @ self.held.T, (self.held * values) @ self.held.T
        grades = np.triu(_fit(shared, sums, values), 1)
        grades[np.triu(shared, 1) < SUPPORT] = 0
        terms: list[tuple[str, ...]] = [(name,) for name in self.names]
        rows = [self.held]
        for place in np.argsort(-grades, axis=None, kind="stable")[:TOGETHER].tolist():
            i, j = divmod(place, len(self.names))
            if i >= j:
                break
            label = f"a {self.names[i]} and a {self.names[j]}"
            row = self.held[i] * self.held[j]
            try:
                # One thing that is both is not two: the words decide what the pair means.
                for at in np.flatnonzero(row).tolist():
                    row[at] = _matches(self.world, label, self.images[at])
            except WordsError:
                break
            if SUPPORT <= row.sum() <= len(row) - SUPPORT:
                terms.append((self.names[i], self.names[j]))
                rows.append(row[None])
        return terms, np.concatenate(rows)


@lru_cache(2)
def _table(world: World, images: tuple[int, ...]) -> _Table:
    n = len(images)
    if isinstance(world.words, WellRead):
        every = list(world.words.concepts_of(world.data))
        there = [every[i] for i in images]
    else:
        there = [_concepts(world, i) for i in images]
    count = Counter(concept for one in there for concept in one)
    names = tuple(sorted(c for c, k in count.items() if SUPPORT <= k <= n - SUPPORT))
    place = {name: row for row, name in enumerate(names)}
    held = np.zeros((len(names), n))
    for column, one in enumerate(there):
        held[[place[concept] for concept in one if concept in place], column] = 1
    return _Table(world, images, names, held)


def _concepts(world: World, index: int) -> frozenset[str]:
    if isinstance(world.data, Labelled):
        return world.data.concepts(index)
    return frozenset() if world.words is None else world.words.concepts(world.data[index])


def _matches(world: World, label: str, index: int) -> bool:
    if isinstance(world.data, Labelled):
        return world.data.matches(label, index)
    return world.words is not None and world.words.matches(label, world.data[index])


def _fit(count: Floats, total: Floats, values: Floats) -> Floats:
    """Pearson's r of formulas with the activation, from how many images each predicts.

    Args:
        count: images predicted, for each formula.
        total: the sum of their activations.
        values: all activations.
    """
    share = np.asarray(count) / len(values)
    spread = np.sqrt((share * (1 - share)).clip(1e-12)) * values.std()
    fit: Floats = (np.asarray(total) / len(values) - share * values.mean()) / spread
    return np.where((share > 0) & (share < 1), fit, 0.0)
