"""How a module's output is read: which axis holds its units, and where in the image each answers.

An output says neither, so both are worked out once, from what the model answers two gray images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Size, Tensor, nn

from maia_lab.errors import ModelError

PROBES = 2
"""Images in the probing pass: more than one, so that the axis of the images can be told."""
MOST_EXTRA = 8
"""Class and register tokens before the patches, at most."""
SKEW = 0.25
"""How far a map's proportions may be from the image's: convolutions without padding bend them."""

Grid = tuple[int, int]
"""Rows, columns."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a module's output cannot be studied."""

    reason: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What the axes of one module's output mean."""

    kind: Literal["channels", "tokens", "features"]
    units: int
    axis: int
    """The axis of the units."""
    grid: Grid | None = None
    """Of a token layer's patches; channels bring their own."""
    extra: int = 0
    """Class and register tokens before the patches: they lie nowhere in the image."""

    @classmethod
    def of(cls, output: object, image: Size, patches: Sequence[Grid]) -> Layout | Unreadable:
        """Work out the layout from the output for two probing images.

        Args:
            output: what the module returned.
            image: shape (channels, height, width) of one preprocessed image.
            patches: grids into which the model's patch embeddings cut the image, if it has any.
        """
        if not isinstance(output, Tensor):
            what = type(output).__name__
            if isinstance(output, Mapping):
                what += f" with {', '.join(map(str, output))}"
            elif isinstance(output, Sequence):
                what += f" of {len(output)}"
            return Unreadable(f"returns a {what}, where a tensor is needed")
        shape = tuple(output.shape)
        told = f"gives {shape} for {PROBES} images"
        if not output.is_floating_point():
            return Unreadable(f"returns {output.dtype}, where real numbers are needed")
        if not shape or shape[0] != PROBES or 0 in shape:
            return Unreadable(f"{told}: its first axis is not that of the images")
        if len(shape) == 2:
            return cls("features", shape[1], 1)
        if len(shape) == 3:
            return cls._of_tokens(shape, patches) or Unreadable(
                f"{told}: {shape[1]} tokens, even without up to {MOST_EXTRA} class and register"
                " tokens, are no grid of patches"
            )
        if len(shape) == 4:
            return cls._of_map(shape, image) or Unreadable(
                f"{told}, neither of whose ends has the image's proportions"
            )
        return Unreadable(f"{told}, which is neither a map, nor tokens, nor features")

    @classmethod
    def _of_map(cls, shape: tuple[int, ...], image: Size) -> Layout | None:
        def skew(height: int, width: int) -> float:
            down, across = height / image[1], width / image[2]
            return abs(down - across) / max(down, across)

        # (n, C, h, w) unless (n, h, w, C) fits the image better, as in a Swin transformer.
        first, last = skew(*shape[2:]), skew(*shape[1:3])
        if min(first, last) > SKEW:
            return None
        axis = 1 if first <= last else 3
        single = all(side == 1 for i, side in enumerate(shape) if i not in (0, axis))
        return cls("features" if single else "channels", shape[axis], axis)

    @classmethod
    def _of_tokens(cls, shape: tuple[int, ...], patches: Sequence[Grid]) -> Layout | None:
        tokens, units = shape[1:]
        if tokens == 1:
            return cls("features", units, 2)
        # Hierarchical transformers merge two by two patches from stage to stage.
        grids = [(h >> k, w >> k) for h, w in patches for k in range(6)]
        grids = grids or [(side, side) for side in range(int(tokens**0.5), 0, -1)]
        for height, width in grids:
            if min(height, width) > 1 and 0 <= tokens - height * width <= MOST_EXTRA:
                extra = tokens - height * width
                return cls("tokens", units, 2, (height, width), extra)
        return None

    def read(self, output: Tensor) -> Tensor:
        """Bring an output into the shape (n, units, h, w), or (n, units) where there is no place.

        Raises:
            ModelError: the tokens are not as many as for the probing images.
        """
        if self.kind == "features":
            return output.flatten(1)
        if self.grid is None:
            return output.movedim(self.axis, 1)
        tokens = self.extra + self.grid[0] * self.grid[1]
        if output.shape[1] != tokens:
            raise ModelError(
                f"{output.shape[1]} tokens",
                f"came where there were {tokens} for a gray image",
                "make preprocess give images of one size",
            )
        patches = output[:, self.extra :].transpose(1, 2)
        return patches.reshape(*patches.shape[:2], *self.grid)


def patches_of(module: nn.Module, output: object) -> Grid | None:
    """The grid into which a patch embedding cuts the image; None for any other module."""
    cuts = isinstance(module, nn.Conv2d) and module.stride == module.kernel_size != (1, 1)
    if not cuts or not isinstance(output, Tensor):
        return None
    return output.shape[-2], output.shape[-1]
