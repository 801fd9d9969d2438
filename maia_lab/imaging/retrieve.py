"""Photographs found by the folder they lie in: a generator that invents nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from maia_lab.errors import DataError, WordsError
from maia_lab.images import ImageFolder
from maia_lab.labels import FolderLabels
from maia_lab.provenance import pixel_hash
from maia_lab.world import Images

PLAIN = frozenset(["a", "an", "the", "of", "photo", "photograph", "picture", "image"])
"""Words of a prompt that ask for nothing."""


class Retrieval:
    """Answers a prompt with photographs of the label it names; says what else it asked for."""

    def __init__(self, folder: str, without: Images | None = None) -> None:
        """Open a folder with a subfolder for each label.

        Args:
            folder: of images.
            without: images that are never handed out, such as those kept for scoring.

        Raises:
            DataError: there are no two labels in it.
        """
        self.images = ImageFolder(folder)
        kept = (
            {pixels for pixels, _ in without.labels()}
            if isinstance(without, ImageFolder)
            else set(map(pixel_hash, without or ()))
        )
        self._at: dict[str, list[int]] = {}
        labels = FolderLabels.of([self.images])
        if labels is None:
            raise DataError(
                folder, "has no labels to find images by", "sort them into a folder for each label"
            )
        for i, pixels in enumerate(self.images.hashes):
            if (label := labels.label(pixels)) and pixels not in kept:
                self._at.setdefault(label, []).append(i)
        self.labels = labels
        self.vocabulary = {"label": tuple(sorted(self._at))}
        self.name = f"retrieval from {self.images.name}"
        self.digest = self.images.digest
        self.remarks: list[str] = []

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        """Find one image a prompt, none twice as long as there are others of its label.

        Raises:
            WordsError: a prompt names no label, or several.
        """
        labels = [self._label(prompt) for prompt in prompts]
        left: dict[str, list[int]] = {}
        found = []
        for label, seed in zip(labels, seeds, strict=True):
            if not left.get(label):
                left[label] = list(self._at[label])
            at = int(np.random.default_rng(seed).integers(len(left[label])))
            found.append(self.images[left[label].pop(at)])
        for prompt, label in dict(zip(prompts, labels, strict=True)).items():
            over = [w for w in FolderLabels.plain(prompt).split("_") if w not in PLAIN]
            over = [w for w in over if w.removesuffix("s") not in label.split("_")]
            if over:
                self.remarks.append(
                    f"For {prompt!r}, images of {label!r} were found by their folder; nothing"
                    f" looked for: {', '.join(over)}."
                )
        return found

    def _label(self, prompt: str) -> str:
        named = [label for label in self.labels.named(prompt) if label in self._at]
        if len(named) == 1:
            return named[0]
        what = f"names several labels ({', '.join(named)})" if named else "names no label"
        raise WordsError(
            prompt,
            f"{what}, and each photograph has one",
            f"use one of {', '.join(self.vocabulary['label'][:50])}",
        )
