"""Two small networks trained on scenes and shipped with the package, and how they were made.

``python -m maia_lab.systems.scenes_nets --train`` makes them again: the same recipe, though not the
same bits on every machine.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load as read_weights
from safetensors.torch import save as pack_weights
from torch import Tensor, nn
from torch.nn import functional

from maia_lab.errors import ModelError
from maia_lab.scenes.render import render
from maia_lab.scenes.sample import (
    CATEGORIES,
    CONCEPTS,
    sample,
    sample_category,
    stream,
    targets,
)

CLASSES: dict[str, tuple[str, ...]] = {
    "scenes": CONCEPTS,
    "scenes-categories": tuple(CATEGORIES),
}
"""Name of each network, and of its logits in order."""
SHA256 = {
    "scenes": "b58684cbe31988da24b20e5b133d62e7d3b55f5b3739b5b6712835dc7f92e073",
    "scenes-categories": "af190abafd846e3674926d73c18d1855e81e44a8ce13ced0ad24d4567fbe1a91",
}
"""Of the weights files this version ships."""
WEIGHTS = Path(__file__).with_name("weights")
SIZE = 64
"""Side of the images the networks see, in pixels."""
WIDTHS = (24, 32, 64, 96, 96)
"""Channels of stem, layer1, layer2, layer3, layer4."""
RECIPE = {"scenes": (40_000, 12), "scenes-categories": (30_000, 8)}
"""Images and epochs with which each was trained."""
BATCH = 128
"""Images in a training step."""


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
        hidden = functional.relu(self.first(x))
        return functional.relu(self.second(hidden) + self.around(x))


class ScenesNet(nn.Module):
    """A residual network of five stages, in which a class is judged by its strongest positions.

    The spatial maximum of a unit in ``layer4`` is therefore exactly what the logits are made of.
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
        self.fc = nn.Linear(four, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, 64, 64) as :func:`preprocess` makes them to logits (n, classes)."""
        x = self.layer2(self.layer1(self.stem(x)))
        x = self.layer4(self.layer3(x))
        logits: Tensor = self.fc(x.amax((2, 3)))
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
    return _normalise(torch.from_numpy(np.array(small))[None])[0]


def _normalise(pixels: Tensor) -> Tensor:
    return (pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25


def draw(name: str, purpose: str, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw labelled scenes for a network.

    Args:
        name: the network.
        purpose: names the stream of chance: ``train`` and ``test`` share no scene, nor does
            either share one with the data that a session sees.
        count: how many.
        seed: which ones.

    Returns:
        Pixels, uint8, shape (count, 64, 64, 3), and labels: 0 or 1, shape (count, 38), or the
        category, int64, shape (count,).
    """
    rng = stream(f"{name} {purpose}", seed)
    pixels = np.empty((count, SIZE, SIZE, 3), np.uint8)
    labels: list[NDArray[np.float32] | int] = []
    for row in pixels:
        if name == "scenes":
            scene = sample(rng)
            labels.append(targets(scene))
        else:
            scene, label = sample_category(rng)
            labels.append(label)
        row[:] = np.asarray(Image.fromarray(render(scene, 2 * SIZE)).reduce(2))
    return torch.from_numpy(pixels), torch.from_numpy(np.array(labels))


def train(
    name: str, *, images: int, epochs: int, seed: int, say: Callable[[str], None]
) -> ScenesNet:
    """Train a network from nothing.

    Args:
        name: which one.
        images: how many scenes to draw for it.
        epochs: how often it sees each, mirrored half of the time.
        seed: of weights, scenes and their order.
        say: told of the progress in lines of text.
    """
    pixels, labels = draw(name, "train", images, seed)
    loss_of = (
        functional.binary_cross_entropy_with_logits
        if name == "scenes"
        else functional.cross_entropy
    )
    net = untrained(name, seed).train()
    chance = torch.Generator().manual_seed(seed)
    steps, rate = images // BATCH, 4e-3
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps * epochs + 1, pct_start=0.2
    )
    started = time.monotonic()
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.randperm(images, generator=chance)[: steps * BATCH].view(steps, BATCH):
            x = _normalise(pixels[rows])
            mirrored = torch.rand(BATCH, generator=chance) < 0.5
            x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(x.contiguous(memory_format=torch.channels_last))
            loss = loss_of(logits.float(), labels[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total += loss.item()
        spent = time.monotonic() - started
        say(f"{name}: epoch {epoch + 1} of {epochs}, loss {total / steps:.4f}, {spent:.0f} s")
    return net.eval()


def pack(net: nn.Module) -> bytes:
    """The weights of a network in half precision, as the bytes of a safetensors file."""
    state = net.state_dict().items()
    return pack_weights(
        {
            key: tensor.half().contiguous() if tensor.is_floating_point() else tensor
            for key, tensor in state
        }
    )


@torch.inference_mode()
def answers(net: nn.Module, pixels: Tensor) -> Tensor:
    """Logits for drawn pixels, uint8, shape (n, 64, 64, 3)."""
    return torch.cat([net(_normalise(some)) for some in torch.split(pixels, 250)])


def auc(scores: Tensor, truth: Tensor) -> float:
    """Chance that a positive scores above a negative, ties counting half; both shape (n,)."""
    positive = scores[truth > 0.5].sort().values
    negative = scores[truth <= 0.5]
    below = torch.searchsorted(positive, negative, right=False)
    upto = torch.searchsorted(positive, negative, right=True)
    lost = (below + upto).double().mean() / 2 / len(positive)
    return float(1 - lost)


def judge(name: str, net: nn.Module, *, count: int, seed: int) -> dict[str, float]:
    """Test a network on scenes it never saw.

    Returns:
        For ``scenes`` the area under the ROC curve of each concept, for ``scenes-categories``
        the accuracy within each category.
    """
    pixels, labels = draw(name, "test", count, seed)
    logits = answers(net, pixels)
    if name == "scenes":
        return {concept: auc(logits[:, i], labels[:, i]) for i, concept in enumerate(CLASSES[name])}
    right = (logits.argmax(1) == labels).double()
    return {c: float(right[labels == i].mean()) for i, c in enumerate(CLASSES[name])}


def main(arguments: list[str] | None = None) -> int:
    """Train or test the shipped networks from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m maia_lab.systems.scenes_nets", description=__doc__.splitlines()[0]
    )
    parser.add_argument("names", nargs="*", default=list(CLASSES), help="networks; default: both")
    parser.add_argument("--train", action="store_true", help="train them; otherwise test them")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for trained weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, help="scenes to train on; default: as shipped")
    parser.add_argument("--epochs", type=int, help="default: as shipped")
    parser.add_argument("--test-images", type=int, default=3000)
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(CLASSES):
        parser.error(
            f"no network is called {', '.join(unknown)}; choose among {', '.join(CLASSES)}"
        )

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    for name in chosen.names:
        if chosen.train:
            images, epochs = (
                asked or shipped
                for asked, shipped in zip((chosen.images, chosen.epochs), RECIPE[name], strict=True)
            )
            if images // BATCH * epochs < 8:
                parser.error(f"nothing is learned from less than {8 * BATCH} images times epochs")
            net = train(name, images=images, epochs=epochs, seed=chosen.seed, say=say)
            packed = pack(net)
            path = chosen.out / f"{name}.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed)
            say(f"{path}: {len(packed):,} bytes, sha256 {hashlib.sha256(packed).hexdigest()}")
        else:
            net = build(name)
        scores = judge(name, net, count=chosen.test_images, seed=chosen.seed)
        mean = sum(scores.values()) / len(scores)
        say(f"{name}: mean {'AUC' if name == 'scenes' else 'accuracy'} {mean:.4f}, weakest first:")
        for what, score in sorted(scores.items(), key=lambda item: item[1]):
            say(f"  {score:.3f} {what}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
