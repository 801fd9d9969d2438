"""A scene in one sentence, complete and always in the same words."""

from __future__ import annotations

from maia_lab.scenes.concept import Concept
from maia_lab.scenes.scene import Scene


def caption(scene: Scene) -> str:
    """Say all that can be seen: size, colour, texture and shape of each thing, and the background.

    ``words.parse`` reads the sentence back as the same things.

    Example:
        >>> caption(Scene("grass", (Thing("circle", "red", "striped", 0.5, 0.5, 0.3),)))
        'a large red striped circle on a grass background'
    """
    return Concept.of(scene).say(article=True)
