"""What may be asked of scenes, and the scenes that are meant: words with pixels, without end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.errors import WordsError
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.lexicon import SYNONYMS
from maia_lab.scenes.phrase import Phrase
from maia_lab.scenes.render import render
from maia_lab.scenes.sample import stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS
from maia_lab.scenes.words import meant

THINGS = {0: 0.04, 1: 0.5, 2: 0.32, 3: 0.11, 4: 0.03}
"""How often so many kinds of thing are asked for; without any, a background is."""
COUNTS: dict[int | None, float] = {1: 0.85, 2: 0.09, 3: 0.04, None: 0.02}
"""How often so many of one kind; None is a plural without a number."""
SAID = {"shape": 0.75, "colour": 0.7, "texture": 0.35, "size": 0.3}
"""How often an attribute of a thing is said; what is not said is left to chance."""
COMPLETE = 0.2
"""How often all of them are."""
GROUND = 0.55
"""How often the background is said."""
OTHERWISE = 0.12
"""How often a word is replaced by one that means the same."""
OTHERS = {
    word: others.split()
    for part in ("shape", "colour", "texture", "size", "background")
    for word, others in SYNONYMS[part].items()
}
SIDE = 64
"""Of a pair's image, in pixels."""

T = TypeVar("T")


def ask(rng: np.random.Generator) -> Concept:
    """Think of something that can be asked for."""
    kinds = _one(rng, THINGS)
    # Three kinds and more stand singly, or there would be no room.
    phrases = tuple(_phrase(rng, _one(rng, COUNTS) if kinds < 3 else 1) for _ in range(kinds))
    ground = not kinds or rng.random() < GROUND
    concept = Concept(phrases, str(rng.choice(BACKGROUNDS)) if ground else None)
    # Read back: "red fish" is one fish, even if more were meant.
    return Concept.parse(str(concept))


def say(rng: np.random.Generator, concept: Concept) -> str:
    """Put it in words, one way or another; :meth:`Concept.parse` reads the same from each."""
    text = concept.say(article=True) if rng.random() < 0.6 else str(concept)
    if rng.random() < 0.5 and concept.background != "plain" and concept.phrases:
        # On grass, that is: on a grass background.
        text = text.replace(" on a ", " on ").removesuffix(" background")
    other = " ".join(_other(rng, word) for word in text.split(" "))
    try:
        return other if Concept.parse(other) == concept else text
    except WordsError:
        return text


def pairs(
    seed: int, part: int, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], list[str]]:
    """Draw what is asked for, ``count`` times.

    Args:
        seed: of the whole.
        part: which stretch of it; each has chance of its own, and can be drawn by itself.
        count: how many.

    Returns:
        Pixels, uint8, shape (count, 64, 64, 3); where a thing is in them, bool, shape
        (count, 64, 64); and what was asked for each of them.
    """
    rng = stream("prompts", seed, part)
    pixels = np.empty((count, SIDE, SIDE, 3), np.uint8)
    things = np.empty((count, SIDE, SIDE), np.bool_)
    texts = []
    for i in range(count):
        concept = ask(rng)
        texts.append(say(rng, concept))
        image, masks = render(meant(concept, rng), 2 * SIDE, masks=True)
        pixels[i] = np.asarray(Image.fromarray(image).reduce(2))
        things[i] = masks.sum(0)[::2, ::2] > 0.5
    return pixels, things, texts


def _phrase(rng: np.random.Generator, count: int | None) -> Phrase:
    complete = rng.random() < COMPLETE
    said = {
        attribute: str(rng.choice(words))
        for attribute, words in ATTRIBUTES.items()
        if complete or rng.random() < SAID[attribute]
    }
    return Phrase(**said, count=count)


def _other(rng: np.random.Generator, word: str) -> str:
    bare = word.rstrip(",")
    if bare not in OTHERS or rng.random() >= OTHERWISE:
        return word
    return str(rng.choice(OTHERS[bare])) + word[len(bare) :]


def _one(rng: np.random.Generator, odds: dict[T, float]) -> T:
    words: Sequence[T] = list(odds)
    return words[int(rng.choice(len(words), p=list(odds.values())))]
