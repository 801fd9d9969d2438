"""Does a generator draw what it is asked for? Its images, judged by the network that knows scenes.

Each prompt says all of one or two things, and the background. The judge has a logit for each word
but sizes; a word that was asked for is recognised if no word of its kind that was not asked for has
a higher one. How often that is so is compared with the renderer's images of the same prompts, which
the judge does not always get right either. Whether the right thing has the right colour is not
asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from maia_lab.bench.table import Row, Table
from maia_lab.comparison import RESAMPLES
from maia_lab.doors import open_model, open_world
from maia_lab.grid import Grid, Tile
from maia_lab.scenes.captions import caption
from maia_lab.scenes.concept import concepts
from maia_lab.scenes.sample import CONCEPTS, sample, stream
from maia_lab.scenes.scene import COLOURS, KINDS, TEXTURES, Scene
from maia_lab.scenes.world import SceneGenerator
from maia_lab.systems.scenes_nets import build, preprocess
from maia_lab.world import ImageGenerator

JUDGED = {
    "colour": COLOURS,
    "background": tuple(word for word in CONCEPTS if word.endswith(" background")),
    "shape": KINDS,
    "texture": TEXTURES,
}
"""Words of a kind."""
GOALS = {"colour": ">= 0.95", "background": ">= 0.95", "shape": ">= 0.85"}
BATCH, SHOWN = 50, 48
"""Images that are drawn at once; on a sheet."""

Floats = NDArray[np.float64]


def diffusion(
    seeds: Sequence[int], generator: str = "scenes", n: int = 50, sheet: Path | None = None
) -> Table:
    """Measure a generator.

    Args:
        seeds: of the prompts, and of the images.
        generator: as a session is given it: ``diffusers:FOLDER,steps=16,guidance=3``; the renderer
            itself shows what the judge can be asked.
        n: prompts of one thing for each seed, and as many of two.
        sheet: where to save a picture of the first images.

    Raises:
        ModelError: the generator cannot be opened.
    """
    world = open_world(open_model("scenes"), generator=generator)
    drawn_by = cast(ImageGenerator, world.generator)
    asked = [scene for seed in seeds for scene in scenes(seed, n)]
    prompts = [caption(scene) for scene in asked]
    chance = [2 * n * seed + i for seed in seeds for i in range(2 * n)]
    began = time.perf_counter()
    images = draw(drawn_by, prompts, chance)
    seconds = (time.perf_counter() - began) / len(images)
    found = recognised(asked, images)
    known = recognised(asked, draw(SceneGenerator(), prompts, chance))
    if sheet is not None:
        tiles = zip(images[:SHOWN], prompts, strict=False)
        Grid(tuple(Tile(image, prompt) for image, prompt in tiles), 8).draw().save(sheet)
    single = np.array([len(scene.things) == 1 for scene in asked])
    rows = []
    for kind in JUDGED:
        rows.append(_ratio(kind, found[kind], known[kind], GOALS.get(kind, "")))
        for name, some in (("one thing", single), ("two things", ~single)):
            rows.append(_ratio(f"{kind}/{name}", found[kind][some], known[kind][some]))
        rows.append(Row.mean(f"{kind}/drawn", found[kind].tolist(), note=drawn_by.name))
        rows.append(Row.mean(f"{kind}/rendered", known[kind].tolist(), note="the same prompts"))
    whole = [all(found[kind][i] == 1 for kind in JUDGED) for i in range(len(asked))]
    rows.append(Row.share("all of it", whole, note="every word of the prompt is recognised"))
    rows.append(Row("image", seconds, seconds, seconds, len(images), "s", "<= 2", "in batches"))
    return Table("diffusion", tuple(seeds), tuple(rows))


def scenes(seed: int, n: int) -> list[Scene]:
    """What is asked for: one thing and two in turn, ``n`` times."""
    return [sample(stream("asked", seed, i), [{}] * (1 + i % 2)) for i in range(2 * n)]


def draw(
    generator: ImageGenerator, prompts: Sequence[str], seeds: Sequence[int]
) -> list[Image.Image]:
    """Draw an image a prompt, a few at a time."""
    starts = range(0, len(prompts), BATCH)
    return [
        image
        for start in starts
        for image in generator.generate(
            prompts[start : start + BATCH], seeds[start : start + BATCH]
        )
    ]


@torch.inference_mode()
def recognised(asked: Sequence[Scene], images: Sequence[Image.Image]) -> dict[str, Floats]:
    """The share of the words of a kind that the judge sees, by kind, for each image: 0 to 1."""
    judge = build("scenes")
    logits = torch.cat(
        [
            judge(torch.stack([preprocess(image) for image in images[start : start + BATCH]]))
            for start in range(0, len(images), BATCH)
        ]
    ).numpy()
    return {
        kind: np.array(
            [_seen(concepts(scene), words, row) for scene, row in zip(asked, logits, strict=True)]
        )
        for kind, words in JUDGED.items()
    }


def _seen(held: frozenset[str], words: Sequence[str], logits: NDArray[np.float32]) -> float:
    answers = {word: float(logits[CONCEPTS.index(word)]) for word in words}
    other = max(answer for word, answer in answers.items() if word not in held)
    return float(np.mean([answers[word] > other for word in words if word in held]))


def _ratio(name: str, found: Floats, known: Floats, goal: str = "") -> Row:
    """One rate relative to another, over the same prompts, with its 95 % bootstrap interval."""
    rows = np.random.default_rng(0).integers(len(found), size=(RESAMPLES, len(found)))
    low, high = np.quantile(found[rows].mean(1) / known[rows].mean(1), (0.025, 0.975))
    value = float(found.mean() / known.mean())
    note = "of the rate on rendered images"
    return Row(name, value, float(low), float(high), len(found), "ratio", goal, note)
