"""Where images come from: the data, and whatever can draw, edit, read and name images like them.

A network is studied in the world it was trained on, and never silently in another: see
:func:`maia_lab.doors.open_world`. What a world cannot do is None, and is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.errors import WorldError

Progress = Callable[[int, int], None]
"""Told (done, total) while a long pass goes on."""


class Images(Protocol):
    """A fixed sequence of images that can be read by position, again and again."""

    @property
    def name(self) -> str:
        """In the words shown to people: ``3000 scenes``, ``photos (412 images)``."""

    @property
    def digest(self) -> str:
        """Hash of the whole content: another image, another order, another digest."""

    def __len__(self) -> int:
        """How many images there are."""

    def __getitem__(self, index: int) -> Image.Image:
        """The image at a position, RGB, stamped with its origin."""

    def __iter__(self) -> Iterator[Image.Image]:
        """All images in order."""


class ImageGenerator(Protocol):
    """Draws images from words."""

    @property
    def name(self) -> str:
        """In the words shown to people."""

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        """Draw one image a prompt, reproducible by its seed, stamped as generated.

        Raises WordsError, naming the word and the words that can be said, before drawing any.
        """


@runtime_checkable
class Finder(Protocol):
    """A generator that draws nothing: what it hands out was there before, and may have been seen.

    What is made to score a conclusion is never made by one.
    """

    @property
    def images(self) -> Images:
        """Those that it chooses from."""


class ImageEditor(Protocol):
    """Changes images by instruction."""

    @property
    def name(self) -> str:
        """In the words shown to people."""

    def edit(
        self, images: Sequence[Image.Image], instructions: Sequence[str], seeds: Sequence[int]
    ) -> list[Image.Image]:
        """Edit each image by the instruction beside it; the result is stamped with its parent."""


@runtime_checkable
class Accountable(Protocol):
    """What makes images by more than fixed rules: of what, and what was odd about it."""

    @property
    def digest(self) -> str:
        """Hash of what it makes images from: a session goes on only with the same."""

    @property
    def remarks(self) -> list[str]:
        """What people should know of the images made last; whoever tells it empties the list."""


class Captioner(Protocol):
    """Says what an image shows, knowing nothing of hypotheses."""

    @property
    def name(self) -> str:
        """In the words shown to people, with how it sees: ``scene captioner (perfect sight)``."""

    def describe(self, images: Sequence[Image.Image]) -> list[str]:
        """One sentence an image."""


@runtime_checkable
class Summarizer(Protocol):
    """Says what images have in common, knowing nothing of hypotheses."""

    def summarize(self, images: Sequence[Image.Image], ordinary: Sequence[Image.Image]) -> str:
        """What the images share that ordinary ones do not, one line a thing."""


class Words(Protocol):
    """The words that name what images of this world hold: for scoring a description."""

    def matches(self, label: str, image: Image.Image) -> bool:
        """Whether an image holds what a label says; WordsError if it cannot be read."""

    def concepts(self, image: Image.Image) -> frozenset[str]:
        """Every short phrase that is true of the image, each readable by :meth:`matches`."""


class Rater(Protocol):
    """Predicts a unit's activation from its description alone, blind to how it answered."""

    @property
    def name(self) -> str:
        """Who it is, with how far it can be trusted where that was measured."""

    def rate(
        self, images: Sequence[Image.Image], labels: Sequence[str], suppressed_by: Sequence[str]
    ) -> NDArray[np.float64]:
        """For each image, how sure it is that the unit is active: 0 to 1, active above a half.

        Raises WordsError where a label means nothing to it.
        """


@runtime_checkable
class Labelled(Protocol):
    """Images of which is known what they hold, without looking at them."""

    def matches(self, label: str, index: int) -> bool:
        """As :meth:`Words.matches`, for the image at a position."""

    def concepts(self, index: int) -> frozenset[str]:
        """As :meth:`Words.concepts`, for the image at a position."""


@runtime_checkable
class WellRead(Protocol):
    """Words that know what a whole set of images holds, without opening one."""

    def concepts_of(self, images: Images) -> Sequence[frozenset[str]]:
        """As :meth:`Words.concepts`, for every image in order."""


def evenly(count: int, most: int) -> NDArray[np.int_]:
    """At most so many of ``count`` positions, spread evenly and ascending."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(int)


def concepts(words: Words | None, image: Image.Image) -> frozenset[str]:
    """What words know of an image; empty where they know nothing, as of what a model drew."""
    try:
        return frozenset() if words is None else words.concepts(image)
    except WorldError:
        return frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A source of images with its tools, and a fifth of it that only scoring may look at."""

    name: str
    data: Images
    """Four fifths: index, thresholds, exemplars, controls."""
    held_out: Images
    """The rest, disjoint from the data by content."""
    generator: ImageGenerator | None = None
    editor: ImageEditor | None = None
    captioner: Captioner | None = None
    words: Words | None = None
    vocabulary: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Words by kind that images are described with, nouns first: those that the generator can draw,
    or the data's labels. The kind ``edit`` holds instructions that the editor understands for any
    image. Empty where nobody can tell."""
    exemplars: bool = True
    """Whether experiments may pick images of the data by how strongly they activate the unit."""
    remarks: tuple[str, ...] = ()
    """What people should know of it, such as files that were skipped."""
    rater: Rater | None = None
    """Who says what a description predicts of held-out images; None: the words themselves."""
    balanced: bool = False
    """Whether the held-out images show each class on every background, as the data do not."""
