"""A concept: a few things and a background, as said in words and as found in a scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from maia_lab.scenes.grammar import understand
from maia_lab.scenes.phrase import ORDER, Phrase
from maia_lab.scenes.scene import Scene, Thing


@dataclass(frozen=True, slots=True)
class Concept:
    """Things, each another one, and a background: all of it must be there."""

    phrases: tuple[Phrase, ...] = ()
    background: str | None = None

    @classmethod
    def parse(cls, text: str) -> Concept:
        """Read ``"red"``, ``"two red circles"``, ``"a circle and a star on grass"``.

        Raises:
            WordsError: a word is not known, or the words do not make a concept.
        """
        return cls(*understand(text))

    @classmethod
    def of(cls, scene: Scene) -> Concept:
        """All that a scene holds, identical things counted."""
        kinds = Counter(
            Phrase(thing.size, thing.colour, thing.texture, thing.shape) for thing in scene.things
        )
        return cls(
            tuple(replace(kind, count=count) for kind, count in kinds.items()), scene.background
        )

    @property
    def things(self) -> list[Phrase]:
        """One phrase for each thing there is at least."""
        return [phrase for phrase in self.phrases for _ in range(phrase.count or 1)]

    def matches(self, scene: Scene) -> bool:
        """Whether a scene holds it: as many things as were said, or more."""
        if self.background not in (None, scene.background):
            return False
        return _assign(self.things, scene.things)

    def __str__(self) -> str:
        """The canonical phrase: :meth:`parse` reads it as the same concept."""
        if len(self.phrases) == 1 and self.background is None:
            return str(self.phrases[0])
        return self.say()

    def say(self, *, article: bool = False) -> str:
        """Put the concept in words, with articles or without."""
        ground = f"{'a ' * article}{self.background} background"
        if not self.phrases:
            return ground
        *first, last = (phrase.say(article=article) for phrase in self.phrases)
        things = f"{', '.join(first)} and {last}" if first else last
        return things if self.background is None else f"{things} on {ground}"


def concepts(scene: Scene) -> frozenset[str]:
    """Every short phrase that is true of a scene: one or two words of a thing, its background."""
    found = {f"{scene.background} background"}
    for thing in scene.things:
        words = [getattr(thing, attribute) for attribute in ORDER]
        found.update(words, map(" ".join, combinations(words, 2)))
    return frozenset(found)


def _assign(phrases: Sequence[Phrase], things: Sequence[Thing]) -> bool:
    """Whether every phrase finds a thing of its own."""
    if not phrases:
        return True
    return any(
        _assign(phrases[1:], [*things[:i], *things[i + 1 :]])
        for i, thing in enumerate(things)
        if phrases[0].matches(thing)
    )
