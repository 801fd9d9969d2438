"""Images that are in memory, or in a data set of another library, as data like any folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from maia_lab import provenance
from maia_lab.errors import DataError
from maia_lab.images import MOST_PIXELS, ImageFolder, _File, clean, plain
from maia_lab.world import Progress


class Rows(Protocol):
    """What can be read by position: a list of images, a data set."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, index: int, /) -> Any:
        """An image, or a mapping or a tuple that holds one."""


class Pictures(ImageFolder):
    """Any sequence of PIL images, or of rows that hold one each, such as a Hugging Face data set.

    In a row, the first value that is an image counts. The class beside it is its label: ``label``,
    the first column for which the data set has names of classes, or what stands second in a row
    without columns, as torchvision's data sets have them. What is no image is skipped, counted and
    named by its position.
    """

    def __init__(self, source: Rows, progress: Progress | None = None) -> None:
        """Look at every image once.

        Raises:
            DataError: it cannot be read by position, or has fewer than ten different images.
        """
        if not hasattr(source, "__len__") or not hasattr(source, "__getitem__"):
            raise DataError(
                type(source).__name__,
                "cannot be read by position",
                "give a folder, a list of PIL images, or a data set that has a length",
            )
        self.path, self._source = Path(), source
        title = getattr(source, "info", None)
        self._begin(clean(getattr(title, "dataset_name", None) or "pictures"), progress)

    def _found(self, progress: Progress | None) -> Iterator[_File]:
        total = len(self._source)
        for number in range(total):
            try:
                row = self._source[number]
                pixels = provenance.pixel_hash(_picture(row, number))
            except Exception as error:  # Whatever a decoder of another library raises.
                reason = error.reason if isinstance(error, DataError) else f"fails ({error})"
                self.skipped.append((f"number {number}", clean(reason)))
            else:
                yield _File(f"{self._label(row)}/{number}", pixels)
            if progress is not None:
                progress(number + 1, total)

    def _open(self, name: str) -> Image.Image:
        number = int(name.rpartition("/")[2])
        return _picture(self._source[number], number)

    def _label(self, row: object) -> str:
        features = getattr(self._source, "features", None) or {}
        names = {column: getattr(kind, "names", None) for column, kind in features.items()}
        if isinstance(row, Mapping):
            column = "label" if "label" in row else next(filter(names.get, names), "label")
            label, known = row.get(column), names.get(column)
        else:
            label = row[1] if isinstance(row, tuple) and len(row) == 2 else None
            known = getattr(self._source, "classes", None)
        if known and isinstance(label, int) and 0 <= label < len(known):
            label = known[label]
        return "" if label is None else clean(str(label)).replace("/", "_")


def _picture(row: object, number: int) -> Image.Image:
    values = row.values() if isinstance(row, Mapping) else row if isinstance(row, tuple) else [row]
    image = next((value for value in values if isinstance(value, Image.Image)), None)
    if image is None:
        raise DataError(f"number {number}", "holds no PIL image", "give images, or rows with one")
    if image.width * image.height > MOST_PIXELS:
        raise DataError(f"number {number}", "has too many pixels", "give a smaller copy")
    return plain(image.copy(), f"number {number}")
