"""A description put to trial: images drawn to what it predicts, which nobody has seen before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from PIL import Image

from maia_lab.errors import ModelError, WordsError
from maia_lab.observation import Trial
from maia_lab.system import System
from maia_lab.world import Finder, ImageGenerator, World, concepts

COUNT = 20
"""Images of each kind."""
TRIES = 8
"""Images drawn, for each one that is wanted, before fewer must do."""


def trial(
    system: System,
    world: World,
    labels: Sequence[str],
    suppressed_by: Sequence[str] = (),
    seed: int = 0,
    count: int = COUNT,
) -> Trial:
    """Draw what a description predicts high, what is neutral, and near misses, and measure them.

    Neutral is any noun of the vocabulary; a near miss shares all but one word with a label, or
    holds a label beside what suppresses. Where words can be read off images, an image that turns
    out to hold what it should not is drawn again.
    """
    if not labels:
        return Trial(note="there is no label")
    if world.generator is None:
        return Trial(note=f"{world.name} has nothing that draws images")
    if isinstance(world.generator, Finder):
        return Trial(note=f"{world.generator.name} finds images that experiments may have seen")
    kinds = {kind: words for kind, words in world.vocabulary.items() if kind != "edit"}
    if not kinds:
        return Trial(note="nobody can tell what else the generator draws")
    nouns = next(iter(kinds.values()))
    near = [miss for label in labels for miss in near_misses(label, kinds)]
    near += [f"{label} and {other}" for label in labels for other in suppressed_by]

    def high(image: Image.Image) -> bool:
        # What words know nothing of is taken for what was asked for.
        words = world.words
        return (
            words is None
            or not concepts(words, image)
            or (
                any(words.matches(label, image) for label in labels)
                and not any(words.matches(label, image) for label in suppressed_by)
            )
        )

    def low(image: Image.Image) -> bool:
        return not concepts(world.words, image) or not high(image)

    drawn = []
    for kind, prompts, wanted in (
        ("high", labels, high),
        ("neutral", nouns, low),
        ("near", near, low),
    ):
        images = _drawn(world.generator, f"{kind} {labels} {seed}", prompts, wanted, count)
        drawn.append(list(islice(images, count)))
    try:
        values = [tuple(map(float, system.values(images))) for images in drawn]
    except ModelError as error:
        return Trial(note=error.reason)
    note = "" if all(drawn[:2]) else f"{world.generator.name} cannot draw what was to be predicted"
    return Trial(values[0], values[1], values[2], world.generator.name, note)


def near_misses(label: str, vocabulary: Mapping[str, Sequence[str]]) -> list[str]:
    """A label with one of its words, as far as the vocabulary knows them, changed for another."""
    tokens = label.split()
    found: dict[str, None] = {}
    for place, token in enumerate(tokens):
        for words in vocabulary.values():
            ending = next((token[len(w) :] for w in words if token in (w, _plural(w))), None)
            if ending is None:
                continue
            for word in words:
                other = _plural(word) if ending else word
                if other != token:
                    found[" ".join([*tokens[:place], other, *tokens[place + 1 :]])] = None
    return list(found)


def _plural(word: str) -> str:
    return word + ("es" if word[-1] in "sx" else "s")


def _drawn(
    generator: ImageGenerator,
    purpose: str,
    prompts: Sequence[str],
    wanted: Callable[[Image.Image], bool],
    count: int,
) -> Iterator[Image.Image]:
    """Images of the prompts in turn, in a random order that is always the same."""
    key = hashlib.sha256(f"trial {purpose}".encode()).digest()
    chance = np.random.default_rng(int.from_bytes(key[:8], "big"))
    left = [prompts[int(i)] for i in chance.permutation(len(prompts))]
    for turn in range(TRIES * count):
        if not left:
            return
        prompt = left[turn % len(left)]
        try:
            (image,) = generator.generate([prompt], [int(chance.integers(1 << 31))])
        except WordsError:
            # Not everything that can be put in a word's place makes sense there.
            left.remove(prompt)
            continue
        if wanted(image):
            yield image
