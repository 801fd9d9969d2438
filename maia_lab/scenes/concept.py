"""A concept: a few things and a background, as said in words and as found in a scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from maia_lab.errors import WordsError
from maia_lab.scenes import lexicon
from maia_lab.scenes.lexicon import MOST, NATURAL, NUMBERS, PLURALS, Word
from maia_lab.scenes.scene import ATTRIBUTES, Scene, Thing

ORDER = ("size", "colour", "texture", "shape")
"""Of the words before and including a noun."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One kind of thing, as far as it was said: ``two large red circles``."""

    size: str | None = None
    colour: str | None = None
    texture: str | None = None
    shape: str | None = None
    count: int | None = 1
    """How many at least; None for a plural without a number, of which one is enough."""

    @property
    def wanted(self) -> dict[str, str]:
        """What was said, attribute → word."""
        said = {attribute: getattr(self, attribute) for attribute in ORDER}
        return {attribute: word for attribute, word in said.items() if word is not None}

    def matches(self, thing: Thing) -> bool:
        """Whether one thing is of this kind."""
        return all(getattr(thing, attribute) == word for attribute, word in self.wanted.items())

    def __str__(self) -> str:
        """``red``, ``red circle``, ``two red circles``, ``red circles``."""
        return self.say(bare=True)

    def say(self, *, bare: bool = False, article: bool = False) -> str:
        """Put the phrase in words: ``bare`` without a noun of its own, or with an article."""
        words = list(self.wanted.values())
        if self.shape is None and not (bare and words and self.count == 1):
            words.append("thing")
        if self.count != 1:
            words[-1] = PLURALS[words[-1]]
        text = " ".join(words)
        if self.count is None:
            return text
        if self.count == 1:
            return f"a{'n' * (text[0] in 'aeiou')} {text}" if article else text
        return f"{NUMBERS[self.count]} {text}"


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
        return _Reader(text).concept()

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
    """Every short phrase that is true of a scene: single attributes, pairs, its background."""
    found = {f"{scene.background} background"}
    for thing in scene.things:
        found |= {getattr(thing, attribute) for attribute in ATTRIBUTES}
        found |= {f"{thing.colour} {thing.shape}", f"{thing.texture} {thing.shape}"}
        found.add(f"{thing.colour} {thing.texture}")
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


def _before_noun(words: Sequence[Word]) -> bool:
    """Whether words begin with a noun, or with adjectives and then a noun."""
    part = next((w.part for w in words if w.part not in ("colour", "texture", "size")), None)
    return part in ("shape", "thing")


@dataclass(slots=True)
class _Reader:
    """Reads a sentence from left to right, collecting adjectives until a noun closes them."""

    text: str
    phrases: list[Phrase] = field(default_factory=list)
    background: str | None = None
    said: dict[str, str] = field(default_factory=dict)
    """Adjectives that wait for their noun."""
    count: int | None = None
    awaiting: str = ""
    """The preposition that a background must follow."""
    after: bool = False
    """Whether adjectives describe the thing before them: ``something red``."""
    joined: bool = False
    """Whether an ``and`` or a comma was just read."""

    def concept(self) -> Concept:
        words = lexicon.read(self.text)
        for i, word in enumerate(words):
            self._take(word, words[i + 1 :])
        self._close_adjectives()
        if self.awaiting:
            self._refuse(f"does not say which background follows {self.awaiting!r}")
        if self.count is not None:
            self._refuse("counts something without saying what")
        if not self.phrases and self.background is None:
            self._refuse("names nothing that can be seen")
        concept = Concept(tuple(self.phrases), self.background)
        if len(concept.things) > MOST:
            self._refuse(f"asks for {len(concept.things)} things, and at most {MOST} find room")
        return concept

    def _take(self, word: Word, rest: Sequence[Word]) -> None:
        joined, self.joined = self.joined, False
        if word.part in ("colour", "texture", "size"):
            if word.means == "plain" and rest and rest[0].part == "surface":
                self._ground("plain")
            elif self.after and self.phrases and not self.said and not _before_noun(rest):
                self._describe(word.part, word.means)
            else:
                self._adjective(word, joined)
        elif word.part in ("shape", "thing"):
            if joined:
                self._close_adjectives()
            self._noun(word)
        elif word.part == "pattern":
            self._pattern(word)
        elif word.part == "quality":
            self._quality()
        elif word.part == "background":
            self._ground(word.means)
        elif word.part == "surface":
            self._surface(word)
        elif word.part in ("number", "article"):
            self._close_adjectives()
            self.after = False
            if word.part == "number":
                self.count = int(word.means)
                if not 0 < self.count <= MOST:
                    self._refuse(f"asks for {self.count} things, and 1 to {MOST} find room")
        elif word.part == "join":
            self.joined, self.after = True, self.after and word.text == "and"
        elif word.part == "on":
            self._close_adjectives()
            self.awaiting, self.after = word.text, False
        elif word.part == "is":
            self.after = bool(self.phrases)

    def _adjective(self, word: Word, joined: bool) -> None:
        if word.part in self.said:
            if not joined:
                self._refuse(f"says {self.said[word.part]!r} and {word.text!r} of one thing")
            self._close_adjectives()
        self.said[word.part] = word.means

    def _noun(self, word: Word) -> None:
        if self.awaiting:
            self._refuse(f"says {self.awaiting!r} of a thing, where only a background may follow")
        shape = word.means if word.part == "shape" else None
        count = self.count or (None if word.plural else 1)
        self.phrases.append(Phrase(**self.said, shape=shape, count=count))
        self.said, self.count = {}, None
        self.after = word.part == "thing"

    def _pattern(self, word: Word) -> None:
        if self.said or self.count is not None:
            self._refuse("says how the pattern looks, which the thing's own colour decides")
        if self.phrases:
            self._describe("texture", word.means)
        else:
            self.phrases.append(Phrase(texture=word.means))

    def _quality(self) -> None:
        """Take the adjective before a word like ``colour`` to be of the last thing."""
        if self.phrases and self.said and not self.awaiting:
            said, self.said = self.said, {}
            for attribute, word in said.items():
                self._describe(attribute, word)

    def _describe(self, attribute: str, word: str) -> None:
        """Add to what was said of the last thing."""
        last = self.phrases[-1]
        if getattr(last, attribute) not in (None, word):
            self._refuse(f"says {getattr(last, attribute)!r} and {word!r} of one thing")
        self.phrases[-1] = Phrase(**{**last.wanted, attribute: word}, count=last.count)

    def _ground(self, background: str) -> None:
        colour = self.said.pop("colour", None)
        if self.said or (colour is not None and background not in NATURAL.get(colour, ())):
            said = " ".join([*self.said.values(), *([colour] if colour else [])])
            self._refuse(f"asks for a {said} {background} background, and there is only one kind")
        # A night sky is a night; any other two backgrounds cannot both be there.
        if self.background not in (None, background):
            if {self.background, background} != {"night", "sky"}:
                self._refuse(f"names two backgrounds, {self.background} and {background}")
            background = "night"
        self.background, self.awaiting = background, ""

    def _surface(self, word: Word) -> None:
        if self.said:
            said = " ".join(self.said.values())
            self._refuse(f"asks for a {said} {word.text}, and backgrounds have names of their own")
        if self.background is None:
            self.awaiting = self.awaiting or word.text

    def _close_adjectives(self) -> None:
        """Take adjectives that no noun followed for a thing of their own."""
        if self.said:
            if self.awaiting:
                self._refuse(f"does not say which background follows {self.awaiting!r}")
            self.phrases.append(Phrase(**self.said, count=self.count or 1))
            self.said, self.count = {}, None

    def _refuse(self, reason: str) -> None:
        raise WordsError(self.text, reason, lexicon.vocabulary())
