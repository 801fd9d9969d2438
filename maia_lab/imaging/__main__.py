"""Train a small diffusion model of scenes: ``python -m maia_lab.imaging --out FOLDER``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from diffusers.utils import logging
from transformers.utils import logging as parts

from maia_lab.errors import MaiaError
from maia_lab.imaging.scenes_diffusion import GROUPS
from maia_lab.imaging.scenes_training import Recipe, Training


def main(arguments: list[str] | None = None) -> int:
    """Train one, or go on; returns the exit code."""
    usual = Recipe()
    parser = argparse.ArgumentParser(prog="python -m maia_lab.imaging", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pipeline")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=18, help="of training; default: 18")
    parser.add_argument("--steps", type=int, help="of each of two trainings, in place of minutes")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--width", type=int, default=usual.width, help="of the UNet; default: 96")
    parser.add_argument("--images", type=int, default=usual.images, help="scenes to learn from")
    parser.add_argument("--batch", type=int, default=usual.batch, help="images in a step")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16 on a CPU, too")
    chosen = parser.parse_args(arguments)
    recipe = Recipe(chosen.width, chosen.images, chosen.batch, chosen.seed, chosen.half)
    if recipe.width % (3 * GROUPS) or min(recipe.width, recipe.images, recipe.batch) < 1:
        parser.error(f"--width is a multiple of {3 * GROUPS}, --images and --batch are 1 or more")
    try:
        torch.empty(1, device=chosen.device)
    except (RuntimeError, AssertionError):
        parser.error(f"there is no device {chosen.device!r} here; leave --device out")
    for each in (logging, parts):
        each.disable_progress_bar()
    # Every batch has the size of the one before.
    torch.backends.cudnn.benchmark = True
    if torch.device(chosen.device).type == "cpu":
        # With few keys, attention is faster in plain matrix products; this is for CPUs as well.
        torch.backends.cuda.enable_flash_sdp(False)
    try:
        training = Training(chosen.out, recipe, torch.device(chosen.device), _say)
        training.run(chosen.minutes, chosen.steps)
    except MaiaError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("Interrupted; the same command goes on from what was saved a minute ago at most.")
        return 130
    size = sum(path.stat().st_size for path in chosen.out.glob("*/*.safetensors"))
    _say(f"{chosen.out}: {size:,} bytes of weights; draw with --generator diffusers:{chosen.out}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
