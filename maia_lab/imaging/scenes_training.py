"""How a diffusion model of scenes is trained: ``python -m maia_lab.imaging --out FOLDER``.

Scenes are drawn once, by all cores, and kept. The autoencoder learns them; then they are kept as
the numbers it makes of them, and the UNet, which learns with the words, never waits for an image.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from maia_lab.errors import ModelError
from maia_lab.imaging.course import Budget, Course, Say
from maia_lab.imaging.scenes_diffusion import SHRINKS, WIDTH, WORDS, build
from maia_lab.scenes.prompts import SIDE, pairs
from maia_lab.scenes.render import appearance

SHARE, FEWER = 0.2, 4
"""Of the minutes, for the autoencoder; its batches are so many times smaller."""
KL = 1e-3
"""How much it matters that the autoencoder's numbers are like noise, beside the pixels."""
WORDLESS = 0.1
"""How often the words are left out, so that guidance has something to lead away from."""
THINGS = 4
"""How much what is in a thing counts, beside what is not: things are a tenth of an image, and all
that words say of an image but its background."""
NOISY, ANYWHERE = (1.2, 0.9), 4
"""Where most times lie, by their log-odds' mean and spread (Esser et al. 2024): there the words for
shapes tell most of what is under the noise. One time in so many is anywhere."""
PART = 500
"""Scenes that a process draws at a time."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What learns from what: a training goes on with the same only."""

    width: int = WIDTH
    """See :func:`~maia_lab.imaging.scenes_diffusion.build`."""
    images: int = 300_000
    """Scenes to learn from."""
    batch: int = 512
    """Images in a step of the UNet."""
    seed: int = 0
    """Of weights, scenes, noise and order."""
    half: bool = False
    """Compute in bfloat16 on a CPU, too; a GPU always does."""


class Training:
    """A diffusion model of scenes in the making, with what it learns from."""

    def __init__(self, out: Path, recipe: Recipe, device: torch.device, say: Say) -> None:
        """Begin, or go on where the folder was left.

        Raises:
            ModelError: what is in the folder was begun otherwise.
        """
        self.out, self.recipe, self.device, self.say = out, recipe, device, say
        self.folder = out / "training"
        self.folder.mkdir(parents=True, exist_ok=True)
        path, begun = self.folder / "recipe.json", json.dumps(asdict(recipe))
        if path.exists() and (other := path.read_text("utf-8")) != begun:
            raise ModelError(str(out), f"was begun with {other}", "name another folder")
        path.write_text(begun, "utf-8")
        self.pipe: Any = build(recipe.width, recipe.seed)
        for part in _learning(self.pipe):
            part.to(device, memory_format=torch.channels_last)
        self.kept = self.pipe.scheduler.alphas_cumprod.to(device)
        """The share of an image that noise has left at each time, in variance; shape (1000,)."""
        pixels, things, words = self._drawn()
        self.pixels = torch.from_numpy(pixels).to(device)
        self.things = torch.from_numpy(things).to(device)
        self.words = torch.from_numpy(words).to(device)
        self.wordless = torch.from_numpy(self._read([""])).to(device)

    def run(self, minutes: float, steps: int | None) -> None:
        """Train both, and leave a pipeline in the folder, which is written anew every minute.

        Args:
            minutes: of training in all, earlier runs included.
            steps: of each, in place of minutes.

        Raises:
            ModelError: the loss is no number any more.
        """
        vae, seed = self.pipe.vae, self.recipe.seed
        half = self.recipe.half or self.device.type == "cuda"
        first = Course(self.folder / "autoencoder.pt", vae, self.device, seed, half)
        if not first.over:
            budget = Budget(60 * minutes * SHARE, steps)
            first.run(self._lost, budget, self.say, lambda: None)
        vae.load_state_dict(first.averaged.state_dict())
        vae.requires_grad_(False)
        self._encode()
        both = nn.ModuleList([self.pipe.unet, self.pipe.text_encoder])
        second = Course(self.folder / "unet.pt", both, self.device, seed, half)
        budget = Budget(60 * minutes * (1 - SHARE), steps)
        second.run(self._off, budget, self.say, lambda: self._write(*second.averaged.children()))

    def _lost(self, chance: torch.Generator) -> Tensor:
        """What images lose by going through the autoencoder."""
        rows = self._rows(max(1, self.recipe.batch // FEWER), chance)
        images = _scaled(self.pixels[rows])
        made = self.pipe.vae.encode(images).latent_dist
        again = self.pipe.vae.decode(made.mean + made.std * self._noise(made.mean, chance)).sample
        unlike_noise = made.kl().mean() / made.mean[0].numel()
        unlike_pixels = _counted(self.things[rows]) * (again.float() - images).abs()
        lost: Tensor = unlike_pixels.mean() + KL * unlike_noise
        return lost

    @torch.no_grad()
    def _encode(self) -> None:
        """Keep every image as numbers of about unit spread, and no longer as pixels."""
        vae = self.pipe.vae
        parts = torch.split(self.pixels, self.recipe.batch)
        made = torch.cat([vae.encode(_scaled(some)).latent_dist.mean.half() for some in parts])
        spread = float(made[:10_000].float().std())
        vae.register_to_config(scaling_factor=1 / spread)
        self.latents = made / spread
        del self.pixels

    def _off(self, chance: torch.Generator) -> Tensor:
        """How far off the velocity is that the UNet sees in noisy numbers (Salimans & Ho 2022)."""
        rows = self._rows(self.recipe.batch, chance)
        clean = self.latents[rows].float()
        noise = self._noise(clean, chance)
        # Spread evenly: the loss is less a matter of chance (Kingma et al. 2021).
        places = torch.arange(len(rows), device=self.device)
        shift = torch.rand(rows.shape, generator=chance, device=self.device)
        even = (places + shift) / len(rows)
        middle, spread = NOISY
        often = torch.sigmoid(middle + spread * torch.special.ndtri(even))
        times = torch.where(places % ANYWHERE == 0, even, often) * len(self.kept)
        times = times.long().clamp(0, len(self.kept) - 1)
        kept = self.kept[times, None, None, None]
        signal, rest = kept.sqrt(), (1 - kept).sqrt()
        mute = torch.rand(rows.shape, generator=chance, device=self.device) < WORDLESS
        words = torch.where(mute[:, None], self.wordless, self.words[rows]).long()
        noisy = (signal * clean + rest * noise).contiguous(memory_format=torch.channels_last)
        seen = self.pipe.unet(noisy, times, self.pipe.text_encoder(words)[0]).sample
        counted = _counted(functional.avg_pool2d(self.things[rows].float(), SHRINKS))
        off: Tensor = (counted * (seen.float() - signal * noise + rest * clean).square()).mean()
        return off

    def _write(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        """Save the pipeline as it is now, in half precision."""
        pipe = build(self.recipe.width, self.recipe.seed)
        pipe.vae.register_to_config(scaling_factor=self.pipe.vae.config.scaling_factor)
        learned = (self.pipe.vae, unet, text_encoder)
        for part, known in zip(_learning(pipe), learned, strict=True):
            part.load_state_dict(known.state_dict())
            part.half()
        pipe.save_pretrained(self.out)

    def _rows(self, count: int, chance: torch.Generator) -> Tensor:
        return torch.randint(self.recipe.images, (count,), generator=chance, device=self.device)

    def _noise(self, like: Tensor, chance: torch.Generator) -> Tensor:
        return torch.randn(like.shape, generator=chance, device=self.device)

    def _drawn(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.int16]]:
        """Draw what is learned from, on all cores; it is kept in the folder for the next time.

        Returns:
            Pixels, uint8, shape (images, 64, 64, 3); where things are, bool, shape (images, 64,
            64); and the tokens of what was asked for each, shape (images, 40).
        """
        path = self.folder / f"scenes-{appearance()[:8]}.npz"
        if path.exists():
            with np.load(path) as known:
                return known["pixels"], known["things"], known["words"]
        images = self.recipe.images
        began, count = time.monotonic(), -(-images // PART)
        pixels = np.empty((count * PART, SIDE, SIDE, 3), np.uint8)
        things = np.empty((count * PART, SIDE, SIDE), np.bool_)
        words = np.empty((count * PART, WORDS), np.int16)
        task = partial(pairs, self.recipe.seed, count=PART)
        # A fork of a process that has met a GPU is none that can be used.
        with get_context("spawn").Pool(min(count, os.cpu_count() or 1)) as pool:
            for part, (some, where, texts) in enumerate(pool.imap(task, range(count))):
                rows = slice(part * PART, (part + 1) * PART)
                pixels[rows], things[rows], words[rows] = some, where, self._read(texts)
        self.say(f"scenes: {images} drawn, {images / (time.monotonic() - began):.0f} a second")
        new = path.with_suffix(".new.npz")
        np.savez(new, pixels=pixels[:images], things=things[:images], words=words[:images])
        new.replace(path)
        return pixels[:images], things[:images], words[:images]

    def _read(self, texts: Sequence[str]) -> NDArray[np.int16]:
        tokens = self.pipe.tokenizer(
            list(texts), padding="max_length", truncation=True, return_tensors="np"
        )
        words: NDArray[np.int16] = tokens.input_ids.astype(np.int16)
        return words


def _learning(pipe: Any) -> tuple[Any, Any, Any]:
    return pipe.vae, pipe.unet, pipe.text_encoder


def _counted(things: Tensor) -> Tensor:
    """How much each place counts, shape (n, 1, h, w), by the share of it that is in a thing."""
    return 1 + (THINGS - 1) * things[:, None].float()


def _scaled(pixels: Tensor) -> Tensor:
    """Pixels, uint8, shape (n, 64, 64, 3), as −1 to 1, shape (n, 3, 64, 64)."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
