"""The folder under a journal: one file that only grows, and pictures under the hash of their bytes.

Nothing here is acknowledged before it is on the disk, and what fails halfway leaves no trace.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

LINES = "journal.jsonl"
IMAGES = "images"
LOCK = "lock"
BINARY = getattr(os, "O_BINARY", 0)
"""Without it Windows would write two bytes for each newline."""


class Store(Protocol):
    """Where a journal's lines and pictures go. Failures are OSErrors, and change nothing."""

    @property
    def folder(self) -> Path | None:
        """Where it lies; None for memory."""

    def append(self, line: bytes, at: int) -> None:
        """Put a line behind the first ``at`` bytes; anything already there counts for nothing."""

    def keep(self, sha256: str, data: bytes) -> None:
        """Keep a picture's file."""

    def image(self, sha256: str) -> bytes:
        """Read a picture's file; OSError if there is none."""

    def close(self) -> None:
        """Let others write."""


class Memory:
    """Leaves nothing behind."""

    folder = None

    def __init__(self) -> None:
        """Start empty."""
        self._images: dict[str, bytes] = {}

    def append(self, line: bytes, at: int) -> None:
        """Nothing to do: the journal itself remembers."""

    def keep(self, sha256: str, data: bytes) -> None:
        """Keep a picture's file."""
        self._images[sha256] = data

    def image(self, sha256: str) -> bytes:
        """Read a picture's file."""
        if sha256 not in self._images:
            raise FileNotFoundError(sha256)
        return self._images[sha256]

    def close(self) -> None:
        """Nothing to let go."""


class Disk:
    """A session's folder: files 0600, folders 0700 where the system knows such modes.

    Attributes:
        folder: the folder.
        why: why it cannot be written; empty if it can.
    """

    def __init__(self, folder: Path, readonly: bool = False) -> None:
        """Take an existing folder, for writing if nobody else has it."""
        self.folder = folder
        self.why = "it was opened for reading" if readonly else ""
        self._file: int | None = None
        # Any thread may append and another close.
        self._lock = FileLock(folder / LOCK, timeout=0, mode=0o600, thread_local=False)
        if not readonly:
            try:
                self._lock.acquire()
                self._file = os.open(folder / LINES, os.O_RDWR | os.O_APPEND | BINARY)
            except Timeout:
                self.why = "another process is writing it"
            except OSError as error:
                self.why = f"its folder cannot be written ({error.strerror})"

    @staticmethod
    def taken(folder: Path) -> bool:
        """Whether someone has it for writing."""
        try:
            with FileLock(folder / LOCK, timeout=0, mode=0o600, thread_local=False):
                return False
        except Timeout:
            return True
        except OSError:  # Nobody can write there.
            return False

    @classmethod
    def make(cls, folder: Path) -> None:
        """Make the folder of a new journal; FileExistsError if it is there."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        (folder / IMAGES).mkdir(mode=0o700)
        os.close(os.open(folder / LINES, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _sync_folder(folder)
        _sync_folder(folder.parent)

    def lines(self) -> bytes:
        """All bytes of the file that grows."""
        return (self.folder / LINES).read_bytes()

    def append(self, line: bytes, at: int) -> None:
        """Put a line behind the first ``at`` bytes, in one write, and wait until it is on disk."""
        if self._file is None:
            raise OSError(0, "the journal is not open for writing")
        try:
            # Left over from a write that was interrupted before it was acknowledged.
            if os.fstat(self._file).st_size != at:
                os.ftruncate(self._file, at)
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, at)
            raise

    def cut(self, end: int) -> str:
        """End the file after ``end`` bytes and a newline.

        Returns:
            The name of the new file that keeps what was behind; empty if nothing was.
        """
        rest, aside = self.lines()[end:].removeprefix(b"\n"), ""
        if rest:
            taken = {path.name for path in self.folder.glob("journal.torn-*")}
            aside = next(
                name for n in range(1, len(taken) + 2) if (name := f"journal.torn-{n}") not in taken
            )
            write_whole(self.folder / aside, rest)
        self.append(b"\n" if end else b"", end)
        return aside

    def keep(self, sha256: str, data: bytes) -> None:
        """Keep a picture's file, whole or not at all."""
        path = self._picture(sha256)
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_whole(path, data)

    def image(self, sha256: str) -> bytes:
        """Read a picture's file; OSError if there is none."""
        path = self._picture(sha256)
        # In a folder from elsewhere, a link or a pipe could stand in its place.
        if path.is_symlink() or not path.is_file():
            raise FileNotFoundError(str(path))
        return path.read_bytes()

    def close(self) -> None:
        """Let others write."""
        self.why = self.why or "it was closed"
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._lock.release()

    def _picture(self, sha256: str) -> Path:
        return self.folder / IMAGES / f"{sha256}.png"


def write_whole(path: Path, data: bytes) -> None:
    """Write a new file so that after a crash it is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | BINARY, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Put a folder's list of names on disk too; Windows does that by itself."""
    if os.name == "posix":
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
