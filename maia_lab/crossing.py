"""Things set before backgrounds, and shown to many units at once: ``tools.moved``, ``tools.cross``.

Where words can be drawn, a thing is drawn once and its background changed. Of photographs whose
classes are all that is known, the centre stands for the thing and what surrounds it for the
background: the centre of one is laid over another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from maia_lab import provenance
from maia_lab.errors import DataError
from maia_lab.images import ImageFolder
from maia_lab.labels import FolderLabels
from maia_lab.selectivity import Selectivity
from maia_lab.system import System, together
from maia_lab.world import Images, Labelled, WellRead, Words, World, concepts

Cells = dict[tuple[str, str], list[Image.Image]]
"""Images by (thing, background), as many in each."""
CENTRE, SOFT = 0.6, 0.03
"""Of a photograph: what counts as its centre, and how softly that ends; shares of its sides."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """What ``tools.cross`` returns: print it."""

    units: Mapping[str, Selectivity]
    """By address."""
    images: int

    @classmethod
    def measure(
        cls, cells: Mapping[tuple[str, str], Sequence[Image.Image]], systems: Mapping[str, System]
    ) -> Crossing:
        """Show all cells to all units.

        Raises:
            DataError: a cell is missing, or cells differ in how many images they hold.
        """
        things = list(dict.fromkeys(thing for thing, _ in cells))
        grounds = list(dict.fromkeys(ground for _, ground in cells))
        counts = {len(cells.get((t, g), ())) for t in things for g in grounds}
        if len(things) < 2 or len(grounds) < 2 or len(counts) != 1 or 0 in counts:
            raise DataError(
                f"{len(cells)} cells",
                "do not cross two things or more with two backgrounds or more",
                "give every (thing, background) as many images as every other",
            )
        images = [i for t in things for g in grounds for i in cells[t, g]]
        answers = together(systems, images).astype(np.float64)
        shape = (len(things), len(grounds), counts.pop(), len(systems))
        by_unit = answers.reshape(shape).transpose(3, 2, 0, 1)
        found = {name: Selectivity.of(own) for name, own in zip(systems, by_unit, strict=True)}
        return cls(found, len(images))

    def __str__(self) -> str:
        """A line a unit, the most selective first."""
        width = max(map(len, self.units))
        ordered = sorted(self.units.items(), key=lambda item: -item[1].thing)
        lines = [f"{name:<{width}}  {found}" for name, found in ordered]
        return "\n".join([f"{self.images} images shown to {len(lines)} units", *lines])

    __repr__ = __str__


def words(world: World) -> Words | None:
    """What tells the classes of a world's images: its words, or the folders that images lie in."""
    folders = [part for part in (world.data, world.held_out) if isinstance(part, ImageFolder)]
    return world.words or FolderLabels.of(folders)


def class_at(images: Images, world: World) -> Callable[[int], str]:
    """What tells an image's class by its position, empty unless it is exactly one.

    No image is opened for it, where that can be avoided.
    """
    known, names = words(world), frozenset(classes(world))
    told = known.concepts_of(images) if isinstance(known, WellRead) else None

    def at(index: int) -> str:
        if told is not None:
            held = told[index]
        elif isinstance(images, Labelled):
            held = images.concepts(index)
        else:
            held = concepts(known, images[index])
        shown = held & names
        return next(iter(shown)) if len(shown) == 1 else ""

    return at


def classes(world: World) -> tuple[str, ...]:
    """The classes of a world's data: the labels of its folders, or its first kind of words.

    Raises:
        DataError: there are not two of them.
    """
    known = words(world)
    drawn = next(iter(world.vocabulary.values()), ())
    names = known.labels if isinstance(known, FolderLabels) else drawn
    if known is None or len(names) < 2:
        raise DataError(
            world.data.name,
            "have no two classes to tell apart",
            "sort the images into a folder for each class",
        )
    return names


def backgrounds(world: World) -> tuple[str, ...]:
    """What things can be set before: words that are drawn, or what is behind each class."""
    return world.vocabulary.get("background") or classes(world)


def draw(
    things: Sequence[str],
    grounds: Sequence[str],
    still: Callable[[str], list[Image.Image]],
    change: Callable[[list[Image.Image], str], list[Image.Image]],
) -> Cells:
    """Draw each thing once, and change its background.

    Args:
        things: words.
        grounds: words.
        still: draws images of a prompt.
        change: edits images by an instruction.
    """
    cells: Cells = {}
    for thing in (name.replace("_", " ") for name in things):
        first = still(f"a {thing} on a {grounds[0]} background")
        for ground in grounds:
            same = ground == grounds[0]
            cells[thing, ground] = (
                first if same else change(first, f"change the background to {ground}")
            )
    return cells


def collage(
    things: Sequence[str], grounds: Sequence[str], world: World, n: int, seed: int
) -> Cells:
    """Lay the centres of photographs of each class over photographs of each class.

    Raises:
        DataError: a class has no two photographs.
    """
    shown = class_at(world.data, world)
    found: dict[str, list[Image.Image]] = {name: [] for name in dict.fromkeys([*things, *grounds])}
    for at in np.random.default_rng(seed).permutation(len(world.data)).tolist():
        some = found.get(shown(at))
        if some is not None and len(some) < 2 * n:
            some.append(world.data[at])
        if all(len(some) == 2 * n for some in found.values()):
            break
    n = min(n, *(len(some) // 2 for some in found.values()))
    if n == 0:
        few = min(found, key=lambda name: len(found[name]))
        raise DataError(few, "has no two images in the data", "give more images of it")
    # No photograph is laid over itself, so that every cell is a collage.
    return {
        (thing, ground): [
            _over(centre, around)
            for centre, around in zip(found[thing][:n], found[ground][n : 2 * n], strict=True)
        ]
        for thing in things
        for ground in grounds
    }


def _over(thing: Image.Image, ground: Image.Image) -> Image.Image:
    size = thing.size
    mask = Image.new("L", size)
    edge = [side * (1 - CENTRE) / 2 for side in size]
    box = (edge[0], edge[1], size[0] - edge[0], size[1] - edge[1])
    ImageDraw.Draw(mask).ellipse(box, 255)
    laid = ground.resize(size, Image.Resampling.BICUBIC)
    laid.info = {}
    laid.paste(thing, mask=mask.filter(ImageFilter.GaussianBlur(SOFT * min(size))))
    return provenance.stamp(
        laid,
        provenance.Origin("edited", "collage", "other surroundings", provenance.pixel_hash(thing)),
    )
