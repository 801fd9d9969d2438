"""Any vision network in torch, asked what one of its layers answers, and left as it was found."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike
from PIL import Image
from torch import Tensor, nn

from maia_lab.errors import ModelError, UnitError
from maia_lab.names import nearest, position
from maia_lab.system import Frame, Response
from maia_lab.systems.fingerprint import describe, fingerprint, probes
from maia_lab.systems.forward import final, show, watch
from maia_lab.systems.frame import frame
from maia_lab.systems.layout import PROBES, Grid, Layout, Unreadable, patches_of
from maia_lab.systems.preprocess import Preprocess, batch_of

BATCH = 64
"""Images in one forward pass, at most."""
PIECE = 20 << 20
"""Bytes of the largest output, at most, in one pass on a CPU, unless one image's is larger.

Of few images at a time an output is read while it is in cache, and malloc gives the same memory out
again instead of asking for new pages: in a new process a MobileNetV2 is twice as fast by 4 images
as by 32. (Once such pages lie free, as after many large outputs at once, it is fastest by 32.)
"""
COUNTED = 16
"""Images in one pass on a CPU, at least, when an index is built.

Of fewer torch multiplies matrices, and with one thread convolutions of 1 × 1, by other routines:
slower, and other in the last bit, so that an index would depend on the threads it was built with.
"""
LOGITS = "logits"
"""Layer name of the model's final output."""


class Network:
    """A torch module whose layers can be studied: maps, tokens, features, logits, directions.

    It runs where its parameters lie and in their precision, in evaluation mode, without gradients.
    Modes, hooks, device and gradients are afterwards as they were, also after an error.
    """

    def __init__(
        self,
        module: nn.Module,
        name: str,
        preprocess: Preprocess,
        classes: Sequence[str] | None = None,
        world: str | None = None,
    ) -> None:
        """Wrap a module; nothing runs yet.

        Args:
            module: the network.
            name: as it is written in addresses.
            preprocess: makes one image ready for it.
            classes: names of its final outputs, in order.
            world: name of the world it was trained on; None where only the user can know.
        """
        self.name, self.world = name, world
        self._module, self._preprocess = module, preprocess
        self._classes = None if classes is None else tuple(classes)
        self._memory = torch.channels_last
        """How batches lie in memory: most convolutions are faster with channels last."""
        self._frames: dict[tuple[int, int], Frame | None] = {}
        self._largest = 0
        """Bytes of the largest output of a module, for one image."""

    @property
    def module(self) -> nn.Module:
        """The torch module itself."""
        return self._module

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the final outputs, in order, where they are known."""
        return self._classes

    def layers(self) -> list[tuple[str, str, int]]:
        """Name, kind and number of units of every layer that can be studied, in running order.

        Kinds are ``channels``, ``tokens``, ``features`` and, for named outputs, ``classes``.
        """
        return [
            (name, "classes" if self._names(name) else layout.kind, layout.units)
            for name, layout in self._layouts.items()
            if isinstance(layout, Layout)
        ]

    def layer(self, name: str) -> NetworkLayer:
        """Open one layer, by the name of its module, or ``logits`` for the final output.

        Raises:
            UnitError: there is no such module.
            ModelError: it never runs, runs more than once, or its output cannot be read.
        """
        return NetworkLayer(self, name, self._layout(name))

    def direction(self, layer: str, vector: ArrayLike, name: str) -> NetworkLayer:
        """A layer of one unit: the projection of a layer's units on a vector, as it is given.

        Args:
            layer: the layer the vector lies in.
            vector: one number a unit of that layer.
            name: what to call it.

        Raises:
            ModelError: the vector has another length, is zero, or holds NaN or infinity.
        """
        layout = self._layout(layer)
        along = np.array(vector, np.float32)
        if along.shape != (layout.units,):
            raise ModelError(
                name,
                f"is a direction of shape {along.shape}, and {layer} has {layout.units} units",
                f"give a vector of {layout.units} numbers",
            )
        if not np.isfinite(along).all() or not along.any():
            raise ModelError(
                name, "is zero, or holds NaN or infinity", "give a vector that points somewhere"
            )
        return NetworkLayer(self, layer, layout, torch.from_numpy(along))

    def index(self, layer: str, unit: int | str) -> int:
        """Position of a unit in its layer, by number or, among logits, by class name.

        Raises:
            UnitError: there is no such unit; the error names the nearest.
        """
        units = self._layout(layer).units
        return position(f"{self.name}/{layer}", unit, units, self._names(layer))

    def output(self, layer: str, images: Sequence[Image.Image]) -> Tensor:
        """What the module behind a layer returns for one batch of images.

        Raises:
            ModelError: preprocessing or the model fails, or no tensor comes out.
        """
        found: list[Tensor] = []

        def read(_part: nn.Module, output: object) -> None:
            found.append(self._tensor(layer, output))

        pieces = self.pieces(batch_of(images, self._preprocess))
        address = f"{self.name}/{layer}"
        show(self._module, [self._part(layer)], pieces, read, address, self._memory)
        return torch.cat(found) if len(found) > 1 else found[0]

    def digest(self, *more: bytes) -> str:
        """Hash of weights, structure, code and preprocessing, and of whatever else is given."""
        sha = self._hash()
        for part in more:
            sha.update(part)
        return sha.hexdigest()

    def digests(self, layers: Sequence[str]) -> list[str]:
        """The digests of several layers, for which the weights are read once."""
        own = self._hash()
        found = []
        for name in layers:
            (sha := own.copy()).update(name.encode())
            found.append(sha.hexdigest())
        return found

    def prepare(self, images: Sequence[Image.Image]) -> Tensor:
        """Make images ready for one pass: shape (n, channels, height, width); on any thread."""
        return batch_of(images, self._preprocess)

    def frame(self, size: tuple[int, int]) -> Frame | None:
        """Which part of images of a size (width, height) it is shown; None for all."""
        if size not in self._frames:
            self._frames[size] = frame(self._preprocess, size)
        return self._frames[size]

    def pieces(self, batch: Tensor) -> Sequence[Tensor]:
        """Cut a batch into as many images as are best shown at once: all, but on a CPU."""
        return torch.split(batch, self._most) if self._on_cpu else [batch]

    def alike(self, batch: Tensor) -> Sequence[Tensor]:
        """Cut a batch so that its images are answered alike by however many threads."""
        if not self._on_cpu:
            return [batch]
        if len(batch) < COUNTED:
            batch = torch.cat([batch, batch[:1].expand(COUNTED - len(batch), *batch.shape[1:])])
        return torch.tensor_split(batch, max(1, len(batch) // max(COUNTED, self._most)))

    @property
    def _most(self) -> int:
        most = max(1, PIECE // max(self._largest, 1))
        return 1 << most.bit_length() - 1

    @property
    def _on_cpu(self) -> bool:
        first = next(self._module.parameters(), None)
        return first is None or first.device.type == "cpu"

    def survey(
        self, layers: Sequence[str], batch: Tensor, visit: Callable[[str, Tensor], None]
    ) -> None:
        """Show what several layers answer to one batch, by pieces that end with the last.

        Args:
            layers: their names.
            batch: as :meth:`prepare` made it.
            visit: told a layer's name and its answers to the next few images, shape
                (n, units, h, w) or (n, units), which are the network's own memory and may change
                once ``visit`` has returned.

        Raises:
            ModelError: the model fails, or a layer was not reached.
        """
        asked: dict[nn.Module, list[tuple[str, Layout]]] = {}
        for name in layers:
            asked.setdefault(self._part(name), []).append((name, self._layout(name)))

        def read(part: nn.Module, output: object) -> None:
            for name, layout in asked[part]:
                visit(name, layout.read(self._tensor(name, output))[: len(batch)])

        show(self._module, list(asked), self.alike(batch), read, self.name, self._memory)

    def _hash(self) -> hashlib._Hash:
        sha = hashlib.sha256(fingerprint(self._module))
        sha.update(describe(self._preprocess).encode())
        for image in probes():
            ready = batch_of([image], self._preprocess)
            sha.update(ready.float().numpy(force=True).tobytes())
        return sha

    def _part(self, layer: str) -> nn.Module:
        return self._module if layer == LOGITS else self._module.get_submodule(layer)

    def _tensor(self, layer: str, output: object) -> Tensor:
        output = final(output) if layer == LOGITS else output
        if not isinstance(output, Tensor):
            raise ModelError(
                f"{self.name}/{layer}",
                f"returned a {type(output).__name__} this time",
                "hook another module",
            )
        return output

    def _names(self, layer: str) -> tuple[str, ...] | None:
        return self._classes if layer == LOGITS else None

    def _layout(self, name: str) -> Layout:
        layouts, address = self._layouts, f"{self.name}/{name}"
        readable = [layer for layer, layout in layouts.items() if isinstance(layout, Layout)]
        if name not in layouts:
            raise UnitError(address, "is not a layer", f"the nearest are {nearest(name, readable)}")
        layout = layouts[name]
        if isinstance(layout, Unreadable):
            inside = [layer for layer in readable if layer.startswith(f"{name}.")]
            example = inside[-1] if inside else nearest(name, readable, 1)
            raise ModelError(address, layout.reason, f"hook another module, for example {example}")
        return layout

    @cached_property
    def _layouts(self) -> dict[str, Layout | Unreadable]:
        """How the output of each module is read, in running order, found by one probing pass."""
        parts = self._module.named_modules()
        names = {part: name for name, part in parts if name not in ("", LOGITS)}
        gray = Image.new("RGB", (224, 224), (128, 128, 128))
        batch = batch_of([gray] * PROBES, self._preprocess)
        found: dict[str, Layout | Unreadable] = {}
        runs: Counter[str] = Counter()
        patches: list[Grid] = []

        def ran(part: nn.Module, output: object) -> None:
            name = names.get(part, LOGITS)
            runs[name] += 1
            if grid := patches_of(part, output):
                patches.append(grid)
            output = final(output) if name == LOGITS else output
            if isinstance(output, Tensor):
                self._largest = max(self._largest, output.nbytes // PROBES)
            found[name] = Layout.of(output, batch.shape[1:], patches)
            if runs[name] > 1:
                found[name] = Unreadable(f"runs {runs[name]} times in one pass")

        every = [*names, self._module]
        try:
            watch(self._module, every, batch, ran, self.name, self._memory)
        except ModelError:
            # It may take for granted how its maps lie in memory; if that is not why, it says again.
            self._memory = torch.contiguous_format
            found, runs, patches = {}, Counter(), []
            watch(self._module, every, batch, ran, self.name)
        # A module may be known by several names, of which the first was met.
        for name, part in self._module.named_modules(remove_duplicate=False):
            if part in names:
                found.setdefault(name, found.get(names[part], Unreadable("never runs")))
        logits = found[LOGITS]
        if self._classes and isinstance(logits, Layout) and len(self._classes) != logits.units:
            raise ModelError(
                self.name,
                f"has {logits.units} logits and was given {len(self._classes)} class names",
                "give one name for each",
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class NetworkLayer:
    """One layer of a network, or one direction in it."""

    network: Network
    name: str
    """As it is written in an address."""
    layout: Layout
    along: Tensor | None = None
    """Shape (units of the layer,): the direction; None for the layer's own units."""

    @property
    def units(self) -> int:
        """How many units it has."""
        return self.layout.units if self.along is None else 1

    @property
    def digest(self) -> str:
        """Hash of everything its answers depend on, taken anew each time: weights may change."""
        along = b"" if self.along is None else self.along.numpy().tobytes()
        return self.network.digest(self.name.encode(), along)

    def frame(self, size: tuple[int, int]) -> Frame | None:
        """Which part of images of a size (width, height) its maps cover; None for all."""
        return self.network.frame(size)

    def respond(
        self, images: Sequence[Image.Image], units: Sequence[int] | None = None
    ) -> Response:
        """Answer the images in batches of 64; out of memory, once more in batches half as large.

        Raises:
            ModelError: the model fails, or memory does not suffice for half a batch either.
        """
        chosen = list(range(self.units) if units is None else units)
        if not images:
            return Response(np.zeros((0, len(chosen)), np.float32))
        batch = min(BATCH, len(images))
        try:
            return self._respond(images, chosen, batch)
        except torch.OutOfMemoryError:
            # Tried again below: until this block is left, the traceback holds on to the batch.
            half = max(1, batch // 2)
        torch.cuda.empty_cache()
        try:
            return self._respond(images, chosen, half)
        except torch.OutOfMemoryError as error:
            raise ModelError(
                f"{self.network.name}/{self.name}",
                f"runs out of memory even for {half} images at a time",
                "free memory on the device, or move the model to another",
            ) from error

    def _respond(self, images: Sequence[Image.Image], units: list[int], batch: int) -> Response:
        answers = []
        for start in range(0, len(images), batch):
            output = self.network.output(self.name, images[start : start + batch])
            answer = self.layout.read(output)
            if self.along is not None:
                along = self.along.to(answer.device)
                answer = torch.einsum("nc...,c->n...", answer.float(), along)[:, None]
            answers.append(answer[:, units].float().cpu())
        joined = torch.cat(answers)
        if joined.dim() == 2:
            return Response(joined.numpy())
        return Response(joined.amax((2, 3)).numpy(), joined.numpy())
