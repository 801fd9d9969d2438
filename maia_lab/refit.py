"""Heads fitted on biased data, by which units they read; beside what balanced data would teach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from maia_lab import heads, plots
from maia_lab.heads import Head, Path, Sample
from maia_lab.plots import Plot

DRAWS = 10
"""Random choices of as many units."""
SLACK = 0.02
"""Accuracy that may be missing where a classifier already generalises …"""
UNSURE = 0.1
"""… and where the test is small, at most: what few images cannot tell is no sign that it does."""


@dataclass(frozen=True)
class Refit:
    """All heads of one study, each fitted once."""

    data: Sample
    """Biased: all heads but three are fitted here."""
    held_out: Sample
    probes: Sample
    """Things set before every background."""
    taught: Sample
    """Other ones, for a head that learns from them."""
    balanced: bool
    """Whether the held-out images are."""
    kept: tuple[int, ...]
    """The units that were called selective."""

    @cached_property
    def every(self) -> Path:
        """Reading all units."""
        return heads.path(self.data)

    @cached_property
    def ours(self) -> Path:
        """Reading the selective units."""
        return heads.path(self.data, self.kept)

    @cached_property
    def lasso(self) -> Path:
        """Reading as few units as an ℓ1 penalty of each strength leaves."""
        return heads.path(self.data, penalty="l1")

    @property
    def fair(self) -> Sample:
        """The images that show what a head goes by: balanced ones, or else the moved things."""
        return self.held_out if self.balanced else self.probes

    def rows(self, seed: int) -> Iterator[tuple[str, str, str, str]]:
        """Each head: what it reads, how many units, and its accuracy on both tests."""
        n, total, chance = len(self.kept), self.data.x.shape[1], np.random.default_rng(seed)
        own = self.lasso.best.units
        yield self._row("all units", total, [self.every.best])
        yield self._row("ℓ1, its own number", len(own), [heads.tuned(self.data, own)])
        if n:
            first = heads.ranked(self.data, n)
            drawn = [chance.permutation(total)[:n].tolist() for _ in range(DRAWS)]
            again = heads.tuned(self.taught, self.kept)
            yield self._row("ℓ1, as many", n, [heads.tuned(self.data, first)])
            yield self._row("random, as many", n, [heads.tuned(self.data, d) for d in drawn])
            yield self._row("SELECTIVE units", n, [self.ours.best])
            yield self._row("SELECTIVE, taught by moved things", n, [again])
        if self.balanced:
            yield from self._bounds(n)

    def _bounds(self, n: int) -> Iterator[tuple[str, str, str, str]]:
        # Each half of the balanced images teaches what is tested on the other.
        even, tests = zip(*self.held_out.halves, strict=True)
        if n:
            best = [heads.ranked(some, n) for some in even]
            oracle = [heads.tuned(self.data, units) for units in best]
            few = [heads.tuned(some, units) for some, units in zip(even, best, strict=True)]
            yield self._row("oracle's units", n, oracle, tests)
            yield self._row("ℓ1, as many, balanced data", n, few, tests)
        whole = [heads.tuned(some) for some in even]
        total = self.data.x.shape[1]
        yield self._row("all units, balanced data", total, whole, tests)

    def remark(self) -> str:
        """What a reader of the rows must know."""
        of = self.data.name
        said = [
            f"Fitted on {of}, where nothing else is said, and tuned by cross-validation; with"
            f" balanced data: on one half of the {self.held_out.name}, tested on the other, both"
            " ways. Oracle's units: those that tell balanced data best."
            if self.balanced
            else f"Fitted on {of} and tuned by cross-validation. The held-out images are biased as"
            " those are; what a head goes by shows on the moved things (--balanced FOLDER gives"
            " images to test on)."
        ]
        best, found = self.every.validated.max(), self.every.best.accuracy(self.fair)
        slack = max(SLACK, min(UNSURE, 2 * (found * (1 - found) / len(self.fair.y)) ** 0.5))
        if best - found <= slack:
            said.append(
                f"The classifier already generalises: {found:.3f} of {self.fair.name} right,"
                f" {best:.3f} by cross-validation. There is little to gain."
            )
        if not self.kept:
            said.append("No unit was called SELECTIVE: there is no head to refit.")
        return " ".join(said)

    def curve(self) -> Plot:
        """Accuracy over the strength of the penalty, beside what cross-validation sees of it."""
        lines = {"all units": self.every, "ℓ1": self.lasso}
        lines |= {"SELECTIVE units": self.ours} if self.kept else {}
        return plots.course(
            heads.STRENGTHS,
            {
                name: ([head.accuracy(self.fair) for head in path.heads], path.validated.tolist())
                for name, path in lines.items()
            },
            f"strength of the penalty; dot: as tuned; dashed: cross-validated on {self.data.name}",
            f"accuracy on {self.fair.name}",
        )

    def _row(
        self, name: str, units: int, some: Sequence[Head], tests: Sequence[Sample] = ()
    ) -> tuple[str, str, str, str]:
        held_out = tests or [self.held_out] * len(some)
        return (name, str(units), _mean(some, held_out), _mean(some, [self.probes] * len(some)))


def _mean(some: Sequence[Head], tests: Sequence[Sample]) -> str:
    found = [head.accuracy(test) for head, test in zip(some, tests, strict=True)]
    spread = f" ± {np.std(found):.3f}" if len(found) > 2 else ""
    return f"{np.mean(found):.3f}{spread}"
