"""A diffusion pipeline at work: loaded, run in batches with a seed for each image, freed."""

from __future__ import annotations

import gc
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

import diffusers
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging
from PIL import Image
from transformers.utils import logging as parts

from maia_lab.errors import MissingExtra, ModelError, WordsError
from maia_lab.imaging.checkpoint import Checkpoint
from maia_lab.imaging.settings import Settings

TRIES = 4
"""Times an image that came out black is drawn, each time from another seed."""
LARGE = ("transformer", "unet", "text_encoder", "text_encoder_2", "text_encoder_3")
"""Parts that are worth quantising."""


class Pipeline:
    """A pipeline that is there once and runs as its settings say.

    Attributes:
        title: for people: where it came from, the start of its digest, what it was set to.
        digest: hash of everything in the folders of its parts: configuration, words and weights.
        family: the class of diffusers it is run by.
    """

    def __init__(self, address: str, use: Literal["generator", "editor"]) -> None:
        """Open a pipeline from this machine; nothing is downloaded.

        Args:
            address: a folder, or a name on the Hugging Face hub, with its settings.
            use: what it is wanted for.

        Raises:
            ModelError: it is not here, not complete, not for this use, or cannot run as asked.
        """
        self.where, self.settings = Settings.read(address)
        self._files = Checkpoint(self.where, use)
        self.family = self._files.family
        self._device, self._dtype = self._placed()
        self._batch = self.settings.batch
        self._pipe: Any = None
        self._load()
        self.digest = self._files.digest()
        self.title = self._title()

    def run(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        images: Sequence[Image.Image] | None = None,
    ) -> tuple[list[Image.Image], list[str]]:
        """Make an image for each prompt; one that comes out black is made again.

        Returns:
            The images, and one sentence for each prompt that took more than one try.

        Raises:
            WordsError: an image of a prompt came out black each time.
            ModelError: it does not run here.
        """
        made: list[Image.Image | None] = [None] * len(prompts)
        again: Counter[str] = Counter()
        for attempt in range(TRIES):
            left = [i for i, image in enumerate(made) if image is None]
            # Far from the seeds of other images, and the same whenever it is asked for again.
            tried = [seed + attempt * 0x9E3779B1 for seed in seeds]
            for batch in self._batches(left, images):
                for i, image in zip(batch, self._made(batch, prompts, tried, images), strict=True):
                    made[i] = image
                    again[prompts[i]] += image is None
        black = Counter(text for text, image in zip(prompts, made, strict=True) if image is None)
        if black:
            text, count = black.most_common(1)[0]
            raise WordsError(
                text,
                f"came out black in all of {TRIES} tries ({count} image{'s' * (count > 1)}), by the"
                f" safety checker of {self.where} or by numbers beyond {self._dtype}",
                "use other words, or other settings (dtype=float32)",
            )
        return cast(list[Image.Image], made), [
            f"{text!r} came out black, by a safety checker or numbers out of range, and was drawn"
            f" again from another seed: {count} {'times' if count > 1 else 'time'}."
            for text, count in again.items()
            if count
        ]

    def free(self) -> None:
        """Give the memory back; the next run loads the weights again."""
        self._pipe = None
        gc.collect()
        if self._device.type == "mps":
            torch.mps.empty_cache()
        elif torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _batches(
        self, which: Sequence[int], images: Sequence[Image.Image] | None
    ) -> Iterator[list[int]]:
        """Positions that can run at once: images of one size, where the pipeline takes several."""
        groups: dict[object, list[int]] = {}
        for i in which:
            several = images is None or "Pix2Pix" in self.family
            groups.setdefault(images and images[i].size if several else i, []).append(i)
        for group in groups.values():
            for start in range(0, len(group), self._batch):
                yield group[start : start + self._batch]

    def _made(
        self,
        batch: list[int],
        prompts: Sequence[str],
        seeds: Sequence[int],
        images: Sequence[Image.Image] | None,
    ) -> list[Image.Image | None]:
        try:
            return self._call(
                [prompts[i] for i in batch],
                # Noise from the CPU is the same on every device.
                [torch.Generator("cpu").manual_seed(seeds[i]) for i in batch],
                None if images is None else [images[i] for i in batch],
            )
        except (RuntimeError, ValueError, TypeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        # Outside the handler, whose traceback would keep what is to be given back.
        placed = f"on {self._device} in {str(self._dtype).removeprefix('torch.')}"
        if "out of memory" not in reason.lower():
            raise ModelError(
                self.where, f"does not run {placed} ({reason})", "set it otherwise (size=, dtype=)"
            )
        if len(batch) == 1:
            raise ModelError(
                self.where,
                f"does not find the memory for one image {placed}",
                "set offload=model, quantise=nf4 or a smaller size",
            )
        self._batch = len(batch) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        halves = batch[: self._batch], batch[self._batch :]
        return [image for half in halves for image in self._made(half, prompts, seeds, images)]

    def _call(
        self,
        prompts: list[str],
        generators: list[torch.Generator],
        images: list[Image.Image] | None,
    ) -> list[Image.Image | None]:
        set_to, several = self.settings, len(prompts) > 1
        said: dict[str, Any] = {"prompt": prompts if several else prompts[0]}
        said["generator"] = generators if several else generators[0]
        if images is not None:
            said["image"] = images if several else images[0]
            if "max_area" in self._files.takes or "Pix2Pix" in self.family:
                # FLUX Kontext and Stable Diffusion XL draw a square if they are not told.
                said["width"], said["height"] = images[0].size
        elif set_to.size:
            said |= {"height": set_to.size, "width": set_to.size}
        if set_to.size and "width" in said:
            said["max_area"] = said["width"] * said["height"]
        # Qwen's pipelines are guided only beside words for what is not wanted.
        qwen = self.family.startswith("Qwen")
        if qwen:
            said["negative_prompt"] = [" "] * len(prompts) if several else " "
        named = {
            "num_inference_steps": set_to.steps or None,
            "true_cfg_scale" if qwen else "guidance_scale": set_to.guidance,
            "image_guidance_scale": set_to.image_guidance,
        }
        said |= {name: value for name, value in named.items() if value is not None}
        if self._pipe is None:
            self._load()
        with torch.inference_mode(), warnings.catch_warnings():
            # Numbers beyond half precision become black images, which are told of.
            warnings.simplefilter("ignore")
            out = self._pipe(**{k: v for k, v in said.items() if k in self._files.takes})
        flagged = getattr(out, "nsfw_content_detected", None) or [False] * len(out.images)
        return [
            None if blank or not image.getbbox() else image.convert("RGB")
            for image, blank in zip(out.images, flagged, strict=True)
        ]

    def _load(self) -> None:
        further: dict[str, Any] = {}
        if self.settings.variant:
            further["variant"] = self.settings.variant
        if self.settings.quantise:
            further["quantization_config"] = self._quantised()
        for each in (logging, parts):
            each.disable_progress_bar()
        try:
            # Versions of diffusers disagree on what to call the dtype, and warn of the other.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pipe = cast(Any, DiffusionPipeline).from_pretrained(
                    self._files.folder, torch_dtype=self._dtype, local_files_only=True, **further
                )
            pipe.set_progress_bar_config(disable=True)
            if self.settings.offload == "model":
                pipe.enable_model_cpu_offload(device=self._device)
            elif self.settings.offload == "sequential":
                pipe.enable_sequential_cpu_offload(device=self._device)
            else:
                pipe.to(self._device)
        except Exception as error:  # Damage in any of a dozen libraries' files.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(
                self.where, f"cannot be loaded ({reason})", f"fetch it again: {self._files.fetch}"
            ) from error
        finally:
            for each in (logging, parts):
                each.enable_progress_bar()
        self._pipe = pipe

    def _placed(self) -> tuple[torch.device, torch.dtype]:
        gpu = torch.cuda.is_available()
        found = "cuda" if gpu else "mps" if torch.backends.mps.is_available() else "cpu"
        try:
            device = torch.device(self.settings.device or found)
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:
            raise ModelError(
                f"device={self.settings.device}", "is not there", f"set device={found}"
            ) from error
        if self.settings.offload and device.type == "cpu":
            raise ModelError(
                f"offload={self.settings.offload}", "needs a GPU to load to", "leave it out"
            )
        usual = {"cuda": "bfloat16", "mps": "float16"}.get(device.type, "float32")
        return device, getattr(torch, self.settings.dtype or usual)

    def _quantised(self) -> Any:
        from importlib.util import find_spec

        bits = self.settings.quantise
        if find_spec("bitsandbytes") is None:
            raise MissingExtra(f"quantise={bits}", "needs bitsandbytes", "pip install bitsandbytes")
        weights: dict[str, Any] = {"load_in_8bit": True}
        if bits == "nf4":
            weights = {"load_in_4bit": True, "bnb_4bit_quant_type": bits}
            weights["bnb_4bit_compute_dtype"] = self._dtype
        return cast(Any, diffusers).PipelineQuantizationConfig(
            quant_backend=f"bitsandbytes_{4 if bits == 'nf4' else 8}bit",
            quant_kwargs=weights,
            components_to_quantize=[part for part in LARGE if part in self._files.parts],
        )

    def _title(self) -> str:
        told = self.settings
        shown: dict[str, object] = {
            "steps": told.steps,
            "guidance": told.guidance,
            "size": told.size,
        }
        shown |= {"image_guidance": told.image_guidance, "quantise": told.quantise}
        facts = [self.digest[:8], str(self._dtype).removeprefix("torch.")]
        facts += [f"{name} {value}" for name, value in shown.items() if value not in (None, 0, "")]
        return f"{self.where.rstrip('/').rsplit('/', 1)[-1]} ({', '.join(facts)})"
