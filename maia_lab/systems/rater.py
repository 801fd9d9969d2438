"""CLIP as a rater: how well a photograph goes with the words of a description."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoTokenizer, CLIPModel

from maia_lab.errors import ModelError
from maia_lab.provenance import pixel_hash
from maia_lab.scoring.rater import combined
from maia_lab.systems.preprocess import Normalised

MEAN, SD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the images CLIP was trained on, on a scale of 0–1 (Radford et al., 2021)."""
CHUNK = 32
NOTHING = "a photo"
"""What an image must go with less well than with a label."""


class ClipRater:
    """Prefers a label to no label, or does not: as sure as CLIP's own probability says."""

    def __init__(self, folder: str | Path) -> None:
        """Open weights and tokenizer from a folder on this machine; nothing is downloaded.

        Raises:
            ModelError: the folder does not hold them.
        """
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise ModelError(
                str(folder), "is not a folder", "name one written by CLIPModel.save_pretrained"
            )
        try:
            self._model = cast(Any, CLIPModel).from_pretrained(folder, local_files_only=True)
            self._tokens = cast(Any, AutoTokenizer).from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(
                str(folder),
                f"holds no CLIP model ({str(error).splitlines()[0]})",
                "name a folder written by CLIPModel.save_pretrained and its tokenizer's",
            ) from error
        self._model.eval()
        self._ready = Normalised(MEAN, SD, self._model.config.vision_config.image_size)
        self._known: dict[str, torch.Tensor] = {}
        self.name = f"CLIP ({folder.name})"

    def rate(
        self, images: Sequence[Image.Image], labels: Sequence[str], suppressed_by: Sequence[str]
    ) -> NDArray[np.float64]:
        """The surest label's probability against none, less what suppresses: 0 to 1."""
        said = [NOTHING, *(f"{NOTHING} of {label}" for label in (*labels, *suppressed_by))]
        model = self._model
        with torch.inference_mode():
            tokens = self._tokens(said, padding=True, truncation=True, return_tensors="pt")
            read = model.text_model(tokens["input_ids"], tokens["attention_mask"]).pooler_output
            words = torch.nn.functional.normalize(model.text_projection(read), dim=-1)
            logits = self._seen(images) @ words.T * model.logit_scale.exp()
            chance = torch.sigmoid(logits[:, 1:] - logits[:, :1]).double().numpy()
        return combined(list(chance.T[: len(labels)]), list(chance.T[len(labels) :]))

    def _seen(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """One unit vector an image; those seen last are remembered: the same are rated again."""
        keys = [pixel_hash(image) for image in images]
        if not set(keys) <= self._known.keys():
            vectors = []
            for start in range(0, len(images), CHUNK):
                pixels = torch.stack([self._ready(i) for i in images[start : start + CHUNK]])
                looked = self._model.vision_model(pixel_values=pixels).pooler_output
                vectors.append(self._model.visual_projection(looked))
            unit = torch.nn.functional.normalize(torch.cat(vectors), dim=-1)
            self._known = dict(zip(keys, unit, strict=True))
        return torch.stack([self._known[key] for key in keys])
