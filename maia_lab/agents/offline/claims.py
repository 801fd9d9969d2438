"""What can be said of an image: some things, each with some attributes, and what is behind them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

BACKGROUND, NUMBER, EDIT = "background", "number", "edit"
"""The kinds of word that are not said of a thing; the last holds whole instructions."""
SIZE = "size"
"""The kind of word that does not stay true of a thing that is made larger."""
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
LONGEST = 3
"""Words said of one thing in a claim, at most: with four, next to nothing is left to generalise."""

Thing = tuple[str, ...]
"""What is said of one thing, in speaking order: ``("large", "red", "circle")``."""


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """What a caption says in full, or what a label asks for: the second may hold in the first."""

    things: tuple[Thing, ...] = ()
    """In a fixed order; a thing that is there twice stands twice."""
    background: str = ""
    """Empty: any."""

    @property
    def words(self) -> int:
        """How much it asks for."""
        return sum(len(thing) or 1 for thing in self.things) + bool(self.background)

    @property
    def counts(self) -> bool:
        """Whether it asks for several of one kind: one of its things would do for another."""
        return any(
            set(one) <= set(other)
            for i, one in enumerate(self.things)
            for j, other in enumerate(self.things)
            if i != j
        )

    def holds_in(self, other: Claim) -> bool:
        """Whether whatever ``other`` says makes this true: each thing by a thing of its own."""
        return self.background in ("", other.background) and _found(
            [set(thing) for thing in self.things], [set(thing) for thing in other.things]
        )

    def __and__(self, other: Claim) -> Claim:
        """Both at once, in different things."""
        return Claim(tuple(sorted(self.things + other.things)), self.background or other.background)

    def parts(self) -> frozenset[Claim]:
        """Claims worth testing that hold in this one: of one or two things, a count, a ground."""
        return _parts(self)


def _found(wanted: list[set[str]], there: list[set[str]]) -> bool:
    if not wanted:
        return True
    first, rest = wanted[0], wanted[1:]
    return any(
        first <= thing and _found(rest, there[:i] + there[i + 1 :]) for i, thing in enumerate(there)
    )


@lru_cache(maxsize=5000)
def _parts(claim: Claim) -> frozenset[Claim]:
    some = [
        [Claim((words,)) for size in range(1, LONGEST + 1) for words in combinations(thing, size)]
        for thing in claim.things
    ]
    short = [[one for one in claims if one.words < LONGEST] for claims in some]
    found = {one for claims in some for one in claims}
    ground = Claim(background=claim.background)
    if claim.background:
        found |= {one & ground for claims in short for one in claims} | {ground}
    for first, second in combinations(short, 2):
        found |= {a & b for a in first for b in second if len(a.things[0] + b.things[0]) <= LONGEST}
        found |= {a & a for a in set(first) & set(second)}
    for one, two, three in combinations(short, 3):
        found |= {a & a & a for a in set(one) & set(two) & set(three)}
    return frozenset(found)


class Language:
    """The words of one world, to read captions and notes with and to phrase claims."""

    def __init__(self, vocabulary: Mapping[str, tuple[str, ...]]) -> None:
        """Take words by kind, in a fixed order; nouns are the first kind.

        Args:
            vocabulary: kind → words. Words of the kind ``background`` are said of the whole image,
                words of the first kind name things, all others describe them; only where there
                are words of the kind ``number`` can several things of one kind be asked for.
        """
        kinds = [kind for kind in vocabulary if kind not in (BACKGROUND, NUMBER, EDIT)]
        self.counts = NUMBER in vocabulary
        self.edits = tuple(vocabulary.get(EDIT, ()))
        self.kinds = {kind: tuple(vocabulary[kind]) for kind in kinds}
        self.nouns = frozenset(self.kinds[kinds[0]]) if kinds else frozenset()
        self.backgrounds = tuple(vocabulary.get(BACKGROUND, ()))
        # English puts size before colour before texture before noun: the reverse of the kinds.
        spoken = [word for kind in reversed(kinds) for word in self.kinds[kind]]
        self._rank = {word: i for i, word in enumerate(spoken)}

    def kind(self, word: str) -> str:
        """The kind a word of a thing is of."""
        return next(kind for kind, words in self.kinds.items() if word in words)

    def sized(self, thing: Thing) -> bool:
        """Whether a size is said of a thing."""
        return any(self.kind(word) == SIZE for word in thing)

    def thing(self, *words: str) -> Thing:
        """Words in speaking order."""
        return tuple(sorted(words, key=self._rank.__getitem__))

    def swapped(self, thing: Thing, word: str, other: str) -> Thing:
        """The same thing with one word replaced."""
        return self.thing(*(other if w == word else w for w in thing))

    def apart(self, claim: Claim) -> Claim:
        """The same things, none of which could be taken for another.

        Of red and large: small red, and large black. What is done to one of them is then not done
        to the other.
        """
        told = []
        for thing in claim.things:
            for other in claim.things:
                kinds = [self.kind(word) for word in thing]
                lacks = [word for word in other if word not in thing]
                if lacks and not any(self.kind(word) in kinds for word in lacks):
                    words = self.kinds[self.kind(lacks[0])]
                    thing = self.thing(*thing, next(w for w in words if w != lacks[0]))
            told.append(thing)
        return Claim(tuple(sorted(told)), claim.background)

    def read(self, text: str) -> Claim:
        """What a caption, a condition's name or a person's remark says in these words.

        Words that are not of the vocabulary are passed over; so an agent whose vocabulary lacks
        a kind of word does not see it.
        """
        text, background = text.lower(), ""
        for match in re.finditer(r"([a-z]+) background", text):
            if match[1] in self.backgrounds:
                background = match[1]
                text = text.replace(match[0], " ")
        things: list[Thing] = []
        said: list[str] = []
        count = 1
        for token in [*re.findall(r"\w+|[,;.:]", text), "."]:
            word = self._singular(token)
            if word in self._rank:
                said.append(word)
            elif word in self.backgrounds:
                background = background or word
            if token in NUMBERS:
                count = NUMBERS[token]
            ends = word in self.nouns or word == "thing" or token in ",;.:" or token == "and"
            if ends and (said or word == "thing"):
                things += [self.thing(*dict.fromkeys(said))] * count
            if ends:
                said, count = [], 1
        return Claim(tuple(sorted(things)), background)

    def say(self, claim: Claim, article: bool = False) -> str:
        """Phrase a claim: ``two red things``, ``large circle and star on a grass background``."""
        phrases = [
            self._several(thing, count, article) for thing, count in Counter(claim.things).items()
        ]
        ground = f"{claim.background} background"
        if not claim.background:
            return " and ".join(phrases)
        return f"{' and '.join(phrases)} on a {ground}" if phrases else ground

    def _several(self, thing: Thing, count: int, article: bool) -> str:
        phrase = " ".join(thing if self.nouns & set(thing) else (*thing, "thing"))
        if count > 1:
            number = next(word for word, n in NUMBERS.items() if n == count)
            ending = "es" if phrase.endswith("s") else "" if phrase.endswith("fish") else "s"
            return f"{number} {phrase}{ending}"
        return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}" if article else phrase

    def _singular(self, token: str) -> str:
        known = (*self._rank, *self.backgrounds, "thing")
        return next((w for w in (token, token[:-1], token[:-2]) if w and w in known), token)
