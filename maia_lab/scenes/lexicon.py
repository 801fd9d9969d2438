"""The words that can be said of scenes, and what each of them means."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from maia_lab.errors import WordsError
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS

Part = Literal[
    "shape", "colour", "texture", "size", "background",
    "thing", "pattern", "quality", "number", "surface", "article", "join", "on", "is", "skip",
    "refused",
]  # fmt: skip
"""What a word does in a sentence; the first five are what can be drawn."""
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MANY = 6
"""Things in a scene at most, when it is asked for in words."""
PLURALS = {shape: shape + ("es" if shape == "cross" else "" if shape == "fish" else "s")
           for shape in ATTRIBUTES["shape"]} | {"thing": "things"}  # fmt: skip
SYNONYMS: dict[Part, dict[str, str]] = {
    "shape": {
        "circle": "disc disk ball", "square": "box", "ring": "donut doughnut torus hoop",
        "moon": "crescent", "flower": "blossom daisy", "house": "home hut cottage",
        "boat": "sailboat ship", "car": "automobile vehicle", "mushroom": "toadstool",
    },
    "colour": {
        "red": "crimson scarlet", "purple": "violet", "pink": "rose", "blue": "navy",
        "yellow": "golden",
    },
    "texture": {
        "plain": "solid uniform untextured unpatterned",
        "striped": "stripy stripey",
        "dotted": "spotted polka-dotted polka-dot",
        "checkered": "checked chequered checkerboard",
    },
    "pattern": {
        "striped": "stripe stripes", "dotted": "dot dots spot spots polka-dots",
        "checkered": "check checks",
    },
    "quality": {"": "pattern texture colour color size"},
    "size": {"small": "tiny little", "medium": "medium-sized", "large": "big huge giant"},
    "background": {
        "plain": "blank", "grass": "lawn meadow grassy", "sand": "beach desert sandy",
        "sky": "cloudy clouds", "water": "sea ocean lake watery", "brick": "bricks",
        "snow": "snowy", "wood": "wooden", "night": "starry",
    },
    "thing": {"thing": "thing object item shape element something anything everything it them"},
    "surface": {"": "background backgrounds backdrop ground floor field surface wall table planks"},
    "article": {"": "a an the some any all every each both its their"},
    "join": {"and": "and with , plus containing & has have"},
    "on": {"on": "on in at against upon before under over"},
    "is": {"is": "is are that which"},
    "skip": {"": "photo photograph picture image scene drawing of showing there empty coloured"
                 " colored"},
    "refused": {
        "says what is not there": "no not without except but none never neither nor zero isn't"
                                  " aren't nothing",
        "leaves a choice": "or either",
        "says where": "left right above below beside next near between behind beneath inside"
                      " outside top bottom middle centre center corner around",
    },
}  # fmt: skip
NATURAL = {
    "red": ("brick",), "yellow": ("sand",), "green": ("grass",), "blue": ("sky", "water", "night"),
    "white": ("snow",), "black": ("night",),
}  # fmt: skip
"""Backgrounds that may be called by a colour, which they have anyway."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a sentence, understood."""

    text: str
    part: Part
    means: str
    """The word of the vocabulary it stands for, or the number in digits."""
    plural: bool = False


def read(text: str) -> list[Word]:
    """Read a sentence word by word.

    Raises:
        WordsError: words that scenes do not know, all of them named, or words that say what is
            absent, leave a choice, or say where.
    """
    cleaned = text.lower().replace("’", "'").replace("in front of", "before")
    cleaned = re.sub(r"polka (?=dot)", "polka-", cleaned)
    cleaned = re.sub(r"\bplus(?: signs| shapes|es)\b", "crosses", cleaned)
    cleaned = re.sub(r"\bplus (?:sign|shape)\b", "cross", cleaned)
    tokens = re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)*|\d+|[^\w\s.!?;:\"'()-]", cleaned)
    words = [_LEXICON.get(token) or _number(token) for token in tokens]
    for i, (word, after) in enumerate(zip_longest(words, words[1:])):
        # "A red plus" names a shape; "red plus striped" adds to what was said.
        if word and word.text == "plus" and (not after or after.part in ("join", "on", "is")):
            words[i] = replace(_LEXICON["cross"], text="plus")
    unknown = [token for token, word in zip(tokens, words, strict=True) if word is None]
    if unknown:
        named = ", ".join(dict.fromkeys(unknown))
        raise WordsError(text, f"uses words that scenes do not know: {named}", vocabulary())
    known = [word for word in words if word is not None]
    for word in known:
        if word.part == "refused":
            raise WordsError(
                text,
                f"{word.means} ({word.text!r}), and scenes can only be told what they hold",
                "name the things and the background there are, joined by 'and' and 'on'",
            )
    return known


def vocabulary() -> str:
    """Every word that can be drawn, as advice."""
    kinds = [f"{kind}s ({', '.join(words)})" for kind, words in ATTRIBUTES.items()]
    return f"use {', '.join(kinds)} and backgrounds ({', '.join(BACKGROUNDS)})"


def words() -> list[str]:
    """Every word that is understood, in alphabetical order."""
    return sorted(_LEXICON)


def _number(token: str) -> Word | None:
    return Word(token, "number", str(int(token[:9]))) if token.isdecimal() else None


def _lexicon() -> dict[str, Word]:
    words: dict[str, Word] = {}
    for part, meanings in SYNONYMS.items():
        own = {word: word for word in ATTRIBUTES.get(part, ())}
        for means, texts in (own | meanings).items():
            for text in {means, *texts.split()} if part in ATTRIBUTES else texts.split():
                words[text] = Word(text, part, means)
    # "Plain" alone is a texture; before "background" the reader takes it for one.
    words |= {word: Word(word, "background", word) for word in BACKGROUNDS if word != "plain"}
    words |= {text: Word(text, "number", str(i)) for i, text in enumerate(NUMBERS) if i}
    for word in list(words.values()):
        if word.part == "shape":
            plural = word.text + ("es" if word.text[-1] in "sx" else "s")
            words[plural] = Word(plural, "shape", word.means, plural=True)
    for text in ("things", "objects", "items", "shapes", "elements"):
        words[text] = Word(text, "thing", "thing", plural=True)
    return words


_LEXICON = _lexicon()
