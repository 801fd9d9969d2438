"""Words into scenes: what is said is there, what is not said is left to chance."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from maia_lab.scenes.concept import Concept
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import Scene


def parse(text: str) -> Concept:
    """Read a prompt, for example ``"two red striped circles on a grass background"``.

    Raises:
        WordsError: a word is not known, or the words do not make a scene.
    """
    return Concept.parse(text)


def draw(text: str, seed: int) -> Scene:
    """Make a scene that holds what a prompt says and nothing else.

    Whatever is left open (a colour, a size, the background) is drawn by chance from the words and
    the seed, so that several images of one prompt differ in everything it does not say.

    Raises:
        WordsError: a word is not known, or the words do not make a scene.
    """
    concept = parse(text)
    return meant(concept, stream("words", crc32(str(concept).encode()), seed))


def meant(concept: Concept, rng: np.random.Generator) -> Scene:
    """Make a scene that holds a concept and nothing else; what is left open is chance."""
    # A plural without a number promises more than one.
    wanted = [
        phrase.wanted
        for phrase in concept.phrases
        for _ in range(2 if phrase.count is None else phrase.count)
    ]
    return sample(rng, wanted, concept.background)
