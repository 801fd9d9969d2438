"""A network read by another head: a module that maps images to the classes of a refitted head."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from maia_lab.errors import ModelError
from maia_lab.systems.forward import watch
from maia_lab.systems.layout import PROBES, Grid, Layout, patches_of


class Refitted(nn.Module):
    """A network whose layer a head reads, as units are measured: by their strongest position.

    Attributes:
        layer: the layer's name.
        classes: names of the outputs, in order.
        head: the linear map from the layer's units to them.
    """

    def __init__(self, path: Path | str, net: nn.Module) -> None:
        """Put a saved head onto a network, which stays as it is.

        Raises:
            ModelError: the file holds no head, or the network has no such layer.
        """
        super().__init__()
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata() or {}
                self.layer, self.classes = about["layer"], tuple(json.loads(about["classes"]))
                weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
            self._part = [net.get_submodule(self.layer)]
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ModelError(
                str(path), f"is no head that was refitted ({error})", "name a head.safetensors"
            ) from error
        except AttributeError as error:
            raise ModelError(
                type(net).__name__,
                f"has no layer {self.layer}",
                "give the network it was fitted on",
            ) from error
        self.net, self.head = net, nn.Linear(weight.shape[1], weight.shape[0])
        self.head.load_state_dict({"weight": weight, "bias": bias})
        self._layout: Layout | None = None

    def forward(self, batch: Tensor) -> Tensor:
        """Map images (n, channels, height, width) to logits (n, classes)."""
        layout = self._layout = self._layout or self._read(batch)
        found: list[Tensor] = []
        (part,) = self._part
        hook = part.register_forward_hook(lambda _part, _given, out: found.append(out))
        try:
            self.net(batch)
        finally:
            hook.remove()
        answer = layout.read(found[-1])
        answer = answer.amax((2, 3)) if answer.dim() == 4 else answer
        logits: Tensor = self.head(answer.to(self.head.weight.dtype))
        return logits

    def _read(self, batch: Tensor) -> Layout:
        """How the layer's output is read."""
        outputs: list[object] = []
        patches: list[Grid] = []

        def ran(part: nn.Module, output: object) -> None:
            if grid := patches_of(part, output):
                patches.append(grid)
            if part is self._part[0]:
                outputs.append(output)

        with torch.no_grad():
            gray = batch.new_zeros(PROBES, *batch.shape[1:])
            watch(self.net, list(self.net.modules()), gray, ran, self.layer)
        layout = Layout.of(outputs[-1] if outputs else None, batch.shape[1:], patches)
        if not isinstance(layout, Layout) or layout.units != self.head.in_features:
            raise ModelError(
                type(self.net).__name__,
                f"does not give {self.head.in_features} units at {self.layer}",
                "give the network the head was fitted on",
            )
        return layout
