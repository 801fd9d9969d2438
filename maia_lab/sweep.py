"""Which contexts lower a score: found among many, each corrected for having looked at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.comparison import difference
from maia_lab.contexts import Context, Contexts, Varied
from maia_lab.errors import WorldError
from maia_lab.observation import Measurement
from maia_lab.slices import Slices
from maia_lab.system import System

if TYPE_CHECKING:
    from maia_lab.gallery import Gallery
    from maia_lab.tools import Tools

ALPHA = 0.01
"""Of taking chance for an effect anywhere in a sweep, after Bonferroni."""
Values = Sequence[float] | NDArray[np.floating]
LEAST = 3
"""Images of a context that can be judged at all."""
MOST = 5
"""Effects of one sweep that are named, the strongest first."""
MATTERS = 0.15
"""Least share of the score whose loss is worth naming."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A context that changes the score."""

    context: Context
    unless: bool
    """Whether the score is low everywhere but there."""
    p: float
    """Of no effect, two-sided, times the number of contexts that were looked at."""

    def low_in(self, context: frozenset[str]) -> bool:
        """Whether it lowers the score of an image."""
        return context.issuperset(self.context) != self.unless


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """What ``tools.sweep`` returns: print it; ``tools.display(sweep.worst)`` shows images."""

    contexts: Varied
    effects: tuple[Effect, ...]
    """The clearest first."""
    measured: Mapping[str, Measurement]
    """By condition: without the thing, with it otherwise, and one for each effect."""
    looked: int
    """Contexts, of one side or two, that were compared."""
    worst: dict[str, list[Image.Image]]
    """Images of each effect's condition, the lowest first; only then all."""

    @classmethod
    def drawn(
        cls, contexts: Contexts, tools: Tools, system: System, n: int, seed: int, *, around: bool
    ) -> Sweep:
        """Draw a thing in many contexts, crossed evenly, and compare what lowers the score."""
        chance = np.random.default_rng([tools.seed, seed])
        rows = contexts.design(n, chance, around)
        images = drawn(tools, contexts, rows, seed)
        others = contexts.others()
        names = [others[i % len(others)] for i in range(max(20, n // 8))]
        absent = [
            contexts.prompt(row, instead=name) for row, name in zip(rows, names, strict=False)
        ]
        values = system.values(images).tolist()
        found, looked = effects(rows, values)
        low: dict[str, list[int]] = {}
        spared = set(range(len(rows)))
        for effect in found:
            held = [i for i in np.argsort(values).tolist() if effect.low_in(rows[i])]
            # Images that lose by what was found before say little of what they lose by this.
            name = contexts.name(effect.context, unless=effect.unless)
            low[name] = [i for i in held if i in spared] or held
            spared -= set(held)
        spared = spared or set(range(len(rows)))
        groups = {
            without(contexts.what): tools.text2image(absent, seed=seed),
            otherwise(contexts.what): [images[i] for i in sorted(spared)],
        }
        groups |= {name: [images[i] for i in held] for name, held in low.items()}
        compared = tools.compare(groups, control=otherwise(contexts.what))
        measured = {m.condition: m for m in compared.conditions}
        return cls(
            contexts, tuple(found), measured, looked, {name: groups[name][:8] for name in low}
        )

    @classmethod
    def sliced(cls, slices: Slices, tools: Tools, n: int, seed: int) -> Sweep:
        """Compare photographs of a class: every edit of each, and every slice of them."""
        images = tools.dataset_labelled(slices.labels, n // 8, seed)
        rest = otherwise(slices.what)
        groups = {without(slices.what): tools.dataset_labelled(slices.rest, n // 8, seed)}
        groups |= {rest: images}
        for name in slices.own["edit"]:
            groups[slices.name([name])] = tools.edit_images(images, name)[0][1::2]
        for label in slices.own["label"]:
            groups[slices.name([label])] = tools.dataset_labelled(label, n // 8, seed)
        if poor := [name for name, some in groups.items() if len(some) < 2]:
            raise WorldError(poor[0], "has fewer than two images", "give more of them")
        measured = {m.condition: m for m in tools.compare(groups, control=rest).conditions}
        words = slices.conditions()
        found = []
        for word in words:
            below = difference(measured[slices.name([word])], measured[rest])
            if below.value < 0 and (p := min(1.0, below.p * len(words))) <= ALPHA:
                found.append(Effect((word,), False, p))
        found.sort(key=lambda effect: effect.p)
        names = [slices.name(effect.context) for effect in found]
        kept = {n: m for n, m in measured.items() if n in (without(slices.what), rest, *names)}
        worst = {
            name: [groups[name][i] for i in np.argsort(measured[name].values)[:8]] for name in names
        }
        return cls(slices, tuple(found), kept, len(words), worst)

    def __str__(self) -> str:
        """A line for each effect, with what its images lose and how many are missed."""
        what, rest = self.contexts.what, self.measured[otherwise(self.contexts.what)]
        zero = self.measured[without(what)]
        head = (
            f"{what}: {rest.mean:.3g} with it, {zero.mean:.3g} without; {self.looked} contexts"
            " compared"
        )
        if not self.measurable:
            return f"{head}. The score does not tell images with it from those without."
        lines = [head]
        for effect in self.effects:
            m = self.measured[self.contexts.name(effect.context, unless=effect.unless)]
            if raised(rest, zero):
                gone, away = lost(m.values, rest.values, zero.values), missed(m, rest, zero)
                said = f"loses {gone:.0%}, {away} of {m.n} missed"
            else:  # Of a score that does not rise with the thing no share can be lost.
                said = f"{m.mean:.3g}"
            lines.append(f"  {m.condition}: {said}, p {effect.p:.1g}")
        return "\n".join(lines if self.effects else [*lines, "  none lowers the score."])

    __repr__ = __str__

    @property
    def measurable(self) -> bool:
        """Whether the thing raises the score at all."""
        return bool(self.effects) or raised(
            self.measured[otherwise(self.contexts.what)], self.measured[without(self.contexts.what)]
        )


def drawn(
    gallery: Gallery, contexts: Contexts, rows: Sequence[Collection[str]], seed: int
) -> list[Image.Image]:
    """Draw a thing in each of several contexts: by words, then moved where one says so."""
    images = gallery.text2image([contexts.prompt(row) for row in rows], seed=seed)
    moves = {i: move for i, row in enumerate(rows) if (move := contexts.move(row))}
    if moves:
        moved, _ = gallery.edit_images([images[i] for i in moves], [*moves.values()], seed)
        for i, image in zip(moves, moved[1::2], strict=True):
            images[i] = image
    return images


def without(what: str) -> str:
    """The condition of images that do not show it: there the score is at its zero."""
    return f"without {what}"


def otherwise(what: str) -> str:
    """The condition of images that show it, in no context that lowers the score."""
    return f"{what}: otherwise"


def effects(rows: Sequence[frozenset[str]], values: Sequence[float]) -> tuple[list[Effect], int]:
    """Explain values by contexts of one side or two, one after the other, the clearest first.

    A single word explains more than its pairs where it alone matters, and less where only a pair
    does: so the one that explains most is the one to name. Each step tests what the former left.

    Args:
        rows: the context of each image.
        values: its score.

    Returns:
        The effects, and how many contexts were looked at.
    """
    from scipy.special import stdtr

    words = sorted(frozenset.union(*rows))
    each = {word: np.array([word in row for row in rows]) for word in words}
    held: dict[Context, NDArray[np.bool_]] = {(w,): each[w] for w in words}
    held |= {(a, b): each[a] & each[b] for a, b in combinations(words, 2)}
    total = len(rows)
    contexts = [c for c, is_so in held.items() if LEAST <= is_so.sum() <= total - LEAST]
    if not contexts:
        return [], 0
    design = np.array([held[c] for c in contexts], float)
    n = design.sum(1)
    wanted = np.array(values, float)
    chosen: list[int] = []
    found: list[Effect] = []
    left = wanted - wanted.mean()
    while len(found) < MOST:
        # Of every context: the difference between its images and all others, and what it explains.
        mean = design @ left / n
        apart = mean * total / (total - n)
        explains = apart**2 * n * (total - n) / total
        best = int(explains.argmax())
        rest = max(float((left**2).sum() - explains[best]), 1e-12)
        freedom = max(total - 2 - len(chosen), 1)
        t = (explains[best] / (rest / freedom)) ** 0.5
        p = min(1.0, float(2 * stdtr(freedom, -t)) * len(contexts))
        if p > ALPHA or best in chosen:
            break
        chosen.append(best)
        fit = np.column_stack([np.ones(total), design[chosen].T])
        weights: NDArray[np.float64] = np.linalg.lstsq(fit, wanted, rcond=None)[0]
        left = wanted - fit @ weights
        found.append(Effect(contexts[best], bool(weights[-1] > 0), p))
    return found, len(contexts)


def lost(low: Values, rest: Values, zero: Values) -> float:
    """Share of what the thing adds to the score that a context takes away: 1 is all of it."""
    base = float(np.mean(zero))
    return float(1 - (np.mean(low) - base) / (np.mean(rest) - base))


def missed(m: Measurement, rest: Measurement, zero: Measurement) -> int:
    """Images whose score is nearer to those without the thing than to the others with it."""
    between = (rest.mean + zero.mean) / 2
    return sum(value < between for value in m.values)


def raised(rest: Measurement, zero: Measurement) -> bool:
    """Whether images with the thing score higher than those without, beyond chance."""
    error = (rest.sd**2 / rest.n + zero.sd**2 / zero.n) ** 0.5
    return bool(rest.mean - zero.mean > 3 * error)
