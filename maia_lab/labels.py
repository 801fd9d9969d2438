"""What names of folders and files say of the images in them: all that is known of a photograph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from PIL import Image

from maia_lab import provenance
from maia_lab.errors import WordsError
from maia_lab.images import ImageFolder
from maia_lab.world import Images

FILE_NAMES = "file names"
"""What the labels of photographs are called that lie in no folder by class."""
CAMERA = frozenset(
    ["dsc", "dscf", "dscn", "image", "img", "mvi", "photo", "picture", "pxl", "row", "screenshot"]
)
"""What file names begin with that say nothing of what is seen."""


class FolderLabels:
    """The words and the captioner of photographs in class folders: one label an image.

    Photographs that lie in no such folders are told by their own names, as far as these agree: the
    last word of each, where another image has it too (``n04285008_sports_car.jpg`` is a ``car``).

    An edited photograph keeps the label of the one it was made from, unless a model redrew it: what
    it shows then is not known. A label is its folder's name
    in small letters, with ``_`` for whatever is neither letter nor digit.
    """

    def __init__(self, labels: dict[str, str], name: str = "folder labels") -> None:
        """Take the label of each image, by pixel hash."""
        self._labels, self.name = labels, name
        self.labels = tuple(sorted(set(labels.values())))

    @classmethod
    def of(
        cls, folders: Collection[ImageFolder], classes: Iterable[str] = ()
    ) -> FolderLabels | None:
        """Read the labels of images; None where there are no two of them to tell apart.

        Args:
            folders: of images.
            classes: where an image lies in folders within folders, one of these names is its
                label; the innermost folder's is where none is.
        """
        known = set(map(cls.plain, classes))
        found = {}
        for pixels, inside in (pair for folder in folders for pair in folder.folders()):
            names = [name for name in map(cls.plain, inside) if name]
            if names:
                found[pixels] = next((name for name in names if name in known), names[0])
        read = cls(found)
        if not read.labels:
            read = cls(
                _heads([title for folder in folders for title in folder.titles()]), FILE_NAMES
            )
        return read if len(read.labels) > 1 else None

    def __or__(self, other: FolderLabels) -> FolderLabels:
        """The labels of further images, too."""
        return FolderLabels(other._labels | self._labels, self.name)

    def describe(self, images: Sequence[Image.Image]) -> list[str]:
        """The label of each image, or ``nothing with a label``."""
        return [self._label(image) or "nothing with a label" for image in images]

    def matches(self, label: str, image: Image.Image) -> bool:
        """Whether an image has the label that a phrase names: ``a tench``, ``tench in a net``.

        Raises:
            WordsError: the phrase names no label there is.
        """
        named = self.named(label)
        if not named:
            raise WordsError(
                label, "names no label of the images", f"use {', '.join(self.labels[:50])}"
            )
        return self._label(image) in named

    def concepts(self, image: Image.Image) -> frozenset[str]:
        """The image's label; empty without one."""
        return frozenset(filter(None, [self._label(image)]))

    def concepts_of(self, images: Images) -> list[frozenset[str]]:
        """The label of every image of a folder, none of them opened."""
        if not isinstance(images, ImageFolder):
            return [self.concepts(image) for image in images]
        return [frozenset(filter(None, [self.label(pixels)])) for pixels in images.hashes]

    def named(self, phrase: str) -> list[str]:
        """The labels that a phrase names: of ``finch`` and ``house_finch`` the longer is meant."""
        said = f"_{self.plain(phrase)}_"
        found = [k for k in self.labels if any(f"_{k}{end}_" in said for end in ("", "s", "es"))]
        return [k for k in found if not any(f"_{k}_" in f"_{o}_" and k != o for o in found)]

    def label(self, pixels: str) -> str:
        """Of the image with that pixel hash; empty where nothing is known of it."""
        return self._labels.get(pixels, "")

    @staticmethod
    def plain(name: str) -> str:
        """A label or a phrase with ``_`` for whatever is neither letter nor digit."""
        return re.sub(r"\W+|_+", "_", name.lower()).strip("_")

    def _label(self, image: Image.Image) -> str:
        first, kinds = provenance.history(image)
        return "" if "redrawn" in kinds else self.label(first)


def _heads(titles: Collection[tuple[str, str]]) -> dict[str, str]:
    """The last word of each title that more than one image has: what is seen, in English."""
    heads = {}
    for pixels, title in titles:
        words = [word for word in FolderLabels.plain(title).split("_") if word.isalpha()]
        if words and len(words[-1]) > 2 and words[-1] not in CAMERA:
            heads[pixels] = words[-1]
    shared = {word for word, images in Counter(heads.values()).items() if images > 1}
    return {pixels: word for pixels, word in heads.items() if word in shared}
