"""What a unit answers when it is shown images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from maia_lab import provenance
from maia_lab.errors import ModelError
from maia_lab.unit import Unit

HIGH = 0.95
"""Quantile above which a position lies in the mask, and an image counts as active."""
DIM = 0.25
"""Brightness that is left outside the mask."""
Frame = tuple[int, int, int, int]
"""The part of an image that a network is shown: left, top, right, bottom, in pixels of the image,
and beyond its edges where it is padded."""


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """The answers of ``u`` units to ``n`` images."""

    values: NDArray[np.float32]
    """Shape (n, u): the spatial maximum where there are maps, else the unit's output."""
    maps: NDArray[np.float32] | None = None
    """Shape (n, u, h, w), in the layer's own resolution; None where a unit has no place."""


class Layer(Protocol):
    """One layer of a loaded model, or anything else that answers images: what a door hands over."""

    @property
    def name(self) -> str:
        """As it is written in an address."""

    @property
    def units(self) -> int:
        """How many units it has."""

    @property
    def digest(self) -> str:
        """Hash of everything its answers depend on: weights, layer, preprocessing."""

    def respond(
        self, images: Sequence[Image.Image], units: Sequence[int] | None = None
    ) -> Response:
        """Answer the images, for the given units or for all of them."""


class Model(Protocol):
    """A vision model whose layers can be studied."""

    @property
    def name(self) -> str:
        """As it is written in an address."""

    @property
    def world(self) -> str | None:
        """Name of the world it was trained on; None where only the user can know."""

    def layers(self) -> Sequence[tuple[str, str, int]]:
        """Name, kind and number of units of every layer that can be studied."""

    def layer(self, name: str) -> Layer:
        """Open one layer. Raises UnitError with the nearest names if it is not there."""

    def index(self, layer: str, unit: int | str) -> int:
        """Position of a unit in its layer, by number or by class name; UnitError out of range."""


@runtime_checkable
class Directed(Protocol):
    """A model in whose layers a direction can be studied as a unit of its own."""

    def direction(self, layer: str, vector: ArrayLike, name: str) -> Layer:
        """A layer of one unit: the projection of a layer's units on a vector."""


@runtime_checkable
class Framed(Protocol):
    """A layer of a network that may be shown a part of each image, and whose maps cover that."""

    def frame(self, size: tuple[int, int]) -> Frame | None:
        """Which part of images of a size (width, height); None for all."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What is usual for a unit: its activations over the data, held-out images left out."""

    values: NDArray[np.float32]
    """Shape (n,), sorted, finite: one activation an image."""
    threshold: float | None
    """The 0.95 quantile of the unit's map over all positions of all images; None without maps."""

    def __post_init__(self) -> None:
        # Experiments are handed this very array.
        self.values.setflags(write=False)

    @property
    def high(self) -> float:
        """The 0.95 quantile over images: above it an image counts as active.

        Of a unit that answers more images than that with its very maximum, as one that is on or off
        may, it is the next value below: else nothing would ever count.
        """
        below = self.values[self.values < self.values[-1]]
        return float(below[-1]) if self.topped else self.quantile(HIGH)

    @property
    def topped(self) -> bool:
        """Whether a twentieth of the images or more answer with the very maximum, but not all."""
        return bool(self.quantile(HIGH) >= self.values[-1] > self.values[0])

    @property
    def sd(self) -> float:
        """Standard deviation over images: exactly 0 for a unit that never varies."""
        return float(np.std(self.values, dtype=np.float64))

    def quantile(self, share: float) -> float:
        """The activation below which that share (0–1) of the data's images lies."""
        return float(np.quantile(self.values, share))

    def percentile(self, value: float) -> float:
        """Share of the data's images that lie below ``value``, 0–100; ties count half."""
        below = np.searchsorted(self.values, value, "left")
        upto = np.searchsorted(self.values, value, "right")
        return float(below + upto) / 2 / len(self.values) * 100


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """How strongly, and where, a unit answered one image."""

    value: float
    percentile: float
    """Among the data's images, 0–100; NaN where the map was reduced otherwise than theirs were."""
    image: Image.Image
    map: NDArray[np.float32] | None = field(default=None, repr=False)
    """Shape (height, width) of the image, the map's lowest where the network is not shown it; None
    where the unit has no place."""
    mask: NDArray[np.bool_] | None = field(default=None, repr=False)
    """Where the map is above the unit's 0.95 quantile over the data."""


Reduce = Literal["max", "mean"] | Callable[[NDArray[np.float32]], float]


class System:
    """The unit under study. Show it images, and it answers with activations.

    Attributes:
        unit: the unit's address.
        reference: its activations over the data: ``system.reference.percentile(value)``,
            ``system.reference.high``.
    """

    def __init__(self, unit: Unit, layer: Layer, index: int, reference: Reference) -> None:
        """Bind a unit to the layer that computes it and to what is usual for it."""
        self.unit, self.reference = unit, reference
        self.watched: Callable[[Sequence[Image.Image]], None] = lambda _: None
        """Told which images were measured, so that none of them is taken for a fresh one later."""
        self._layer, self._index = layer, index

    def call_neuron(
        self, images: Image.Image | Sequence[Image.Image], reduce: Reduce = "max"
    ) -> tuple[list[float], list[Image.Image]]:
        """Measure images in one batched forward pass.

        Args:
            images: one image or several. A masked image is measured as its original.
            reduce: how a unit's map becomes one number: ``"max"`` (the paper's), ``"mean"``, or a
                function of the (h, w) map. Units without a map ignore it.

        Returns:
            The activations, and for each image a copy that is darkened outside the region where
            the unit is active (above its 0.95 quantile over the data).

        Example:
            >>> activations, masked = system.call_neuron(tools.text2image(["a red circle"]))
            >>> print(f"{activations[0]:.2f}")
        """
        answers = self._answer(images, reduce)
        return [a.value for a in answers], [masked(a) for a in answers]

    def activate(
        self, images: Image.Image | Sequence[Image.Image], reduce: Reduce = "max"
    ) -> list[Activation]:
        """Measure images, and return value, percentile among the data, map and mask for each.

        Example:
            >>> for a in system.activate(tools.text2image(["a red circle"], per_prompt=3)):
            ...     print(f"{a.value:.2f} is above {a.percentile:.0f} % of the data")
        """
        return self._answer(images, reduce)

    def values(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Measure images without looking where: float32, shape (n,), all finite.

        Raises:
            ModelError: the model answers an image with NaN or infinity.

        Example:
            >>> print(system.values(tools.dataset_sample(20)).mean())
        """
        if not images:
            return np.zeros(0, np.float32)
        response = self._layer.respond([provenance.original(i) for i in images], [self._index])
        self.watched(images)
        return self._finite(response.values[:, 0])

    @property
    def position(self) -> int:
        """Its place among the units of its layer."""
        return self._index

    def layer(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Measure all units of its layer: float32, shape (n, units).

        Example:
            >>> strongest = system.layer(tools.dataset_sample(3)).argmax(axis=1)
        """
        originals = [provenance.original(image) for image in images]
        self.watched(originals)
        return self._layer.respond(originals, range(self._layer.units)).values

    def _answer(
        self, images: Image.Image | Sequence[Image.Image], reduce: Reduce
    ) -> list[Activation]:
        images = [images] if isinstance(images, Image.Image) else list(images)
        if not images:
            return []
        originals = [provenance.original(image) for image in images]
        return self._read(originals, self._layer.respond(originals, [self._index]), reduce)

    def _read(
        self, originals: Sequence[Image.Image], response: Response, reduce: Reduce
    ) -> list[Activation]:
        self.watched(originals)
        values, maps = response.values[:, 0], response.maps
        usual = maps is None or reduce == "max"
        if maps is not None and reduce != "max":
            function = np.mean if reduce == "mean" else reduce
            values = np.array([function(m) for m in maps[:, 0]], np.float32)
        threshold = self.reference.threshold
        # The paper's masks take a map for zero beyond its edge. To a unit that is mostly below zero
        # that would be its strongest answer.
        beyond = np.float32(min(0.0, threshold or 0.0))
        frame = self._layer.frame if isinstance(self._layer, Framed) else lambda _: None
        answers = []
        for i, (image, value) in enumerate(zip(originals, self._finite(values), strict=True)):
            grown = mask = None
            if maps is not None:
                grown = upsample(maps[i, 0] - beyond, image.size, frame(image.size)) + beyond
                mask = None if threshold is None else grown > threshold
                if (unseen := np.isneginf(grown)).any():
                    grown[unseen] = grown[~unseen].min()
            percentile = self.reference.percentile(value) if usual else np.nan
            answers.append(Activation(float(value), percentile, image, grown, mask))
        return answers

    def _finite(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if wrong := np.count_nonzero(~np.isfinite(values)):
            raise ModelError(
                str(self.unit),
                f"answered {wrong} of {len(values)} images with NaN or infinity",
                "look at those images, or run the model in float32",
            )
        return values


def recall(system: System, images: Sequence[Image.Image], response: Response) -> list[Activation]:
    """What the unit answers to images, where that is known already: as if it were asked now."""
    return system._read(images, response, "max")


def together(systems: Mapping[str, System], images: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Measure several units, those of one layer in one pass: float32, shape (n, systems)."""
    layers: dict[tuple[str | int, ...], NDArray[np.float32]] = {}
    columns = []
    for system in systems.values():
        at: tuple[str | int, ...] = (system.unit.model, system.unit.layer)
        if system._layer.units == 1:
            # Perhaps a direction, which goes by the name of the layer that it lies in.
            at = (*at, id(system))
        if at not in layers:
            layers[at] = system.layer(images)
        columns.append(system._finite(layers[at][:, system._index]))
    return np.stack(columns, 1)


def upsample(
    grid: NDArray[np.float32], size: tuple[int, int], frame: Frame | None = None
) -> NDArray[np.float32]:
    """Grow a (h, w) map to an image's size (width, height); returns (height, width).

    Bilinear, on the grid of MAIA's own masks: it is a little wider than the image and zero beyond
    the map, so that a region is the one the paper's code would show. A map that covers no more of
    the image than ``frame`` is laid there, with -inf around it.
    """
    if frame is not None:
        left, top, right, bottom = frame
        inside = upsample(grid, (right - left, bottom - top))
        placed = np.full(size[::-1], -np.inf, np.float32)
        placed[max(0, top) : bottom, max(0, left) : right] = inside[
            max(0, -top) : size[1] - top, max(0, -left) : size[0] - left
        ]
        return placed
    down, across = (_shares(*side) for side in zip(size[::-1], grid.shape, strict=True))
    grown: NDArray[np.float32] = down @ np.asarray(grid, np.float32) @ across.T
    return grown


@lru_cache(64)
def _shares(pixels: int, cells: int) -> NDArray[np.float32]:
    """Shape (pixels, cells): what each cell along a side gives to each pixel."""
    if cells == 1:
        return np.ones((pixels, 1), np.float32)
    # Rounded step by step as grid_sample does, which MAIA calls without aligning corners.
    scale, one = pixels / cells, np.float32(1)
    place = np.arange(pixels, dtype=np.float32) - np.float32(0.5 * scale - 0.5)
    place = place * np.float32(2 / (scale * (cells - 1))) - one
    place = ((place + one) * np.float32(cells) - one) / np.float32(2)
    low = np.floor(place)
    shares = np.zeros((pixels, cells), np.float32)
    for cell, share in ((low, low + one - place), (low + one, place - low)):
        inside = (cell >= 0) & (cell < cells)
        shares[np.flatnonzero(inside), cell[inside].astype(int)] = share[inside]
    return shares


def masked(activation: Activation) -> Image.Image:
    """The image, darkened outside the mask; the image itself where the unit has no place."""
    image, mask = activation.image, activation.mask
    if mask is None:
        return image
    if mask.all():
        return image
    plain = image if image.mode == "RGB" else image.convert("RGB")
    shown = plain.point([round(level * DIM) for level in range(256)] * 3)
    shown.paste(plain, mask=Image.fromarray(mask))
    return provenance.stand_in(shown, image, "system", mask)
