"""A diffusion pipeline's files on this machine: which pipeline, what for, and is it whole?"""

from __future__ import annotations

import hashlib
import inspect
from logging import ERROR
from pathlib import Path
from typing import Any, Literal

import diffusers
from diffusers import DiffusionPipeline
from huggingface_hub import snapshot_download
from transformers.utils import logging as parts

from maia_lab.errors import ModelError

NO_INSTRUCTION = frozenset(
    ["strength", "mask_image", "control_image", "controlnet_conditioning_scale", "noise_level"]
)
"""What a pipeline that repaints by a caption takes, and none that follows an instruction."""
STILL = frozenset(("prompt", "height", "width"))
"""What every pipeline takes that draws still images from words."""


class Checkpoint:
    """What is known of a pipeline before any of its weights are loaded.

    Attributes:
        where: as it was named.
        folder: where its files are.
        family: the class of diffusers it is run by.
        takes: what that class accepts in a call.
        parts: its parts, each a folder of its own.
    """

    def __init__(self, where: str, use: Literal["generator", "editor"]) -> None:
        """Find a checkpoint by folder, or by name among those fetched before.

        Raises:
            ModelError: it is not here, not complete, or not for this use.
        """
        self.where, self.folder = where, _folder(where)
        try:
            config = DiffusionPipeline.load_config(self.folder, local_files_only=True)
        except OSError as error:
            raise ModelError(
                where,
                "is no diffusers pipeline: it has no model_index.json that can be read",
                f"name a folder written by save_pretrained, or fetch one: {self.fetch}",
            ) from error
        self.family = str(config.get("_class_name", ""))
        self.takes = self._parameters(use)
        made = {k: v for k, v in config.items() if isinstance(v, list | tuple)}
        self.parts = [name for name, (library, *_) in made.items() if library]
        if missing := [name for name in self.parts if not (self.folder / name).is_dir()]:
            raise ModelError(where, f"lacks its {', '.join(missing)}", f"fetch it: {self.fetch}")

    @property
    def fetch(self) -> str:
        """The command that brings it here."""
        return _fetch(self.where)

    def digest(self) -> str:
        """Hash of its files: configuration, words and weights."""
        total = hashlib.sha256()
        files = (path for part in self.parts for path in (self.folder / part).rglob("*"))
        for path in sorted([self.folder / "model_index.json", *files]):
            if not path.is_file():
                continue
            total.update(path.relative_to(self.folder).as_posix().encode())
            # The hub's cache names a file by its content.
            if (blob := path.resolve()).parent.name == "blobs":
                total.update(blob.name.encode())
            else:
                with path.open("rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()

    def _parameters(self, use: str) -> frozenset[str]:
        level = parts.get_verbosity()
        # It would warn that torchvision is missing, which no pipeline here needs.
        parts.set_verbosity(ERROR)
        family: Any = getattr(diffusers, self.family, None)
        parts.set_verbosity(level)
        if family is None:
            raise ModelError(
                self.where,
                f"is a {self.family or 'pipeline without a class'}, which diffusers"
                f" {diffusers.__version__} does not know",
                "install the version it was made with",
            )
        takes = frozenset(inspect.signature(family.__call__).parameters)
        edits = {"prompt", "image"} <= takes and not takes & NO_INSTRUCTION
        draws = takes >= STILL and "num_frames" not in takes
        # The newer FLUX models do both.
        draws = draws and ("image" not in takes or self.family.startswith("Flux"))
        if not (draws if use == "generator" else edits):
            other = "an editor" if edits else "a generator" if draws else "neither"
            raise ModelError(
                self.where,
                f"is a {self.family}, which is {other}",
                f"name another {use} for what is to be "
                + ("drawn from words" if use == "generator" else "edited by instruction"),
            )
        return takes


def _folder(where: str) -> Path:
    if (path := Path(where).expanduser()).is_dir():
        return path
    try:
        return Path(snapshot_download(where, local_files_only=True))
    except (OSError, ValueError) as error:
        raise ModelError(
            where, "is neither a folder nor a model fetched before", f"fetch it: {_fetch(where)}"
        ) from error


def _fetch(where: str) -> str:
    name = where if where.count("/") == 1 and not Path(where).exists() else "OWNER/NAME"
    return f"hf download {name}"
