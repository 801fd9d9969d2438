"""Two small networks trained on scenes and shipped with the package, whose units can be named.

Their two deepest stages are concept bottlenecks (Koh et al. 2020, applied to two depths at once):
channel k of ``layer3``, and of ``layer4``, was trained to answer where ``PHRASES[k]`` is, for
example where a thing is green and checkered, and nowhere else. Each phrase holds in about one scene
in twenty, so a unit's top twentieth is what a good description of it picks out. Nobody promises
that a unit learned its phrase, and all of it: that is for an experiment to say. The units of
``stem``, ``layer1`` and ``layer2`` were told nothing and hold what training left in them, and those
of :func:`untrained` hold nothing; find little there before you believe what you find elsewhere.

``python -m maia_lab.systems.scenes_nets --train`` makes them again: the same recipe, though not the
same bits on every machine.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load as read_weights
from torch import Tensor, nn
from torch.nn import functional

from maia_lab.errors import ModelError
from maia_lab.scenes.sample import CATEGORIES, CONCEPTS
from maia_lab.scenes.scene import COLOURS, KINDS, SIZES, TEXTURES

CLASSES: dict[str, tuple[str, ...]] = {
    "scenes": CONCEPTS,
    "scenes-categories": tuple(CATEGORIES),
}
"""Name of each network, and of its logits in order."""
PHRASES: tuple[str, ...] = (
    *(f"{colour} {texture}" for colour in COLOURS for texture in TEXTURES if texture != "plain"),
    *(f"{size} {shape}" for shape in KINDS for size in SIZES),
)
"""What the channels of ``layer3`` and ``layer4`` were trained to answer to, in order."""
SHA256 = {
    "scenes": "090451318bf88215b619293a7aa1acb2d63697dc0942af4fdb775e48e6b5b40e",
    "scenes-categories": "4ea9c040d88b8135633f6c8190fedc9c0f447c940005d11d5061af2ffeb068f0",
}
"""Of the weights files this version ships."""
WEIGHTS = Path(__file__).with_name("weights")
SIZE = 64
"""Side of the images the networks see, in pixels."""
WIDTHS = (24, 32, 64, len(PHRASES), len(PHRASES))
"""Channels of stem, layer1, layer2, layer3, layer4."""


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        """Take ``inputs`` channels and give ``outputs``, with every ``stride``-th position."""
        super().__init__()
        self.first = _convolution(inputs, outputs, 3, stride)
        self.second = _convolution(outputs, outputs, 3, 1)
        self.around = _convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride), nowhere negative."""
        return functional.relu(self.evidence(x))

    def evidence(self, x: Tensor) -> Tensor:
        """The same before it is cut at zero: training needs to know how far below a unit is."""
        evidence: Tensor = self.second(functional.relu(self.first(x))) + self.around(x)
        return evidence


class ScenesNet(nn.Module):
    """A residual network of five stages, in which a class is judged by strongest positions.

    Those of ``layer4`` tell it of things, those of ``layer2`` of grounds and plain colours.
    """

    def __init__(self, classes: int) -> None:
        """Make the network with random weights, for so many classes."""
        super().__init__()
        stem, one, two, three, four = WIDTHS
        self.stem = nn.Sequential(_convolution(3, stem, 5, 2), nn.ReLU())
        self.layer1 = Block(stem, one, 1)
        self.layer2 = Block(one, two, 2)
        self.layer3 = Block(two, three, 2)
        self.layer4 = Block(three, four, 1)
        self.fc = nn.Linear(two + four, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, 64, 64) as :func:`preprocess` makes them to logits (n, classes)."""
        seen = self.layer2(self.layer1(self.stem(x)))
        return self._judge(seen, self.layer4(self.layer3(seen)))

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What training compares with the truth.

        Returns:
            Of ``layer3`` and ``layer4`` the evidence, shape (n, phrases, 8, 8), and the logits, of
            which no gradient reaches ``layer4``: its units serve their phrases alone.
        """
        seen = self.layer2(self.layer1(self.stem(x)))
        third = self.layer3.evidence(seen)
        fourth = self.layer4.evidence(functional.relu(third))
        return third, fourth, self._judge(seen, functional.relu(fourth.detach()))

    def _judge(self, seen: Tensor, found: Tensor) -> Tensor:
        logits: Tensor = self.fc(torch.cat([seen.amax((2, 3)), found.amax((2, 3))], 1))
        return logits


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)
    )


def build(name: str) -> ScenesNet:
    """Load a shipped network, in evaluation mode.

    Args:
        name: ``scenes`` (sees 38 concepts) or ``scenes-categories`` (tells 12 kinds of place).

    Raises:
        ModelError: no such network, or its weights are missing or not the ones shipped.
    """
    net = untrained(name, 0)
    path = WEIGHTS / f"{name}.safetensors"
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise ModelError(str(path), "cannot be read", "install the package again") from error
    found = hashlib.sha256(packed).hexdigest()
    if found != SHA256[name]:
        raise ModelError(
            str(path),
            f"is not the file this version ships (its sha256 begins {found[:12]}, not"
            f" {SHA256[name][:12]})",
            "install the package again, or, if you trained it yourself, put its sha256 in SHA256",
        )
    net.load_state_dict({key: tensor.float() for key, tensor in read_weights(packed).items()})
    return net


def untrained(name: str, seed: int) -> ScenesNet:
    """The architecture of a shipped network with random weights: the control for any finding.

    Raises:
        ModelError: no such network.
    """
    if name not in CLASSES:
        raise ModelError(name, "is not a shipped network", f"choose one of {', '.join(CLASSES)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = ScenesNet(len(CLASSES[name]))
    return net.eval()


def preprocess(image: Image.Image) -> Tensor:
    """Make an image ready for the networks: float32, shape (3, 64, 64), about -2 to 2."""
    small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX)
    return normalise(torch.from_numpy(np.array(small))[None])[0]


def normalise(pixels: Tensor) -> Tensor:
    """Turn pixels, uint8, shape (n, 64, 64, 3), into what the networks take."""
    return (pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25


if __name__ == "__main__":
    from maia_lab.systems.scenes_training import main

    raise SystemExit(main())
