"""What the image files of a folder showed when they were last read: none is read twice for that.

Opening a folder means to know each image by what it shows, and to find that out every file must be
decoded. A file of the same size and times as before is taken to be the same; whoever is given an
image of it is given none other, since its pixels are looked at again then.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import PIL
from PIL import features

from maia_lab import places

SETTLED = 2 * 10**9
"""Nanoseconds after which a file that is changed again bears another time, on any file system."""


class Register:
    """Of one folder, in the cache folder: a line for each file that was read, the last one holds.

    Lines are only ever added, each at once, so that several processes may write, and may be killed.
    """

    def __init__(self, folder: Path) -> None:
        """Read what is known of a folder by images that the same decoder made of its files."""
        self._folder = folder
        whose = f"{PIL.__version__} {features.version('jpg')} {folder}"
        name = hashlib.sha256(os.fsencode(whose)).hexdigest()[:24]
        self._path = places.cache() / "folders" / f"{name}.jsonl"
        self._known: dict[str, list[object]] = {}
        with suppress(OSError), self._path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError, TypeError):  # Its writer was killed.
                    file, *known = json.loads(line)
                    self._known[file] = known

    def pixels(self, path: Path, read: Callable[[Path], str]) -> str:
        """Hash of what a file shows, which ``read`` finds out where it is not known; any thread."""
        try:
            status = path.stat()
        except OSError:
            return read(path)
        file = path.relative_to(self._folder).as_posix()
        facts = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        if self._known.get(file, [])[:-1] == facts:
            return str(self._known[file][-1])
        # Its times were taken before: should it change while it is read, it will bear others.
        pixels = read(path)
        if time.time_ns() - max(facts[1:]) > SETTLED:
            with suppress(OSError):  # A cache that cannot be written saves no time.
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="ascii") as lines:
                    lines.write(f"{json.dumps([file, *facts, pixels])}\n")
        return pixels
