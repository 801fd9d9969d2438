"""Any function of images as a model: what it returns is taken as the answers of its units."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.errors import ModelError, UnitError
from maia_lab.names import position
from maia_lab.system import Response
from maia_lab.systems.fingerprint import probes, source

LAYER = "output"
"""Name of the only layer of a function."""
BATCH = 64
"""Images in one call, at most."""


class Function:
    """A callable ``f(images) -> scores`` or ``f(images) -> (scores, maps)`` as a model.

    Scores have the shape (n,) or (n, units), maps (n, h, w) or (n, units, h, w); arrays, lists and
    tensors will do. A score stands as it is given, whatever its map.
    """

    def __init__(
        self, function: Callable[[list[Image.Image]], Any], name: str, world: str | None = None
    ) -> None:
        """Wrap a callable; nothing runs yet.

        Args:
            function: takes a list of RGB images.
            name: as it is written in addresses.
            world: name of the world whose images it understands; None where only the user knows.
        """
        self.function, self.name, self.world = function, name, world

    @cached_property
    def _shown(self) -> Response:
        return self.answer(probes())

    def layers(self) -> list[tuple[str, str, int]]:
        """The one layer, ``output``, with its kind (``channels`` with maps, else ``features``)."""
        kind = "features" if self._shown.maps is None else "channels"
        return [(LAYER, kind, self._shown.values.shape[1])]

    def layer(self, name: str) -> FunctionLayer:
        """Open the layer ``output``; UnitError for any other."""
        if name != LAYER:
            raise UnitError(f"{self.name}/{name}", "is not a layer", f"a function has {LAYER}")
        return FunctionLayer(self, self._shown.values.shape[1])

    def index(self, layer: str, unit: int | str) -> int:
        """Position of a score, by its number; UnitError out of range."""
        return position(f"{self.name}/{layer}", unit, self.layer(layer).units)

    def digest(self) -> str:
        """Hash of the function's code and of what it answers to a few fixed images.

        What else it may depend on cannot be seen from here: give a changed function a new name.
        """
        shown = self.answer(probes())
        sha = hashlib.sha256(f"{self.name}\n{source(self.function)}".encode())
        for array in (shown.values, shown.maps):
            sha.update(b"" if array is None else array.tobytes())
        return sha.hexdigest()

    def answer(self, images: Sequence[Image.Image]) -> Response:
        """Call the function once, and bring what it returns into shape.

        Raises:
            ModelError: it raised, or returned something of another shape.
        """
        try:
            returned = self.function(list(images))
        except Exception as error:
            raise ModelError(
                self.name,
                f"fails on {len(images)} images ({type(error).__name__}: {error})",
                "call it on a list of images to see where",
            ) from error
        scores, maps = returned if isinstance(returned, tuple) else (returned, None)
        values = self._array(scores, len(images), 2, "scores")
        placed = None if maps is None else self._array(maps, len(images), 4, "maps")
        if placed is not None and placed.shape[:2] != values.shape:
            raise self._misshapen("maps", placed.shape, "as many maps as scores")
        return Response(values, placed)

    def _array(self, given: Any, images: int, axes: int, what: str) -> NDArray[np.float32]:
        if hasattr(given, "detach"):
            given = given.detach().cpu().float()
        try:
            array = np.asarray(given, np.float32)
        except (TypeError, ValueError) as error:
            raise ModelError(
                self.name, f"returned no numbers as {what}", "return floats"
            ) from error
        if array.ndim == axes - 1:
            array = array[:, None]
        if array.ndim != axes or array.shape[0] != images:
            wanted = "(n,) or (n, units)" if axes == 2 else "(n, h, w) or (n, units, h, w)"
            raise self._misshapen(what, array.shape, f"{wanted} for n = {images} images")
        return array

    def _misshapen(self, what: str, shape: tuple[int, ...], wanted: str) -> ModelError:
        return ModelError(self.name, f"returned {what} of shape {shape}", f"return {wanted}")


@dataclass(frozen=True, slots=True, eq=False)
class FunctionLayer:
    """What a function returns, seen as a layer."""

    function: Function
    units: int
    """How many scores it gives an image."""
    name: str = LAYER

    @property
    def digest(self) -> str:
        """Hash of everything about the function that can be seen."""
        return self.function.digest()

    def respond(
        self, images: Sequence[Image.Image], units: Sequence[int] | None = None
    ) -> Response:
        """Answer the images, in calls of at most 64."""
        chosen = list(range(self.units) if units is None else units)
        if not images:
            return Response(np.zeros((0, len(chosen)), np.float32))
        starts = range(0, len(images), BATCH)
        answers = [self.function.answer(images[i : i + BATCH]) for i in starts]
        values = np.concatenate([a.values for a in answers])
        if values.shape[1] != self.units:
            raise ModelError(
                self.function.name,
                f"gave {values.shape[1]} scores an image where it gave {self.units} before",
                "return as many each time",
            )
        maps = [a.maps for a in answers if a.maps is not None]
        placed = np.concatenate(maps)[:, chosen] if len(maps) == len(answers) else None
        return Response(values[:, chosen], placed)
