"""The network a bench times: opened, with its layers chosen and its passes on a clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maia_lab.bench.crops import Crops
from maia_lab.errors import ModelError
from maia_lab.systems import zoo
from maia_lab.systems.counting import CHUNK
from maia_lab.systems.opening import open_network
from maia_lab.systems.preprocess import Normalised, Preprocess
from maia_lab.systems.vision import Network


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A network, bare and as it is studied."""

    net: nn.Module
    preprocess: Preprocess
    network: Network
    """The same module, opened."""
    device: torch.device
    blocks: list[str]
    """Layers: the outputs of its blocks."""
    every: list[str]
    """Layers: every convolution and linear layer with a map."""

    @classmethod
    def open(cls, model: str | None, device: str | None) -> Subject:
        """Open one by name or import path; without one, a MobileNetV2 of random weights."""
        if device:
            os.environ[zoo.DEVICE] = device
        opened = open_network(model or f"{__name__}:mobilenetv2")
        if not isinstance(opened, Network):
            raise ModelError(str(model), "is no torch module", "measure a network")
        net = opened._module.eval()
        where = next(net.parameters()).device
        return cls(net, opened._preprocess, opened, where, *_layers(net, opened))

    def clock(self, work: Callable[..., object], *given: object) -> float:
        """Seconds of one call: of the process on a CPU, else until the device is done."""
        began = self._now()
        work(*given)
        return self._now() - began

    def wall(self, work: Callable[[], object]) -> float:
        """Seconds of one call by the clock, until the device is done."""
        began = time.perf_counter()
        work()
        self._now()
        return time.perf_counter() - began

    def beside(self, work: Callable[[], object]) -> tuple[float, float]:
        """Seconds of one call, and those of them that are not the network's own."""
        forward, inside = self.net.forward, 0.0

        def timed(*given: object, **named: object) -> object:
            nonlocal inside
            began = self._now()
            try:
                return forward(*given, **named)
            finally:
                inside += self._now() - began

        vars(self.net)["forward"] = timed
        try:
            whole = self.clock(work)
        finally:
            del vars(self.net)["forward"]
        return whole, whole - inside

    def _now(self) -> float:
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def batch(self, crops: Crops, number: int) -> Tensor:
        """One batch of the images, ready and in place."""
        at = range(number * CHUNK, (number + 1) * CHUNK)
        return self.network.prepare([crops[i] for i in at]).to(self.device)

    def bare(self, *batches: Tensor) -> None:
        """The forward pass alone."""
        with torch.inference_mode():
            for batch in batches:
                self.net(batch.to(self.device))

    def units(self, names: list[str]) -> int:
        """How many units some layers have together."""
        return sum(self.network.layer(name).units for name in names)


def mobilenetv2() -> tuple[nn.Module, Preprocess]:
    """A MobileNetV2 of random weights, which are always the same."""
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    return _seeded(lambda: MobileNetV2ForImageClassification(MobileNetV2Config()))


def resnet50() -> tuple[nn.Module, Preprocess]:
    """A ResNet-50 of random weights, which are always the same."""
    from transformers import ResNetConfig, ResNetForImageClassification

    return _seeded(lambda: ResNetForImageClassification(ResNetConfig()))


def _seeded(build: Callable[[], nn.Module]) -> tuple[nn.Module, Preprocess]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(), Normalised((0.5,) * 3, (0.5,) * 3, 224)


def _layers(net: nn.Module, network: Network) -> tuple[list[str], list[str]]:
    """Names of the block outputs, and of every convolution and linear layer."""
    kinds = {name: kind for name, kind, _ in network.layers() if kind in ("channels", "tokens")}
    blocks: list[str] = []
    for name, part in net.named_modules():
        if isinstance(part, nn.Sequential | nn.ModuleList) and len(part) > 1:
            inside = [f"{name}.{at}".lstrip(".") for at, _ in part.named_children()]
            # What only wraps a list of blocks, as a stage does, is none itself.
            whole = all(len(list(child.children())) > 1 for child in part)
            outer = not any(f"{name}.".startswith(f"{block}.") for block in blocks)
            if whole and outer and all(at in kinds for at in inside):
                blocks += inside
    leaves = [n for n, p in net.named_modules() if isinstance(p, nn.Conv2d | nn.Linear)]
    every = [name for name in leaves if name in kinds]
    if not every:
        raise ModelError(network.name, "has no layer with maps", "measure another network")
    return blocks or every, every
