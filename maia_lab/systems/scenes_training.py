"""How the shipped networks are trained and tested: ``python -m maia_lab.systems.scenes_nets``."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save as pack_weights
from torch import Tensor, nn
from torch.nn import functional

from maia_lab.scenes.render import render
from maia_lab.scenes.sample import sample, sample_category, stream, targets
from maia_lab.scenes.scene import TEXTURES, Scene
from maia_lab.systems import scenes_nets
from maia_lab.systems.scenes_nets import CLASSES, PHRASES, SIZE, ScenesNet, build, normalise

RECIPE = {"scenes": (32_000, 12), "scenes-categories": (32_000, 12)}
"""Images and epochs with which each was trained."""
BATCH = 64
"""Images in a training step."""
BAR = 4.0
"""The evidence at which a unit is as likely to be in the presence of its phrase as not.

Above the usual noise of normalised evidence, so that a unit starts out silent rather than loud.
"""
CELLS = 8
"""Positions along a side of the maps of ``layer3`` and ``layer4``."""
TEXTURED = sum(phrase.split()[1] in TEXTURES for phrase in PHRASES)
"""So many phrases, the first, are of a texture."""
PLACELESS = -1
"""The label of a scene that is no kind of place."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Scenes with what there is to learn from them."""

    pixels: Tensor
    """uint8, shape (n, 64, 64, 3)."""
    labels: Tensor
    """0 or 1, float32, shape (n, 38), or the category or PLACELESS, int64, shape (n,)."""
    found: Tensor
    """Where phrases hold: number of the phrase, y, x and radius of its thing as shares of the side,
    float32, shape (n, 8, 4); the number is -1 where there is nothing more."""


def draw(name: str, purpose: str, count: int, seed: int) -> Drawn:
    """Draw labelled scenes for a network.

    Args:
        name: the network.
        purpose: names the stream of chance: ``train`` and ``test`` share no scene, nor does
            either share one with the data that a session sees.
        count: how many; for ``scenes-categories`` every other one is no kind of place, or things
            that are rare in places would hardly be learned.
        seed: which ones.
    """
    rng = stream(f"{name} {purpose}", seed)
    pixels = np.empty((count, SIZE, SIZE, 3), np.uint8)
    found = np.full((count, 8, 4), -1, np.float32)
    labels: list[NDArray[np.float32] | int] = []
    for i in range(count):
        if name == "scenes":
            scene = _full(rng) if purpose == "train" else sample(rng)
            labels.append(targets(scene))
        else:
            scene, label = sample_category(rng) if i % 2 else (_full(rng), PLACELESS)
            labels.append(label)
        pixels[i] = np.asarray(Image.fromarray(render(scene, 2 * SIZE)).reduce(2))
        where = _where(scene)
        found[i, : len(where)] = where
    numbers = (pixels, np.array(labels), found)
    return Drawn(*(torch.from_numpy(array) for array in numbers))


def _full(rng: np.random.Generator) -> Scene:
    """A scene with more to learn from than the usual: two to four things, few of them plain."""
    textures = rng.choice(TEXTURES, rng.integers(2, 5))
    return sample(rng, [{"texture": str(texture)} for texture in textures])


def _where(scene: Scene) -> NDArray[np.float32]:
    """Number of the phrase, y, x and radius, for every phrase of every thing."""
    rows = [
        (PHRASES.index(phrase), thing.y, thing.x, thing.radius)
        for thing in scene.things
        for phrase in (f"{thing.colour} {thing.texture}", f"{thing.size} {thing.shape}")
        if phrase in PHRASES
    ]
    return np.array(rows, np.float32).reshape(-1, 4)


def maps(found: Tensor) -> tuple[Tensor, Tensor]:
    """Turn places into what the units are to answer at each position.

    A unit is to answer at the centre of its thing, if its phrase is of a texture also on the inner
    part of it. Nearer to the thing than 0.1 it may do as it likes.

    Args:
        found: as in :class:`Drawn`.

    Returns:
        The answer, 0 or 1, and the weight, 0 or 1, both of shape (n, phrases, 8, 8).
    """
    answer = torch.zeros(len(found), len(PHRASES), CELLS, CELLS)
    near = torch.zeros_like(answer)
    image, entry = torch.nonzero(found[:, :, 0] >= 0, as_tuple=True)
    number, y, x, radius = found[image, entry].T
    phrase = number.long()
    centres = (torch.arange(CELLS) + 0.5) / CELLS
    distance = torch.hypot(
        centres[None, :, None] - y[:, None, None], centres[None, None, :] - x[:, None, None]
    )
    inside = distance < 0.6 * (radius * (phrase < TEXTURED))[:, None, None]
    answer.index_put_((image, phrase), inside.float(), accumulate=True)
    down, along = ((c * CELLS).long().clamp(0, CELLS - 1) for c in (y, x))
    answer[image, phrase, down, along] = 1
    around = distance < radius[:, None, None] + 0.1
    near.index_put_((image, phrase), around.float(), accumulate=True)
    answer = (answer > 0).float()
    return answer, torch.maximum(answer, (near == 0).float())


def train(
    name: str, *, images: int, epochs: int, seed: int, say: Callable[[str], None]
) -> ScenesNet:
    """Train a network from nothing.

    The loss is that of the classes and, five times, that of the units of ``layer3`` and ``layer4``
    at each position; batches are mirrored half of the time.

    Args:
        name: which one.
        images: how many scenes to draw for it.
        epochs: how often it sees each.
        seed: of weights, scenes and their order.
        say: told of the progress in lines of text.
    """
    drawn = draw(name, "train", images, seed)
    net = scenes_nets.untrained(name, seed).train()
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
            x, (answer, weight) = normalise(drawn.pixels[rows]), maps(drawn.found[rows])
            if torch.rand((), generator=chance) < 0.5:
                x, answer, weight = x.flip(3), answer.flip(3), weight.flip(3)
            with torch.autocast("cpu", torch.bfloat16):
                *evidence, logits = net.evidence(x.contiguous(memory_format=torch.channels_last))
            loss = _loss(name, logits.float(), drawn.labels[rows])
            for found in evidence:
                loss = loss + 5 * functional.binary_cross_entropy_with_logits(
                    found.float() - BAR, answer, weight, reduction="sum"
                ) / (BATCH * len(PHRASES))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total += loss.item()
        spent = time.monotonic() - started
        say(f"{name}: epoch {epoch + 1} of {epochs}, loss {total / steps:.4f}, {spent:.0f} s")
    return net.eval()


def _loss(name: str, logits: Tensor, labels: Tensor) -> Tensor:
    if name == "scenes":
        return functional.binary_cross_entropy_with_logits(logits, labels)
    return functional.cross_entropy(logits, labels, ignore_index=PLACELESS)


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
    return torch.cat([net(normalise(some)) for some in torch.split(pixels, 250)])


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
    drawn = draw(name, "test", count, seed)
    logits, labels = answers(net, drawn.pixels), drawn.labels
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
