"""A question in free words, as far as the words of a world can say what it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from maia_lab.agents.offline.claims import BACKGROUND, Claim, Language
from maia_lab.scenes.lexicon import SYNONYMS

KINDS = {
    "colour": "colour color colours colors coloured colored hue",
    "texture": "texture textures textured pattern patterns",
    "shape": "shape shapes form forms outline outlines silhouette",
    "size": "size sizes",
    "background": "background backgrounds surroundings surrounding scene context",
    "detail": "detail details sharpness sharp",
    "centre": "centre center middle foreground object objects",
    "orientation": "orientation upright",
}
"""How a question may call what there are words for, or edits that take it away."""
MIRRORED = "mirror it"
TAKEN = {
    "colour": ("make it gray", MIRRORED),
    "texture": ("draw only its edges", "make it gray"),
    "shape": ("shuffle its patches", MIRRORED),
    "detail": ("blur it", MIRRORED),
    "background": ("cover its surroundings", MIRRORED),
    "centre": ("cover its centre", MIRRORED),
    "orientation": ("turn it upside down", MIRRORED),
}
"""The edit that takes an attribute away, and the one that it is compared with.

Any change lowers what was chosen for being highest. So an edit must take more than mirroring does,
which leaves every attribute; and a drawing, which has no colour either, more than gray does."""
LOWERS = r"suppress|inhibit|lower|silenc|block|reduc|weaken|quiet|turn(s)? (it )?off"
FILLER = """
    a about active activate activates an and answer answers any are as at because by can care
    cares cause depend depends detect detects do does drive drives else fire fires for from
    has have how if image images in is it its just like look looking looks make makes matter
    matters merely more most much need needs network neuron not of on one only or picture
    prefer prefers really respond responds see sees something than that the them there these
    thing things this to true unit us versus want we what when whether which with without work
    works
"""
"""Words that say nothing of what an image holds …"""
KEPT = frozenset({"a", "an", "and", "on", "one"})
"""… though these join what does."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is about."""

    kinds: tuple[str, ...] = ()
    """Kinds of word: does it matter which of them there is?"""
    claims: tuple[Claim, ...] = ()
    """What may be in an image: does it answer it?"""
    among: Claim | None = None
    """Images in which the kinds are changed; None: those that drive the unit."""
    lowers: bool = False
    """Whether it is asked what the claims take away, rather than what they add."""
    unknown: tuple[str, ...] = ()
    """Words of the question that nothing here can be made of."""


def read(question: str, language: Language) -> Asked:
    """Take a question apart at its alternatives."""
    asked = Asked(lowers=bool(re.search(LOWERS, question.lower())))
    text = re.sub(LOWERS + r"\w*", " ", question.lower())
    for part in re.split(r"\bor\b|\bversus\b|\bvs\b|\brather than\b|\binstead of\b|[,;?]", text):
        said = [w for w in re.findall(r"[a-z'-]+", part) if w in KEPT or w not in FILLER.split()]
        words = [_meant(word, language) for word in said]
        claim = language.read(" ".join(words))
        kinds = tuple(k for k, names in _kinds(language) if names & set(words))
        if kinds and not (claim.background and kinds == (BACKGROUND,)):
            among = claim if claim.words else asked.among
            asked = replace(asked, kinds=(*asked.kinds, *kinds), among=among)
        elif claim.words and all(claim.things):
            asked = replace(asked, claims=(*asked.claims, claim))
        else:
            strange = tuple(w for w in words if w not in KEPT)
            asked = replace(asked, unknown=(*asked.unknown, *strange))
    return replace(
        asked,
        kinds=tuple(dict.fromkeys(asked.kinds)),
        claims=tuple(dict.fromkeys(_completed(asked.claims, language))),
    )


def _kinds(language: Language) -> Iterator[tuple[str, frozenset[str]]]:
    """Where edits take attributes away, those; else what there are words for."""
    for kind, names in KINDS.items():
        drawn = kind in language.kinds or (kind == BACKGROUND and language.backgrounds)
        if kind in TAKEN if language.edits else drawn:
            yield kind, frozenset(names.split())


def _meant(word: str, language: Language) -> str:
    """A word, or what it stands for among those that there are."""
    known = {one for words in language.kinds.values() for one in words} | {*language.backgrounds}
    for candidate in (word, word.removesuffix("s"), word.removesuffix("es")):
        if candidate in known:
            return candidate
        for meanings in SYNONYMS.values():
            for means, texts in meanings.items():
                if means in known and candidate in texts.split():
                    return means
    return word


def _completed(claims: tuple[Claim, ...], language: Language) -> Iterator[Claim]:
    """``red or blue circles``: the first has the second's noun."""
    for i, claim in enumerate(claims):
        later = claims[i + 1] if i + 1 < len(claims) else None
        if later is not None and len(claim.things) == len(later.things) == 1:
            own, other = claim.things[0], later.things[0]
            kinds = {language.kind(word) for word in own}
            nouns = [word for word in other if word in language.nouns]
            if nouns and not language.nouns & set(own) and kinds <= set(map(language.kind, other)):
                yield Claim((language.thing(*own, *nouns),), claim.background or later.background)
                continue
        yield claim
