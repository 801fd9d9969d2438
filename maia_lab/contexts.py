"""The contexts that one kind of thing can be drawn in: what it is like, where, beside what."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby, product
from typing import TypeVar

import numpy as np

from maia_lab.errors import WordsError, WorldError

SPECIAL = ("number", "background", "edit", "label")
"""Kinds of words that are not said of a single thing."""
SIDES = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
"""Where a thing may be, each with the side that it is not on then."""
ALONE = "alone"
"""The circumstance that is none."""
UNLESS = "unless "
ANYWHERE = "any context"
"""What stands for all contexts alike."""

T = TypeVar("T")
Context = tuple[str, ...]
"""What is so at once, each word or phrase for one side of it: ``("red", "on snow")``."""


class Varied:
    """What can be so of a thing, and what each of it is called.

    Attributes:
        what: the thing, in words: ``fish``, ``red boat``, ``red``.
        own: for each side of the thing and its background, what it can be.
        around: what else can be so: its number, its place, what is beside it.
    """

    what: str
    own: dict[str, tuple[str, ...]]
    around: dict[str, tuple[str, ...]]

    def name(self, context: Sequence[str], *, unless: bool = False) -> str:
        """What a condition is called: ``fish: red, on snow``, ``fish: unless on grass``."""
        return f"{self.what}: {UNLESS * unless}{', '.join(context)}"

    def read(self, name: str) -> tuple[Context, bool]:
        """A condition's context, and whether all others are meant.

        Raises:
            WordsError: it is not written as :meth:`name` does.
        """
        said = name.removeprefix(f"{self.what}: ")
        context = tuple(said.removeprefix(UNLESS).split(", "))
        known = [w for words in (*self.own.values(), *self.around.values()) for w in words]
        if not name.startswith(f"{self.what}: ") or not {*known} >= {*context}:
            raise WordsError(
                name,
                "is no context that can be shown",
                f"write it as {self.name(known[:1])!r}, of: {', '.join(sorted(known))}",
            )
        return context, said.startswith(UNLESS)


class Contexts(Varied):
    """Everything that can be varied about a thing, and how it is then drawn."""

    def __init__(self, what: str, vocabulary: Mapping[str, tuple[str, ...]]) -> None:
        """Read what is drawn.

        Args:
            what: in words of the vocabulary.
            vocabulary: as :attr:`maia_lab.world.World.vocabulary`.

        Raises:
            WorldError: there are no words to vary anything with.
            WordsError: a word of the thing is not known.
        """
        kinds = {kind: words for kind, words in vocabulary.items() if kind not in SPECIAL}
        if not kinds:
            raise WorldError(
                "the data",
                "has neither words that a generator can draw nor labels",
                "name a generator of images (--generator), or sort the images into a folder for"
                " each label",
            )
        nouns, *_ = kinds
        said = [w for w in re.findall(r"[\w-]+", what.lower()) if w not in ("a", "an", "the")]
        fixed = {kind: word for word in said for kind, words in kinds.items() if word in words}
        if not said or len(fixed) < len(said):
            known = "; ".join(f"{kind}: {', '.join(words)}" for kind, words in kinds.items())
            raise WordsError(
                what,
                "is nothing that can be drawn here",
                f"say what images of the class show (--shows) in these words: {known}",
            )
        self.what, self._fixed, self._nouns = " ".join(said), fixed, nouns
        self._thing = self.what if nouns in fixed else f"{self.what} thing"
        self._order = [*reversed([kind for kind in kinds if kind != nouns]), nouns]
        self._kinds = kinds
        grounds = vocabulary.get("background", ())
        self.own = {kind: words for kind, words in kinds.items() if kind not in fixed}
        if grounds:
            self.own["background"] = tuple(f"on {ground}" for ground in grounds)
        # More than two of it hardly find room, and would be another word for two of it.
        self._two = vocabulary.get("number", ())[:1]
        self.around = {"circumstance": (ALONE, *self._two, *(f"at the {side}" for side in SIDES))}
        beside = (beside_a(word) for word in kinds[nouns] if word != fixed.get(nouns))
        self.around["neighbour"] = (ALONE, *beside)
        for kind in self._order[:-1]:
            # What a neighbour is like: nothing where there is none.
            # Where the thing is whatever is red, a red neighbour would be another of it.
            words = [w for w in kinds[kind] if nouns in fixed or w != fixed.get(kind)]
            self.around[f"neighbour's {kind}"] = tuple(beside_a(f"{w} thing") for w in words)

    def design(
        self, n: int, chance: np.random.Generator, around: bool = False
    ) -> list[frozenset[str]]:
        """Contexts in which everything is crossed with everything, as evenly as ``n`` allows."""
        factors = (self.around if around else {}) | self.own
        ranked = sorted(factors, key=lambda factor: -len(factors[factor]))
        # Every pair of the two largest factors as often as any other, and of the largest with each
        # of the rest, which else falls as it may.
        grid = list(product(*(factors[factor] for factor in ranked[:2])))
        rows = [list(row) for row in sorted(_tiled(grid, n, chance), key=lambda row: row[0])]
        for factor in ranked[2:]:
            for _, alike in groupby(rows, key=lambda row: row[0]):
                some = list(alike)
                for row, word in zip(some, _tiled(factors[factor], len(some), chance), strict=True):
                    row.append(word)
        # No neighbour, nothing that it is like.
        at = ranked.index("neighbour") if around else 0
        said = [[w for w in r if r[at] != ALONE or not w.startswith("beside ")] for r in rows]
        return [frozenset(said[i]) - {ALONE} for i in chance.permutation(n)]

    def prompt(self, context: Collection[str] = (), *, instead: str = "") -> str:
        """Words to draw it from; ``instead`` of its last word, another of the same kind."""
        kind = list(self._fixed)[-1]
        words = self._fixed | ({kind: instead} if instead else {})
        words |= {k: w for k in self._order for w in context if k in self.own and w in self.own[k]}
        said = [words.get(kind, "thing" * (kind == self._nouns)) for kind in self._order]
        thing = " ".join(filter(None, said))
        several = [word for word in context if word in self._two]
        text = f"{several[0]} {_plural(thing)}" if several else _a(thing)
        beside = {
            kind: word
            for kind, words in self._kinds.items()
            for word in words
            if beside_a(word if kind == self._nouns else f"{word} thing") in context
        }
        if beside:
            beside.setdefault(self._nouns, "thing")
            text += f" and {_a(' '.join(beside[k] for k in self._order if k in beside))}"
        for word in context:
            if word.startswith("on "):
                text += f" on a {word.removeprefix('on ')} background"
        return text

    def others(self) -> tuple[str, ...]:
        """What could be there in its place: other words of its last word's kind."""
        kind = list(self._fixed)[-1]
        return tuple(word for word in self._kinds[kind] if word != self._fixed[kind])

    def move(self, context: Collection[str]) -> str:
        """The instruction that brings it where a context says; empty where it says nothing."""
        (side,) = [w for w in context if w.startswith("at the ")] or [""]
        return f"move the {self._thing} to {side.removeprefix('at ')}" if side else ""

    def undo(self, word: str, count: int, chance: np.random.Generator) -> list[str]:
        """Instructions, at most ``count``, each of which makes one word of a context untrue."""
        if word.startswith("at the "):
            return [f"move the {self._thing} to the {SIDES[word.removeprefix('at the ')]}"]
        if word in self._two:
            return [f"remove one {self._thing}"]
        if word.startswith("beside "):
            return [f"remove {word.removeprefix('beside ')}"]
        (kind,) = [kind for kind, words in self.own.items() if word in words]
        others = [other for other in self.own[kind] if other != word]
        some = [others[i] for i in chance.permutation(len(others))[:count]]
        if kind == "background":
            return [f"change the background to {ground.removeprefix('on ')}" for ground in some]
        verb = "replace the {} with a {}" if kind == self._nouns else "make the {} {}"
        return [verb.format(self._thing, other) for other in some]

    def instead(self, context: Context, chance: np.random.Generator) -> Context:
        """The same sides of a context, each something else."""
        sides = [words for words in (*self.own.values(), *self.around.values())]
        found = []
        for word in context:
            (words,) = [words for words in sides if word in words]
            others = [other for other in words if other != word]
            if word.startswith("at the "):
                # Elsewhere by chance may be there again.
                others = [f"at the {SIDES[word.removeprefix('at the ')]}"]
            elif word in self._two or word.startswith("beside "):
                others = [ALONE]
            found.append(others[int(chance.integers(len(others)))])
        return tuple(word for word in found if word != ALONE)

    def within(self, row: frozenset[str], context: Context) -> frozenset[str]:
        """A context with another in its place wherever that says something."""
        sides = (*self.own.values(), *self.around.values())
        gone = {w for word in context for words in sides if word in words for w in words}
        return (row - gone) | frozenset(context)

    def pair(
        self, context: Context, chance: np.random.Generator
    ) -> tuple[str, list[str], list[str]]:
        """How to show the same images in a context and out of it.

        Returns:
            A prompt, the instructions that bring its images into the context, and those that bring
            them out of it; where there are none, the images are so as they are drawn.
        """
        # No words draw a place, and a neighbour is better added than taken away.
        moved = [w for w in sorted(context) if w.startswith(("at the ", "beside "))][:1]
        prompt = self.prompt([word for word in context if word not in moved])
        if not moved:
            return prompt, [], [text for word in context for text in self.undo(word, 2, chance)]
        if moved[0].startswith("beside "):
            return prompt, [f"add {moved[0].removeprefix('beside ')}"], []
        return prompt, [self.move(moved)], self.undo(moved[0], 1, chance)


def beside_a(thing: str) -> str:
    """What is so where another thing is there: ``beside a star``, ``beside an orange thing``."""
    return f"beside {_a(thing)}"


def _tiled(some: Sequence[T], n: int, chance: np.random.Generator) -> list[T]:
    rounds = -(-n // len(some))
    return [some[i] for _ in range(rounds) for i in chance.permutation(len(some))][:n]


def _a(thing: str) -> str:
    return f"a{'n' * (thing[0] in 'aeiou')} {thing}"


def _plural(thing: str) -> str:
    return thing if thing.endswith("fish") else thing + ("es" if thing[-1] in "sx" else "s")
