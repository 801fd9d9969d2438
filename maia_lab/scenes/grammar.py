"""Sentences about scenes: adjectives wait for their noun, and a background for its preposition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from maia_lab.errors import WordsError
from maia_lab.scenes import lexicon
from maia_lab.scenes.lexicon import MANY, NATURAL, Word
from maia_lab.scenes.phrase import Phrase

Said = tuple[tuple[Phrase, ...], str | None]
"""The things a sentence speaks of, and the background."""


def understand(text: str) -> Said:
    """Read a sentence such as ``"two red circles and a star on grass"``.

    Raises:
        WordsError: a word is not known, or the words do not make sense together.
    """
    return _Reader(text).read()


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

    def read(self) -> Said:
        before: Word | None = None
        words = lexicon.read(self.text)
        for i, word in enumerate(words):
            self._take(word, before, words[i + 1 :])
            before = word
        self._close_adjectives()
        if self.awaiting:
            self._refuse(f"does not say which background follows {self.awaiting!r}")
        if self.count is not None:
            self._refuse("counts something without saying what")
        if not self.phrases and self.background is None:
            self._refuse("names nothing that can be seen")
        things = sum(phrase.count or 1 for phrase in self.phrases)
        if things > MANY:
            self._refuse(f"asks for {things} things, and at most {MANY} find room")
        return tuple(self.phrases), self.background

    def _take(self, word: Word, before: Word | None, rest: Sequence[Word]) -> None:
        joined, self.joined = self.joined, False
        if word.part in ("colour", "texture", "size"):
            if word.means == "plain" and rest and rest[0].part == "surface":
                self._ground("plain")
            elif self.after and self.phrases and not self.said and not _before_noun(rest):
                self._describe(word.part, word.means)
            else:
                self._adjective(word, joined)
        elif word.part == "thing" and before and before.part == "shape":
            self._same_noun(word)
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
                if not 0 < self.count <= MANY:
                    self._refuse(f"asks for {self.count} things, and 1 to {MANY} find room")
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

    def _same_noun(self, word: Word) -> None:
        """Take ``star shapes`` for stars."""
        if word.plural and self.phrases[-1].count == 1:
            self.phrases[-1] = replace(self.phrases[-1], count=None)

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
