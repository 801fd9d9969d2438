"""What a scene holds: a few things, each with shape, colour, texture and size, on a background."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from maia_lab.errors import WorldError

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "heart", "moon")
"""Shapes of geometry: one part, all of it in the thing's colour and texture."""
THINGS = ("flower", "tree", "house", "fish", "boat", "mushroom", "bird", "car")
"""Everyday things: several parts, of which the largest takes the colour and texture."""
KINDS = SHAPES + THINGS
"""Every shape a thing can have."""
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black")
TEXTURES = ("plain", "striped", "dotted", "checkered")
SIZES = {"small": (0.13, 0.15), "medium": (0.185, 0.21), "large": (0.25, 0.28)}
"""Usual radius for each size, least and most, as a share of the image's side."""
LIMITS = (0.0, 0.17, 0.24, 1.0)
"""Radii at which one size ends and the next begins."""
LEAST, MOST = 0.09, 0.4
"""Radii beyond which nothing is made smaller, or bigger."""
BACKGROUNDS = ("plain", "grass", "sand", "sky", "water", "brick", "snow", "wood", "night")
ATTRIBUTES = {
    "shape": KINDS,
    "colour": COLOURS,
    "texture": TEXTURES,
    "size": tuple(SIZES),
}
"""What can be said of one thing: attribute → its words."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing in a scene."""

    shape: str
    colour: str
    texture: str
    x: float
    """Centre, 0 (left) – 1 (right)."""
    y: float
    """Centre, 0 (top) – 1 (bottom)."""
    radius: float
    """Of the circle it fits in, as a share of the image's side."""
    angle: float = 0.0
    """Degrees, clockwise."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        for attribute in ("shape", "colour", "texture"):
            _known(attribute, getattr(self, attribute), ATTRIBUTES[attribute])

    @property
    def size(self) -> str:
        """``small``, ``medium`` or ``large``: what its radius amounts to."""
        sizes = tuple(SIZES)
        return sizes[sum(self.radius >= limit for limit in LIMITS[1:3])]


@dataclass(frozen=True, slots=True)
class Scene:
    """All there is to know of one image: the same scene is the same pixels, always."""

    background: str
    things: tuple[Thing, ...] = ()
    """Back to front: a later thing covers an earlier one."""
    seed: int = 0
    """Which piece of the background is seen, and in which light."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        _known("background", self.background, BACKGROUNDS)

    def to_json(self) -> str:
        """Write the scene as one line of JSON, exactly."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Scene:
        """Read what :meth:`to_json` wrote.

        Raises:
            WorldError: the text is not a scene.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            things = tuple(Thing(**thing) for thing in fields.pop("things"))
            return cls(things=things, **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise WorldError(
                text[:80], f"is not a scene ({error})", "use the text that to_json wrote"
            ) from error


def _known(attribute: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise WorldError(
            word, f"is not a {attribute} of scenes", f"choose one of {', '.join(words)}"
        )
