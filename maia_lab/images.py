"""The one way in for image files: what is read, how much of it at most, and what becomes of it.

An image comes out as plain RGB pixels. Comments, EXIF, colour profiles and every other text a file
may carry stay behind, so that none of it reaches an agent.
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import stat
import unicodedata
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from maia_lab import provenance
from maia_lab.errors import DataError
from maia_lab.register import Register
from maia_lab.world import Progress

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
"""Formats that are read; no other decoder is ever given a file."""
MOST_BYTES = 32 * 2**20
"""Size of the largest file that is read."""
MOST_PIXELS = 40_000_000
"""Width × height of the largest image that is decoded: a 10 kB file can hold gigapixels."""
FEWEST = 10
"""Different images a folder must hold: with fewer there are no quantiles to speak of."""
EMPTY = "is an empty folder"
"""Why a folder is skipped in which there is nothing."""
MANY = 100
"""Different images from which on each is held out or not by itself, whatever lies beside it."""
READERS, TOGETHER = 4, 16
"""Threads that read a folder at most, for each may hold a large image; files each takes in turn."""
KEPT, KEPT_PIXELS = 100, 1_000_000
"""Decoded images a folder keeps at hand at most, and pixels of the largest that is kept."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → what brings the image upright (EXIF 2.32, tag 274)."""


def load(path: Path | str) -> Image.Image:
    """Read an image file as RGB pixels: upright, first frame, transparency on white.

    16-bit grayscale is scaled to 8 bits; colour profiles are ignored.

    Raises:
        DataError: the file is missing, too large, of another format, damaged, or holds numbers
            whose range nobody knows (32-bit).
    """
    path = Path(path)
    shown = clean(str(path))
    try:
        status = path.stat()
        # Opening a pipe or a device would wait for ever.
        if not stat.S_ISREG(status.st_mode):
            raise DataError(shown, "is not a file", "name an image file")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(
            shown, f"cannot be read ({error.strerror})", "check its name and permissions"
        ) from error
    return decode(data, shown)


def decode(data: bytes, name: str = "image") -> Image.Image:
    """Read the bytes of an image file as :func:`load` does; errors speak of ``name``.

    Raises:
        DataError: as for :func:`load`; whatever the bytes are, no other error is raised.
    """
    if len(data) > MOST_BYTES:
        raise DataError(name, f"is larger than {MOST_BYTES >> 20} MB", "save a smaller copy")
    try:
        with warnings.catch_warnings():
            # Pillow warns of damaged EXIF, which is dropped, and of large images, checked below.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise DataError(
                        name,
                        f"has {width} × {height} pixels, more than {MOST_PIXELS // 10**6} million",
                        "save a smaller copy",
                    )
                image.load()
                return plain(image, name)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(
            name, "is not an image that can be read", f"use {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:
        raise DataError(
            name, f"has more than {MOST_PIXELS // 10**6} million pixels", "save a smaller copy"
        ) from error
    except Exception as error:  # Pillow's decoders meet damage with errors of a dozen kinds.
        reason = clean(str(error)) or type(error).__name__
        raise DataError(name, f"cannot be decoded ({reason})", "replace the file") from error


def clean(text: str) -> str:
    """Take control and invisible characters out of a name from outside, and bound its length."""
    seen = "".join(c for c in text if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029")
    return seen if len(seen) <= 300 else f"{seen[:299]}…"


def plain(image: Image.Image, name: str) -> Image.Image:
    """The first frame, loaded, as RGB pixels and nothing else."""
    turn = TURNS.get(_orientation(image))
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise DataError(name, "holds 32-bit numbers of unknown range", "save it with 8 or 16 bits")
    if image.has_transparency_data:
        layers = image if image.mode == "RGBA" else image.convert("RGBA")
        plain = Image.new("RGB", image.size, "white")
        plain.paste(layers, mask=layers.getchannel("A"))
    else:
        plain = image.convert("RGB")
    if turn is not None:
        plain = plain.transpose(turn)
    plain.info = {}
    return plain


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # Damaged EXIF says nothing; the pixels are still good.
        return 1


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a folder, found readable."""

    name: str
    """Path within the folder, with slashes, as it lies on the disk."""
    pixels: str
    """Hash of what it shows."""


class ImageFolder:
    """The images of a folder and its subfolders, in the order of their names.

    Every file is decoded when a folder with it is first opened, so that damage shows before any
    experiment. Hidden files are passed over in silence; links that lead out of the folder, and
    linked folders, are skipped.

    Attributes:
        path: the folder.
        skipped: (name, reason) of each file that is no image or cannot be used.
        summary: one line for people: how many images, and which files were skipped.
    """

    def __init__(self, path: Path | str, progress: Progress | None = None) -> None:
        """Open a folder.

        Args:
            path: the folder.
            progress: told how many of how many files were read.

        Raises:
            DataError: it is not there, or holds fewer than ten different images.
        """
        self.path = Path(path).expanduser().resolve()
        if not self.path.is_dir():
            raise DataError(str(path), "is not a folder", "name a folder of images")
        self._begin(clean(self.path.name) or "folder", progress)

    def _begin(self, title: str, progress: Progress | None) -> None:
        """Look at every image once."""
        self.skipped: list[tuple[str, str]] = []
        self._files: tuple[_File, ...] = tuple(self._found(progress))
        self._kept: OrderedDict[str, Image.Image] = OrderedDict()
        self._title = title
        self.name = f"{self._title} ({len(self)} images)"
        different = len({file.pixels for file in self._files})
        if different < FEWEST:
            count = f"holds {different} different images" if different else "holds no images"
            skipped = f"; skipped: {self._skips(5)}" if self.skipped else ""
            raise DataError(
                self._title,
                f"{count}, too few to study a unit{skipped}",
                f"name a folder with at least {FEWEST} different ones ({', '.join(FORMATS)})",
            )

    @property
    def summary(self) -> str:
        """One line: how many images, how many files were skipped, and the first few of them."""
        skipped = f"; {len(self.skipped)} skipped: {self._skips()}" if self.skipped else ""
        return f"{self.name}{skipped}"

    @property
    def digest(self) -> str:
        """Hash of what all images show, in order."""
        return hashlib.sha256("\n".join(self.hashes).encode()).hexdigest()

    @property
    def hashes(self) -> list[str]:
        """Of each image in order, the hash of what it shows."""
        return [file.pixels for file in self._files]

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._files)

    def __getitem__(self, index: int) -> Image.Image:
        """A fresh copy of the image at a position, RGB, stamped with its name.

        Raises:
            DataError: the file is gone, or shows something else than when the folder was opened.
        """
        file = self._files[index]
        if (image := self._kept.pop(file.name, None)) is None:
            image = self._open(file.name)
            if provenance.pixel_hash(image) != file.pixels:
                raise DataError(file.name, "has changed since its folder was opened", "start again")
            origin = provenance.Origin("data", by=self._title, text=clean(file.name))
            provenance.stamp(image, origin, file.pixels)
        if image.width * image.height <= KEPT_PIXELS:
            self._kept[file.name] = image
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        # Experiments may draw on what they are given.
        return image.copy()

    def __iter__(self) -> Iterator[Image.Image]:
        """All images in order."""
        return (self[i] for i in range(len(self)))

    def __getstate__(self) -> dict[str, object]:
        """What travels to another process: without images, which threads here may be reading."""
        return self.__dict__ | {"_kept": OrderedDict()}

    def label(self, index: int) -> str:
        """Name of the subfolder an image lies in, which is often its class; empty at the top."""
        return clean(PurePosixPath(self._files[index].name).parent.name)

    def labels(self) -> Iterator[tuple[str, str]]:
        """Pixel hash and label of every image, those without a label too."""
        for index, file in enumerate(self._files):
            yield file.pixels, self.label(index)

    def folders(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Pixel hash of every image, and the folders it lies in, the innermost first."""
        for file in self._files:
            inside = PurePosixPath(file.name).parent.parts
            yield file.pixels, tuple(clean(name) for name in reversed(inside))

    def titles(self) -> Iterator[tuple[str, str]]:
        """Pixel hash and file name, without its ending, of every image."""
        for file in self._files:
            yield file.pixels, clean(PurePosixPath(file.name).stem)

    def part(self, positions: Sequence[int], what: str = "images") -> ImageFolder:
        """Some of the images as a folder of its own, called ``photos (80 images)``."""
        chosen = copy.copy(self)
        chosen._files, chosen._kept = tuple(self._files[i] for i in positions), self._kept
        chosen.name = f"{self._title} ({len(chosen)} {what})"
        return chosen

    def without(self, other: ImageFolder) -> ImageFolder:
        """The images that another folder does not hold.

        Raises:
            DataError: there are fewer than ten.
        """
        known = set(other.hashes)
        left = [i for i, file in enumerate(self._files) if file.pixels not in known]
        if len(left) < FEWEST:
            raise DataError(
                self._title,
                f"holds {len(left)} images that {other._title} does not",
                f"give {FEWEST} at least",
            )
        return self.part(left)

    def _skip(self, path: Path | str, reason: str) -> None:
        name = Path(path).relative_to(self.path).as_posix()
        self.skipped.append((clean(name), reason))

    def _skips(self, most: int = 50) -> str:
        named = ", ".join(f"{name} {reason}" for name, reason in self.skipped[:most])
        more = len(self.skipped) - most
        return f"{named} and {more} more" if more > 0 else named

    def _list(self) -> list[Path]:
        """All files that may be read, in the order of their names on every system."""
        files: list[Path] = []

        def unreadable(error: OSError) -> None:
            self._skip(error.filename, f"cannot be read ({error.strerror})")

        for folder, folders, names in os.walk(self.path, onerror=unreadable):
            here = Path(folder)
            for name in folders:
                if (here / name).is_symlink():
                    self._skip(here / name, "is a link to a folder")
            folders[:] = [name for name in folders if not name.startswith(".")]
            if not (folders or names) and here != self.path:
                self._skip(here, EMPTY)
            for name in names:
                if name.startswith("."):
                    continue
                path = here / name
                if path.is_symlink() and not self._holds(path):
                    self._skip(path, "is a link that leads out of the folder")
                else:
                    files.append(path)
        return sorted(files, key=lambda path: path.relative_to(self.path).parts)

    def _holds(self, link: Path) -> bool:
        try:
            return link.resolve().is_relative_to(self.path)
        except (OSError, RuntimeError):  # A link to itself.
            return False

    def _open(self, name: str) -> Image.Image:
        return load(self.path / name)

    def _found(self, progress: Progress | None) -> Iterator[_File]:
        paths, register = self._list(), Register(self.path)

        def look(some: list[Path]) -> list[str | DataError]:
            return [_shown(path, register) for path in some]

        parts = [paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)]
        with ThreadPoolExecutor(min(READERS, os.cpu_count() or 1), "reading") as pool:
            found = chain.from_iterable(pool.map(look, parts))
            for done, (path, shown) in enumerate(zip(paths, found, strict=True), 1):
                if isinstance(shown, DataError):
                    self._skip(path, shown.reason)
                else:
                    yield _File(path.relative_to(self.path).as_posix(), shown)
                if progress is not None:
                    progress(done, len(paths))


def _shown(path: Path, register: Register) -> str | DataError:
    try:
        return register.pixels(path, lambda path: provenance.pixel_hash(load(path)))
    except DataError as error:
        return error


def split(
    folder: ImageFolder | Path | str, progress: Progress | None = None
) -> tuple[ImageFolder, ImageFolder]:
    """Divide a folder into data and a held-out fifth, by what the images show.

    Images are held out whose pixel hash begins in the lowest fifth of all hashes: which side an
    image lands on depends on it alone, so that a folder can grow and its index with it, and copies
    stay together. Of fewer than a hundred different images, whose share could stray far from a
    fifth, it is the fifth with the lowest hashes.

    Args:
        folder: open, or the path of one.
        progress: told how many of how many files were read while it is opened.

    Returns:
        The data, four fifths, and the held-out images.

    Raises:
        DataError: there is no such folder, or it holds too few images.
    """
    opened = folder if isinstance(folder, ImageFolder) else ImageFolder(folder, progress)
    hashes = sorted({file.pixels for file in opened._files})
    lowest = hashes[: round(len(hashes) / 5)]
    held = {h for h in hashes if int(h[:8], 16) < 2**32 / 5} if len(hashes) >= MANY else {*lowest}
    sides: tuple[list[int], list[int]] = ([], [])
    for position, file in enumerate(opened._files):
        sides[file.pixels in held].append(position)
    data, held_out = sides
    return (
        opened.part(data, f"images, {len(held_out)} more held out"),
        opened.part(held_out, "held-out images"),
    )
