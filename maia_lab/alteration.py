"""What an edit changed: an edit that did nothing, or something else, is no counterfactual."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from PIL import Image

from maia_lab.provenance import pixel_hash
from maia_lab.world import Words, concepts

Vocabulary = Mapping[str, tuple[str, ...]]


def remarks(
    originals: Sequence[Image.Image],
    edits: Sequence[Image.Image],
    instructions: Sequence[str],
    words: Words | None,
    vocabulary: Vocabulary,
) -> list[str]:
    """One sentence for each instruction that did not do what it says, and nothing else.

    Without words for what images hold, only an edit that left every pixel as it was is told.
    """
    asked = Counter(instructions)
    idle: Counter[str] = Counter()
    besides: Counter[tuple[str, str]] = Counter()
    for before, after, instruction in zip(originals, edits, instructions, strict=True):
        if pixel_hash(before) == pixel_hash(after):
            idle[instruction] += 1
        elif (was := concepts(words, before)) and (now := concepts(words, after)):
            changed = set(_changed(was, now, vocabulary))
            for kind in changed - _meant(instruction, changed, vocabulary):
                besides[instruction, kind] += 1
    said = [f"{text!r} changed nothing in {n} of {asked[text]} images." for text, n in idle.items()]
    return said + [
        f"{text!r} changed the {kind}, too, in {n} of {asked[text]} images."
        for (text, kind), n in sorted(besides.items())
    ]


def _changed(
    before: frozenset[str], after: frozenset[str], vocabulary: Vocabulary
) -> Iterator[str]:
    """The kinds of words of which other ones are true now."""
    for kind, known in vocabulary.items():
        # A word may be of two kinds, as a plain thing and a plain background are.
        ground = kind == "background"
        one, two = (
            {w for phrase in found if ("background" in phrase) is ground for w in phrase.split()}
            for found in (before, after)
        )
        if one.intersection(known) != two.intersection(known):
            yield kind


def _meant(instruction: str, changed: set[str], vocabulary: Vocabulary) -> set[str]:
    """The kinds an instruction speaks of; a thing that goes or comes takes its looks along."""
    said = set(instruction.lower().split())
    named = {kind for kind, known in vocabulary.items() if said.intersection(known)}
    nouns = next(iter(vocabulary), "")
    if nouns in named & changed:
        named |= set(vocabulary) - {"background"}
    return named
