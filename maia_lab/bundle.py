"""A grid as a notebook keeps it: data that a page opens, one picture for all others, and words."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence

from PIL import Image

from maia_lab import provenance
from maia_lab.grid import MOST, Grid, Tile, decimals, fit
from maia_lab.plain import one_line
from maia_lab.system import DIM

KIND = "application/vnd.maia.grid.v1+json"
"""Mime type of the data; another meaning of its fields will have another."""
PICTURE = 80_000
"""Bytes of the one picture's file that are aimed at."""
EACH, LEAST, ROOM = 6_000, 40_000, 200_000
"""Bytes that the tiles of the data may take: so many each, but so many in all at least and at most.
With 15 tiles, their regions and the picture, and base64 on top, that is below 250 kB."""
LARGEST, LARGE = 512, 224
"""Longest side of a tile that stands alone, and of one among several, in pixels."""
USUAL = 0.1
"""Bytes that a pixel usually takes."""
SHADE = 48
"""Longest side of a region, in pixels: maps are coarser, and the page smooths it."""


def of(grid: Grid) -> tuple[dict[str, object], dict[str, object]]:
    """The mime bundle of a grid, and its metadata: data, picture and words."""
    kind, file = picture(grid.draw())
    words = one_line(grid.alt)
    # What nbconvert writes beside a picture for whoever cannot see it.
    return {KIND: data(grid), kind: _text(file), "text/plain": words}, {kind: {"alt": words}}


def data(grid: Grid) -> dict[str, object]:
    """The grid for a page that draws it: what is shown unmasked, and beside it what is darkened."""
    tiles = grid.tiles[:MOST]
    values = [t.value for t in tiles if t.value is not None and math.isfinite(t.value)]
    files = _small([provenance.original(tile.image) for tile in tiles])
    return {
        "alt": one_line(grid.alt),
        "columns": grid.across,
        "rows": grid.by_rows,
        "tiles": [
            _tile(tile, file, size, decimals(values))
            for tile, (file, size) in zip(tiles, files, strict=True)
        ],
    }


def picture(image: Image.Image) -> tuple[str, bytes]:
    """A picture's mime type and file, of a kind that every reader of notebooks shows.

    PNG, which keeps the ground transparent, unless that is large; then JPEG on white.
    """
    file = _file(image, "PNG")
    if len(file) <= PICTURE:
        return "image/png", file
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    for quality in (85, 75, 60):
        file = _file(ground, "JPEG", quality=quality, optimize=True)
        if len(file) <= PICTURE:
            break
    return "image/jpeg", file


def lighter(file: bytes) -> tuple[str, bytes]:
    """A picture as browsers show it: a kind and bytes, fewer of them, its ground still transparent.

    Args:
        file: of an image that is known to be safe to open.
    """
    with Image.open(io.BytesIO(file)) as image:
        return "image/webp", _file(image, "WEBP", quality=88)


def smaller(file: bytes) -> tuple[str, bytes]:
    """The same as every reader of notebooks shows it; see :func:`picture`."""
    with Image.open(io.BytesIO(file)) as image:
        return picture(image)


def _tile(tile: Tile, file: bytes, size: tuple[int, int], digits: int) -> dict[str, object]:
    value = tile.value
    told: dict[str, object] = {"image": _text(file), "width": size[0], "height": size[1]}
    if value is not None:
        # JSON knows no NaN: such a value is told in words alone.
        told |= {"value": value if math.isfinite(value) else None, "label": f"{value:.{digits}f}"}
    if caption := one_line(tile.caption):
        told["caption"] = caption
    if (region := provenance.region(tile.image)) is not None:
        alpha = Image.fromarray(~region).convert("L").point(lambda v: round(v * (1 - DIM)))
        alpha.thumbnail((SHADE, SHADE), Image.Resampling.BOX)
        shade = Image.merge("LA", (Image.new("L", alpha.size), alpha))
        told["shade"] = _text(_file(shade, "PNG", optimize=True))
    return told


def _small(images: Sequence[Image.Image]) -> list[tuple[bytes, tuple[int, int]]]:
    """Files and sizes of images, as large as there is room for, and never larger than they are."""
    room = min(ROOM, max(LEAST, EACH * len(images)))
    # What such pictures usually take, so that the first try is rarely too large.
    usual = int(math.sqrt(room / max(1, len(images)) / USUAL))
    largest = max((max(image.size) for image in images), default=1)
    side = min(LARGEST if len(images) == 1 else LARGE, largest, usual)
    while True:
        small = [fit(image, min(side, max(image.size))) for image in images]
        files = [_file(image, "WEBP", quality=78, method=3) for image in small]
        total = sum(map(len, files))
        if total <= room or side <= 24:
            return [(file, image.size) for file, image in zip(files, small, strict=True)]
        side = max(24, min(side - 8, int(side * math.sqrt(room / total))))


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _text(file: bytes) -> str:
    return base64.b64encode(file).decode("ascii")
