"""A description of a unit as logic over scenes, and when two of them say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, combinations_with_replacement, product
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from maia_lab.scenes.concept import Concept
from maia_lab.scenes.lexicon import MANY
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS, SIZES, Scene, Thing

SAMPLE = 10_000
"""Random scenes over which extensions are compared."""


class Meaning(Protocol):
    """Anything that is true of some scenes and not of others."""

    def matches(self, scene: Scene) -> bool:
        """Whether it is true of a scene."""


@dataclass(frozen=True, slots=True)
class Description:
    """A unit is active where any label holds, and nothing that suppresses."""

    labels: tuple[Concept, ...] = ()
    suppressed_by: tuple[Concept, ...] = ()

    @classmethod
    def parse(cls, labels: Sequence[str], suppressed_by: Sequence[str] = ()) -> Description:
        """Read the labels of a conclusion.

        Raises:
            WordsError: one of them cannot be read.
        """
        return cls(tuple(map(Concept.parse, labels)), tuple(map(Concept.parse, suppressed_by)))

    @property
    def words(self) -> frozenset[str]:
        """Every attribute and background that it speaks of."""
        concepts = self.labels + self.suppressed_by
        said = {word for c in concepts for p in c.phrases for word in p.wanted.values()}
        return frozenset(said | {f"{c.background} background" for c in concepts if c.background})

    def matches(self, scene: Scene) -> bool:
        """Whether it says that the unit is active."""
        return any(label.matches(scene) for label in self.labels) and not any(
            concept.matches(scene) for concept in self.suppressed_by
        )


def equivalent(one: Description, other: Description) -> bool:
    """Whether two descriptions say the same of every scene: decided, not sampled."""
    return difference(one, other) is None


def difference(one: Description, other: Description) -> Scene | None:
    """A scene of which two descriptions say different things; None if there is none.

    Only finitely many scenes need to be looked at. What a thing is matters only by which of the
    phrases it satisfies, so one thing of each such kind will do. And where one description holds
    and the other does not, that stays so when all things are taken away but those that one label of
    the first needs, and those that whatever suppresses the second needs: taking things away makes
    no label and no suppressor come true.
    """
    most = max(
        _most(one.labels) + _most(other.suppressed_by),
        _most(other.labels) + _most(one.suppressed_by),
    )
    concepts = (*one.labels, *one.suppressed_by, *other.labels, *other.suppressed_by)
    kinds, grounds = list(_kinds(concepts)), _grounds(concepts)
    for size in range(min(most, MANY) + 1):
        for things in combinations_with_replacement(kinds, size):
            for ground in grounds:
                scene = Scene(ground, things)
                if one.matches(scene) != other.matches(scene):
                    return scene
    return None


def overlap(one: Meaning, other: Meaning) -> float:
    """Scenes of which both are true, as a share of those of which either is: 0 to 1.

    Over random scenes, always the same; two that are true of none of them overlap fully.
    """
    first, second = _extension(one), _extension(other)
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else 1.0


def nearer(truth: Meaning, one: Meaning, other: Meaning) -> Literal["win", "tie", "loss"]:
    """Whether one description overlaps with the truth more than another."""
    mine, theirs = overlap(truth, one), overlap(truth, other)
    return "tie" if mine == theirs else "win" if mine > theirs else "loss"


def agreement(descriptions: Sequence[Meaning]) -> float:
    """Mean overlap of every pair: how far runs of other seeds come to the same description.

    Raises:
        ValueError: there are no two of them.
    """
    if len(descriptions) < 2:
        raise ValueError("Agreement is between two descriptions at least.")
    return float(np.mean([overlap(*pair) for pair in combinations(descriptions, 2)]))


def _most(concepts: Sequence[Concept]) -> int:
    return max((len(concept.things) for concept in concepts), default=0)


def _kinds(concepts: Sequence[Concept]) -> Iterator[Thing]:
    """One thing for each set of phrases that a thing can satisfy at once."""
    phrases = {phrase for concept in concepts for phrase in concept.things}
    words = [
        _and_one_more({p.wanted[a] for p in phrases if a in p.wanted}, all_of)
        for a, all_of in ATTRIBUTES.items()
    ]
    seen = set()
    for shape, colour, texture, size in product(*words):
        thing = Thing(shape, colour, texture, 0.5, 0.5, sum(SIZES[size]) / 2)
        satisfied = frozenset(phrase for phrase in phrases if phrase.matches(thing))
        if satisfied not in seen:
            seen.add(satisfied)
            yield thing


def _grounds(concepts: Sequence[Concept]) -> list[str]:
    return _and_one_more({c.background for c in concepts if c.background}, BACKGROUNDS)


def _and_one_more(said: set[str], words: Sequence[str]) -> list[str]:
    """The words that were said, and one that stands for all that were not."""
    return [*sorted(said), *[word for word in words if word not in said][:1]]


def _extension(meaning: Meaning) -> NDArray[np.bool_]:
    return np.array([meaning.matches(scene) for scene in _scenes()])


@cache
def _scenes() -> list[Scene]:
    chance = stream("overlap of extensions")
    return [sample(chance) for _ in range(SAMPLE)]
