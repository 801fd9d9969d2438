"""From images to what a network takes: one tensor for each, all of one shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from maia_lab.errors import ModelError
from maia_lab.systems.fingerprint import describe

Preprocess = Callable[[Image.Image], Tensor]
"""Makes an image ready for a model: float tensor of shape (channels, height, width)."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """The usual preprocessing: the whole image resized to a square, channels normalised.

    Nothing is cropped, so that a unit's map covers the image it is laid over.
    """

    mean: tuple[float, ...]
    """Of each channel, on a scale of 0–1."""
    sd: tuple[float, ...]
    size: int
    """Side in pixels."""

    def __call__(self, image: Image.Image) -> Tensor:
        """Return float32 of shape (3, size, size)."""
        small = image.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        channels = np.asarray(small).transpose(2, 0, 1)
        pairs = zip(_tables(self.mean, self.sd), channels, strict=True)
        return torch.from_numpy(np.stack([table[levels] for table, levels in pairs]))


@lru_cache
def _tables(mean: tuple[float, ...], sd: tuple[float, ...]) -> NDArray[np.float32]:
    """Shape (3, 256): what each level of each channel becomes."""
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    return np.ascontiguousarray(((levels - mean) / sd).astype(np.float32).T)


@dataclass(frozen=True, slots=True)
class Processed:
    """What an image processor of transformers does, one image at a time."""

    processor: Any

    def __call__(self, image: Image.Image) -> Tensor:
        """Return what it calls ``pixel_values``: float32, shape (channels, height, width)."""
        ready = self.processor(images=image.convert("RGB"), return_tensors="pt")
        pixels: Tensor = ready["pixel_values"][0]
        return pixels


def preprocess_of(given: object, model: str) -> Preprocess:
    """Take a callable as it is, processors of transformers, and (mean, sd, size).

    Raises:
        ModelError: it is neither.
    """
    # A processor of images and texts holds one of images.
    given = getattr(given, "image_processor", given)
    if hasattr(given, "image_mean") and callable(given):
        return Processed(given)
    if callable(given):
        return given
    if isinstance(given, Sequence) and len(given) == 3:
        with suppress(TypeError, ValueError):
            mean, sd = (tuple(np.broadcast_to(np.array(x, float), 3).tolist()) for x in given[:2])
            if int(given[2]) > 0 and all(sd):
                return Normalised(mean, sd, int(given[2]))
    said = f"cannot take {given!r} as preprocess"
    raise ModelError(
        model,
        "does not say how an image becomes its input" if given is None else said,
        "pass preprocess: a function from a PIL image to a (channels, height, width) tensor, or"
        " (mean, sd, size), for example ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 224); a"
        " factory returns (module, preprocess)",
    )


def batch_of(images: Sequence[Image.Image], preprocess: Preprocess) -> Tensor:
    """Make images ready for one forward pass: shape (n, channels, height, width).

    Raises:
        ModelError: preprocess fails, gives no such tensors, or tensors of several shapes.
    """
    name = describe(preprocess)
    try:
        tensors = [preprocess(image) for image in images]
    except Exception as error:
        raise ModelError(
            name, f"fails on an image ({type(error).__name__}: {error})", "call it on one to see"
        ) from error
    for tensor in tensors:
        if not isinstance(tensor, Tensor) or tensor.dim() != 3 or not tensor.is_floating_point():
            got = type(tensor).__name__
            if isinstance(tensor, Tensor):
                got = f"{tensor.dtype} of shape {tuple(tensor.shape)}"
            raise ModelError(
                name,
                f"gives {got}, where a float tensor of shape (channels, height, width) is needed",
                "change what preprocess returns",
            )
    shapes = sorted({tuple(tensor.shape) for tensor in tensors})
    if len(shapes) > 1:
        raise ModelError(
            name,
            f"gives tensors of {len(shapes)} shapes, such as {shapes[0]} and {shapes[-1]}",
            "let it resize images to one size",
        )
    return torch.stack(tensors)
