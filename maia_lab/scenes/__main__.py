"""A look at scenes: ``python -m maia_lab.scenes --out sheet.png`` draws some and says how fast."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from PIL import Image

from maia_lab.scenes.render import render
from maia_lab.scenes.sample import sample, stream

PAD = 4
"""Pixels between the images of a sheet."""


def main(arguments: list[str] | None = None) -> int:
    """Draw a contact sheet, and measure how many images a second are drawn with their masks."""
    parser = argparse.ArgumentParser(prog="python -m maia_lab.scenes", description=__doc__)
    parser.add_argument("--out", type=Path, help="where to save the sheet, a .png")
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--size", type=int, default=128, help="side of an image in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=600, help="images to draw for the measure")
    chosen = parser.parse_args(arguments)
    scenes = [sample(stream("look", chosen.seed, number)) for number in range(chosen.count)]
    for scene in scenes:
        # The first pass paints the backgrounds, once for all that follow.
        render(scene, chosen.size)
    started = time.perf_counter()
    for scene in scenes:
        render(scene, chosen.size, masks=True)
    speed = chosen.count / (time.perf_counter() - started)
    sys.stdout.write(f"{speed:.0f} images/s at {chosen.size} px with masks, one process\n")
    if chosen.out is not None:
        step = chosen.size + PAD
        sheet = Image.new("RGB", (chosen.columns * step + PAD, chosen.rows * step + PAD), "white")
        for number, scene in enumerate(scenes[: chosen.rows * chosen.columns]):
            row, column = divmod(number, chosen.columns)
            image = Image.fromarray(render(scene, chosen.size))
            sheet.paste(image, (PAD + column * step, PAD + row * step))
        sheet.save(chosen.out)
        sys.stdout.write(f"{chosen.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
