"""Synthetic units as a process sees them that must not know their truth: numbers that answer.

The rules stay in the process that asks; here are only an opaque number and a way to ask. Someone
determined could still import the rules and try them all: this keeps a truth from being met by
accident, and a score from resting on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import provenance
from maia_lab.names import position
from maia_lab.scenes.keep import scene_of
from maia_lab.system import Response

UNITS = 2**31
"""Numbers there are: so many that a layer is never indexed as a whole."""
Asked = tuple[str, int, str]
"""One image: its scene as JSON, its side in pixels, its pixel hash."""
Ask = Callable[[int, Sequence[Asked]], NDArray[np.float32]]
"""Takes a unit's number and images; returns its maps, shape (images, height, width)."""


@dataclass(frozen=True, slots=True)
class Blind:
    """A model of units whose answers come from elsewhere."""

    ask: Ask
    digest: str
    """Of the units that answer, and nothing that says what they are."""
    name: str = "blind"
    world: str = "scenes"
    units: int = UNITS

    def layers(self) -> list[tuple[str, str, int]]:
        """The only one there is."""
        return [("unit", "channels", UNITS)]

    def layer(self, name: str) -> Blind:
        """The same under every name: model and layer are one."""
        del name
        return self

    def index(self, layer: str, unit: int | str) -> int:
        """The number itself."""
        return position(layer, unit, UNITS)

    def respond(
        self, images: Sequence[Image.Image], units: Sequence[int] | None = None
    ) -> Response:
        """Answer images whose scene is known.

        Raises:
            WorldError: the scene of an image is not known.
        """
        originals = [provenance.original(image) for image in images]
        asked = [(scene_of(i).to_json(), i.width, provenance.pixel_hash(i)) for i in originals]
        maps = np.stack([self.ask(unit, asked) for unit in units or ()], 1)
        return Response(maps.max((2, 3)), maps)
