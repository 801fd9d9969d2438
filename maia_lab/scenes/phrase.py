"""One kind of thing, as it is said in words: ``two large red circles``."""

from __future__ import annotations

from dataclasses import dataclass

from maia_lab.scenes.lexicon import NUMBERS, PLURALS
from maia_lab.scenes.scene import Thing

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
