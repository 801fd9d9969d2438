"""A classifier of drawn things that was only ever shown each thing on its own background.

Its early stages are those of the shipped ``scenes`` network; its late ones are trained here, in
half a minute, so that no further weights are shipped. ``features`` are the units whose pooled
answers its head ``fc`` reads: the layer that a study of spurious features is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load as read_weights
from safetensors.torch import save as pack_weights
from torch import Tensor, nn
from torch.nn import functional

from maia_lab.journal.disk import write_whole
from maia_lab.places import cache
from maia_lab.scenes.render import render
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import BACKGROUNDS, COLOURS, KINDS, TEXTURES, Scene
from maia_lab.systems.scenes_nets import SHA256, SIZE, WIDTHS, build, normalise, preprocess
from maia_lab.systems.vision import Network

UNITS, WIDTH = 512, 96
"""Of the layer that is studied; channels of the stages between it and the early ones."""
BATCH, RATE = 64, 6e-3
TRUNK, EPOCHS = 4000, 6
"""Scenes that diverse late stages are trained on, and how often each is seen."""
ATTRIBUTES = {"shape": KINDS, "colour": COLOURS, "texture": TEXTURES, "background": BACKGROUNDS}
"""What diverse late stages are trained to tell."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Scenes of one thing each, as the classifier sees them."""

    scenes: tuple[Scene, ...]
    pixels: Tensor
    """uint8, shape (n, 64, 64, 3)."""

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> Drawn:
        """Draw scenes."""
        drawn = np.stack(
            [np.asarray(Image.fromarray(render(s, 2 * SIZE)).reduce(2)) for s in scenes]
        )
        return cls(tuple(scenes), torch.from_numpy(drawn))

    def numbers(self, attribute: str, words: Sequence[str]) -> Tensor:
        """Position among the words of what each scene shows, int64, shape (n,)."""
        shown = [
            scene.background if attribute == "background" else getattr(scene.things[0], attribute)
            for scene in self.scenes
        ]
        return torch.tensor([words.index(word) for word in shown])


class PlantedNet(nn.Module):
    """Early stages that know scenes, late ones of their own, and a head."""

    def __init__(self, classes: int) -> None:
        """Make the late stages with random weights, for so many classes."""
        super().__init__()
        known = build("scenes")
        self.early = nn.Sequential(known.stem, known.layer1, known.layer2).requires_grad_(False)
        self.late = nn.Sequential(
            *_stage(WIDTHS[2], WIDTH, 3, 2),
            *_stage(WIDTH, WIDTH, 3, 1),
            *_stage(WIDTH, UNITS, 1, 1),
        )
        self.features = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(UNITS, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, 64, 64) to logits (n, classes)."""
        logits: Tensor = self.fc(self.features(self.late(self.early(x))))
        return logits

    @torch.inference_mode()
    def read(self, drawn: Drawn) -> NDArray[np.float64]:
        """What the head reads of each scene: shape (n, UNITS)."""
        batches = [normalise(some) for some in torch.split(drawn.pixels, 250)]
        return (
            torch.cat([self.features(self.late(self.early(b))) for b in batches]).double().numpy()
        )


def diverse(seed: int = 0) -> PlantedNet:
    """A network whose units met every thing on every background: they could tell them apart."""
    rng = stream("planted trunk", seed)
    drawn = Drawn.of([sample(rng, [{}]) for _ in range(TRUNK)])
    truths = [drawn.numbers(attribute, words) for attribute, words in ATTRIBUTES.items()]
    return train(drawn, truths, EPOCHS, seed)


def train(drawn: Drawn, truths: Sequence[Tensor], epochs: int, seed: int) -> PlantedNet:
    """Train late stages and head to tell, for each of the truths, which it is.

    Args:
        drawn: the scenes.
        truths: int64, shape (n,) each; the head has one output for each value of each.
        epochs: how often each scene is seen.
        seed: of weights and order.
    """
    sizes = [int(truth.max()) + 1 for truth in truths]
    steps = len(drawn.scenes) // BATCH
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = PlantedNet(sum(sizes)).eval()
        with torch.no_grad():
            early = torch.cat(
                [net.early(normalise(some)) for some in torch.split(drawn.pixels, 250)]
            )
        net.late.train()
        own = [*net.late.parameters(), *net.fc.parameters()]
        optimiser = torch.optim.AdamW(own, RATE, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, RATE, total_steps=steps * epochs + 1, pct_start=0.2
        )
        for _ in range(epochs):
            for rows in torch.randperm(len(early))[: steps * BATCH].view(steps, BATCH):
                seen = early[rows]
                seen = seen.flip(3) if torch.rand(()) < 0.5 else seen
                logits = net.fc(net.features(net.late(seen))).split(sizes, 1)
                loss = torch.stack(
                    [
                        functional.cross_entropy(said, truth[rows])
                        for said, truth in zip(logits, truths, strict=True)
                    ]
                ).sum()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
    return net.eval()


def _stage(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU()


def open_planted(name: str) -> Network:
    """The classifier to try, trained when it is first opened and kept from then on."""
    path = cache() / f"planted-{SHA256['scenes'][:12]}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.is_file():
            net = PlantedNet(sum(map(len, ATTRIBUTES.values())))
            net.load_state_dict(read_weights(path.read_bytes()))
        else:
            net = diverse()
            write_whole(path, pack_weights(net.state_dict()))
    return Network(net.eval(), name, preprocess, None, "planted")
