"""Spurious features: what labelling units by intervention is worth to a head fitted on biased data.

Four things and four backgrounds are drawn for each seed; the data to learn from show each thing on
its own background. Regime A trains the units on those data as well; in B one image in twenty breaks
the rule, with units that met everything; in C none does, with the same units. C is what is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from maia_lab import heads
from maia_lab.bench.table import Row, Table
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import BACKGROUNDS, KINDS, Scene
from maia_lab.selectivity import SELECTIVE, Selectivity
from maia_lab.systems.planted import Drawn, PlantedNet, diverse, train

CLASSES, EACH, TESTED = 4, 100, 20
"""Things and as many backgrounds; images a class to learn from; test images of each pair."""
REPLICATES, CANDIDATES, DRAWS = 6, 64, 10
"""Things of a class that are moved; units that ℓ1 picks; random choices of as many units."""
EPOCHS = 16
"""Of regime A's units on their few images."""
GOALS = {"all": ">= 0.106", "l1": ">= 0.080", "random": ">= 0.132"}
"""What the paper's selection gained over each."""

Labelled = tuple[list[Scene], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Accuracies:
    """On the balanced test, by what the head was fitted on."""

    all: float
    ours: float
    l1: float
    random: float
    """Mean over :data:`DRAWS` choices."""
    oracle: float
    """As many units, those whose answers on balanced data tell the classes best."""
    probes: float
    """The selected units, the head fitted on the probes themselves."""
    balanced: float
    kept: int

    @property
    def closed(self) -> float:
        """Share of the way from all units to balanced data; 0 where there is no way to go."""
        way = self.balanced - self.all
        return (self.ours - self.all) / way if way > 0 else 0.0


def spurious(seeds: Sequence[int]) -> Table:
    """Measure the three regimes."""
    trunk = diverse()
    rows: list[Row] = []
    for regime in "CAB":
        found = [measure(regime, trunk, seed) for seed in seeds]
        before = "" if regime == "C" else f"{regime}/"
        judged = regime == "C"
        for other, goal in GOALS.items():
            gains = [each.ours - getattr(each, other) for each in found]
            name = f"{before}gain/{other}"
            rows.append(Row.mean(name, gains, goal if judged else ""))
            if judged:
                rows.append(replace(rows[-1], name=f"{name} above 0", goal="> 0"))
        # A ratio of means: a seed on which there is hardly a way to go must not decide.
        way = Row.mean("", [each.balanced - each.all for each in found]).value
        gone = [(each.ours - each.all) / way if way > 0 else 0.0 for each in found]
        rows.append(Row.mean(f"{before}gap-closed", gone, ">= 0.79" if judged else ""))
        rows += [
            Row.mean(f"{before}accuracy/{what}", [getattr(each, what) for each in found])
            for what in ("all", "l1", "random", "ours", "oracle", "probes", "balanced")
        ]
        rows.append(Row.mean(f"{before}units kept", [float(each.kept) for each in found]))
    return Table("spurious", tuple(seeds), tuple(rows))


def measure(regime: str, trunk: PlantedNet, seed: int) -> Accuracies:
    """One seed of one regime."""
    rng = stream(f"spurious {regime}", seed)
    things = [str(word) for word in rng.choice(KINDS, CLASSES, replace=False)]
    grounds = [str(word) for word in rng.choice(BACKGROUNDS, CLASSES, replace=False)]

    def drawn(pairs: Sequence[tuple[int, int]]) -> tuple[Drawn, NDArray[np.int64]]:
        scenes = [sample(rng, [{"shape": things[t]}], grounds[g]) for t, g in pairs]
        return Drawn.of(scenes), np.array([t for t, _ in pairs])

    cells = [(t, g) for t in range(CLASSES) for g in range(CLASSES)]
    strict = [(t, t) for t in range(CLASSES)]
    loose = round(0.05 * EACH) if regime == "B" else 0
    free = [(t, (t + 1 + i % (CLASSES - 1)) % CLASSES) for t, _ in strict for i in range(loose)]
    images, labels = drawn(strict * (EACH - loose) + free)
    test_images, tested = drawn(cells * TESTED)
    even_images, evenly = drawn(cells * (EACH // CLASSES))
    # One thing a replicate and class, moved to every background: nothing else changes.
    bases = [drawn([(t, t)])[0].scenes[0] for _ in range(REPLICATES) for t in range(CLASSES)]
    probes = Drawn.of([replace(base, background=g) for base in bases for g in grounds])

    net = trunk if regime != "A" else train(images, [torch.from_numpy(labels)], EPOCHS, seed)
    biased, test, even, probed = map(net.read, (images, test_images, even_images, probes))
    picked = heads.ranked(biased, labels)
    answers = probed.reshape(REPLICATES, CLASSES, CLASSES, -1)
    kept = [
        unit
        for unit in picked[:CANDIDATES]
        if Selectivity.of(answers[..., unit]).verdict == SELECTIVE
    ]

    def accuracy(
        units: Sequence[int] | None,
        x: NDArray[np.float64] = biased,
        y: NDArray[np.int64] = labels,
    ) -> float:
        return heads.tuned(x, y, units).accuracy(test, tested)

    n, chance = len(kept), np.random.default_rng(seed)
    if n == 0:
        return Accuracies(*(accuracy(None),) * 6, accuracy(None, even, evenly), 0)
    truly = np.repeat(np.tile(np.arange(CLASSES), REPLICATES), CLASSES)
    choices = [chance.permutation(biased.shape[1])[:n].tolist() for _ in range(DRAWS)]
    return Accuracies(
        all=accuracy(None),
        ours=accuracy(kept),
        l1=accuracy(picked[:n]),
        random=float(np.mean([accuracy(units) for units in choices])),
        oracle=accuracy(heads.ranked(even, evenly)[:n]),
        probes=accuracy(kept, probed, truly),
        balanced=accuracy(None, even, evenly),
        kept=n,
    )
