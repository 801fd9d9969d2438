"""Images side by side with what the unit answered: as data, as one picture, and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maia_lab.plain import one_line
from maia_lab.system import Activation, masked

LIMIT = 1568
"""Longest side of a picture, in pixels: beyond it, language models shrink what they are shown."""
MOST = 200
"""Tiles that are drawn at most; the alternative text says how many there were."""
TILE = 128
"""Side of a tile, in pixels, unless there are few."""
SMALLEST = 32
"""Side down to which tiles shrink; then rows and columns change instead."""
LINES = 2
"""Lines of a caption that are drawn at most."""

# One grey and one blue that stand out from white and from near-black alike: the ground is left
# transparent, so that the same picture serves light and dark notebooks, and white where a reader
# ignores transparency.
_GROUND = (255, 255, 255, 0)
_INK = (120, 125, 134)
_BAR = (58, 134, 232)
_TRACK = 56
"""Opacity of an empty bar."""
_GUTTER = 12


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One image of a grid."""

    image: Image.Image
    caption: str = ""
    value: float | None = None
    """The unit's activation."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Images in rows, each with its activation and a caption where there are any."""

    tiles: tuple[Tile, ...]
    columns: int | None = None
    """None: chosen so that the last row is as full as can be."""

    @classmethod
    def of(cls, thing: object) -> Grid | None:
        """See whatever experiments hold images in as a grid; None if it is no collection of images.

        Args:
            thing: an image, an activation, a tuple of an image with its activation or caption or
                both, a list of any of these, the parallel lists that ``call_neuron`` and
                ``edit_images`` return, or images by the name of their condition.
        """
        if isinstance(thing, Grid):
            return thing
        if isinstance(thing, Mapping):
            return cls._by_condition(thing)
        if (tile := _tile(thing)) is not None:
            return cls((tile,))
        if not isinstance(thing, list | tuple):
            return None
        tiles = _tiles(thing)
        if tiles is None and len({len(t) if isinstance(t, list) else -1 for t in thing}) == 1:
            tiles = _tiles(list(zip(*thing, strict=True))) if isinstance(thing[0], list) else None
        return cls(tuple(tiles)) if tiles else None

    @classmethod
    def _by_condition(cls, conditions: Mapping[object, object]) -> Grid | None:
        """Conditions one below the other where they are equally many images, named in captions."""
        tiles, counts = [], set()
        for name, images in conditions.items():
            grid = cls.of(images) if isinstance(name, str) else None
            if grid is None:
                return None
            tiles += [Tile(t.image, t.caption or str(name), t.value) for t in grid.tiles]
            counts.add(len(grid.tiles))
        columns = counts.pop() if len(counts) == 1 else 0
        return cls(tuple(tiles), columns if 2 <= columns <= 8 else None) if tiles else None

    @property
    def alt(self) -> str:
        """The grid in words: ``5 images, activations 0.93 to 0.71``."""
        count = len(self.tiles)
        text = "1 image" if count == 1 else f"{count} images"
        values = [tile.value for tile in self.tiles if tile.value is not None]
        if values:
            text += ", activation" + ("s " if len(values) > 1 else " ")
            ends = (max(values), min(values)) if len(values) > 1 else (values[0],)
            text += " to ".join(f"{value:.{decimals(values)}f}" for value in ends)
        captions = list(
            dict.fromkeys(one_line(tile.caption) for tile in self.tiles if tile.caption)
        )
        if captions:
            named = "; ".join(captions[:6]) + ("; …" if len(captions) > 6 else "")
            text += f": {named}"
        return text if count <= MOST else f"{text} (the first {MOST} are shown)"

    @property
    def by_rows(self) -> bool:
        """Whether rows mean something: a condition each, or an image beside its edit."""
        return self.columns is not None or _paired(self.tiles[:MOST])

    @property
    def across(self) -> int:
        """Tiles in a row."""
        count = min(len(self.tiles), MOST)
        chosen = self.columns or _balanced(count, 2 if _paired(self.tiles[:MOST]) else 1)
        return min(count, chosen)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        # What IPython asks of anything it shows.
        from maia_lab import bundle

        return bundle.of(self)

    def draw(self, tile: int | None = None) -> Image.Image:
        """Draw one picture of all tiles, RGBA on a transparent ground, at most 1568 px a side.

        Args:
            tile: side of the square that each image is fitted into, in pixels; None: 128, and more
                for a few larger images. It shrinks where the picture would grow too large.
        """
        tiles = self.tiles[:MOST]
        if not tiles:
            return Image.new("RGBA", (1, 1))
        side, columns = tile or _side(tiles), self.across
        while True:
            sheet = _Sheet(tiles, columns, side)
            width, height = sheet.size
            if max(width, height) <= LIMIT:
                return sheet.draw()
            if side > SMALLEST:
                side = max(SMALLEST, min(side - 1, side * LIMIT // max(width, height)))
            else:
                columns += 1 if height > width else -1


class _Sheet:
    """The measures of one picture: where every tile goes once its side is known."""

    def __init__(self, tiles: Sequence[Tile], columns: int, side: int) -> None:
        self.tiles, self.columns, self.side = tiles, columns, side
        # Small tiles have no room for words; the bar alone still ranks them.
        self.font = _font(13 if side >= 112 else 11) if side >= 48 else None
        self.values = [
            tile.value for tile in tiles if tile.value is not None and math.isfinite(tile.value)
        ]
        self.peak = max(self.values, default=0.0)
        self.images = [fit(tile.image, side) for tile in tiles]
        self.width = max(side if self.font else 0, *(image.width for image in self.images))
        self.texts = [self._lines(tile) for tile in tiles]
        self.rows = [slice(i, i + columns) for i in range(0, len(tiles), columns)]
        bar = 8 if any(tile.value is not None for tile in tiles) and self.peak > 0 else 0
        self.bar = bar
        self.line = round(self.font.size * 1.35) if self.font else 0
        self.heights = [
            (
                max(image.height for image in self.images[row]),
                bar + max(map(len, self.texts[row])) * self.line + (4 if self.font else 0),
            )
            for row in self.rows
        ]

    @property
    def size(self) -> tuple[int, int]:
        width = self.columns * (self.width + _GUTTER) + _GUTTER
        return width, sum(map(sum, self.heights)) + (len(self.rows) + 1) * _GUTTER

    def draw(self) -> Image.Image:
        picture = Image.new("RGBA", self.size, _GROUND)
        text = Image.new("L", self.size)
        pen = ImageDraw.Draw(text)
        top = _GUTTER
        for row, (height, below) in zip(self.rows, self.heights, strict=True):
            for column, index in enumerate(range(*row.indices(len(self.tiles)))):
                left = _GUTTER + column * (self.width + _GUTTER)
                image, value = self.images[index], self.tiles[index].value
                at = (left + (self.width - image.width) // 2, top + (height - image.height) // 2)
                picture.paste(image, at, _rounded(image.size))
                y = top + height
                if self.bar and value is not None:
                    self._draw_bar(picture, left, y + 5, value)
                y += self.bar + 4
                for number, line in enumerate(self.texts[index]):
                    pen.text((left, y + number * self.line), line, 255, self.font)
            top += height + below + _GUTTER
        # Laid over as a whole, so that the soft edges of letters carry the ink's colour, not the
        # invisible ground's.
        ink = Image.new("RGBA", self.size, _INK)
        ink.putalpha(text)
        return Image.alpha_composite(picture, ink)

    def _draw_bar(self, picture: Image.Image, left: int, top: int, value: float) -> None:
        share = min(1.0, value / self.peak) if math.isfinite(value) else 0.0
        pill = _rounded((self.width, 3))
        picture.paste(_INK, (left, top), pill.point(lambda alpha: alpha * _TRACK // 255))
        if (length := round(share * self.width)) > 0:
            picture.paste(_BAR, (left, top), _rounded((length, 3)))

    def _lines(self, tile: Tile) -> list[str]:
        if self.font is None:
            return []
        number = [] if tile.value is None else [f"{tile.value:.{decimals(self.values)}f}"]
        return number + _wrap(one_line(tile.caption), self.font, self.width)


def _tile(thing: object) -> Tile | None:
    if isinstance(thing, Image.Image):
        return Tile(thing)
    if isinstance(thing, Tile):
        return thing
    if isinstance(thing, Activation):
        return Tile(masked(thing), value=thing.value)
    if isinstance(thing, tuple):
        images = [part for part in thing if isinstance(part, Image.Image)]
        captions = [part for part in thing if isinstance(part, str)]
        values = [p for p in thing if isinstance(p, Real) and not isinstance(p, bool)]
        known = len(images) + len(captions) + len(values) == len(thing)
        if known and len(images) == 1 and len(captions) <= 1 and len(values) <= 1:
            return Tile(images[0], "".join(captions), float(values[0]) if values else None)
    return None


def _tiles(things: Sequence[object]) -> list[Tile] | None:
    tiles = []
    for thing in things:
        tile = _tile(thing)
        if tile is None:
            return None
        tiles.append(tile)
    return tiles


def decimals(values: Sequence[float]) -> int:
    """Decimals that tell a grid's values apart: all are written alike."""
    peak = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    power = math.floor(math.log10(peak)) if peak else 0
    return min(6, max(0, 2 - power if power >= 0 else 1 - power))


def _side(tiles: Sequence[Tile]) -> int:
    largest = max(max(tile.image.size) for tile in tiles)
    return max(TILE, min(largest, 512 if len(tiles) == 1 else 224 if len(tiles) <= 4 else TILE))


def _paired(tiles: Sequence[Tile]) -> bool:
    """Whether originals and edits take turns: a row should not tear them apart."""
    captions = [tile.caption for tile in tiles]
    return len(set(captions[::2])) == 1 and bool(captions[0]) and captions[0] not in captions[1::2]


def _balanced(count: int, step: int) -> int:
    """Columns, a multiple of ``step``, that leave the last row as full as can be."""
    if count <= 6:
        return count
    middle = max(5, round(1.1 * math.sqrt(count)))
    choices = [c for c in range(middle - 1, middle + 4) if c % step == 0]
    return min(choices, key=lambda c: (-count % c, abs(c - middle)))


@lru_cache(8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < LINES:
        last = len(lines) == LINES - 1
        line = words.pop(0)
        while words and (last or font.getlength(f"{line} {words[0]}") <= width):
            line += f" {words.pop(0)}"
            if last and font.getlength(line) > width:
                break
        if font.getlength(line) > width:
            while line and font.getlength(line + "…") > width:
                line = line[:-1]
            line = line.rstrip() + "…"
        lines.append(line)
    return lines


def fit(image: Image.Image, side: int) -> Image.Image:
    """An image's pixels for the eye, RGBA, within a square: shrunk or grown, never distorted."""
    if image.mode[0] in "IF":
        # Numbers rather than colours, an activation map for example: spread over the greys.
        numbers = np.nan_to_num(np.asarray(image, np.float64))
        span = float(np.ptp(numbers)) or 1.0
        image = Image.fromarray(((numbers - numbers.min()) / span * 255).round().astype(np.uint8))
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.convert("RGBA")
    if size == image.size:
        return image
    small = scale < 1
    return image.resize(size, Image.Resampling.LANCZOS if small else Image.Resampling.BICUBIC)


@lru_cache(64)
def _rounded(size: tuple[int, int]) -> Image.Image:
    """A mask with corners that are round and smooth."""
    large = Image.new("L", (size[0] * 4, size[1] * 4))
    radius = min(20, 2 * min(size))
    box = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, radius, 255)
    return large.resize(size, Image.Resampling.BOX)
