"""What is remembered: an append-only list of events, and the pictures they speak of.

A session's folder holds ``journal.jsonl``, one sealed line an event
(:mod:`maia_lab.journal.envelope`), and ``images/``, every picture under the hash of its bytes. An
event counts once its line is on the disk; until then nothing takes effect. It is the only state:
every view is a fold over it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from maia_lab.errors import JournalError
from maia_lab.events import Event
from maia_lab.journal import envelope
from maia_lab.journal.disk import IMAGES, LINES, LOCK, Disk, Memory, Store
from maia_lab.journal.envelope import Record
from maia_lab.journal.names import is_portable

HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True, eq=False)
class _View:
    """Someone who is told of events, and how many of the records that has been so far."""

    reader: Callable[[Event], None]
    told: int = 0


class Journal:
    """A session's events in order, each on disk before anyone is told of it.

    Open one with :meth:`create`, :meth:`open` or :meth:`memory`. One process writes a journal at a
    time; whoever opens it meanwhile reads. Safe to use from several threads.

    Attributes:
        name: the session's name.
        epoch: random, new at every opening: what a restart makes void is tied to it.
        why: why it can only be read; empty if it can be written.
        faults: what is wrong with the file, each naming its line. The other lines are readable.
        repaired: what became of an unfinished last line; empty if there was none.
    """

    def __init__(self, name: str, store: Store) -> None:
        """Start an empty journal over a store."""
        self.name, self.epoch = name, secrets.token_hex(8)
        self.why, self.repaired = "", ""
        self.faults: tuple[str, ...] = ()
        self._store = store
        self._records: list[Record] = []
        self._views: list[_View] = []
        self._telling = False
        self._guard = threading.RLock()

    @classmethod
    def memory(cls, name: str = "in-memory") -> Journal:
        """A journal that leaves nothing behind."""
        return cls(name, Memory())

    @classmethod
    def create(cls, root: Path, name: str) -> Journal:
        """Make the folder ``root/name`` and open a new journal in it.

        Raises:
            JournalError: the name is no plain folder name, is taken, or cannot be made.
        """
        cls.check(root, name)
        folder = root.resolve() / name
        try:
            Disk.make(folder)
        except OSError as error:
            if isinstance(error, FileExistsError) and folder.parent.is_dir():
                raise _taken(root, name) from None
            raise JournalError(
                str(folder), f"cannot be made ({error.strerror})", "choose a folder you can write"
            ) from error
        return cls.open(folder)

    @staticmethod
    def check(root: Path, name: str) -> None:
        """Whether ``root/name`` may be created, before any work is done for it.

        Raises:
            JournalError: the name is no plain folder name, or is taken.
        """
        if not is_portable(name):
            raise JournalError(
                name,
                "is not a name for a session",
                "use up to 64 letters, digits, dots, dashes and underscores, with a letter or digit"
                " first and no dot last",
            )
        if (root / name).exists():
            raise _taken(root, name)

    @classmethod
    def open(cls, folder: Path, readonly: bool = False) -> Journal:
        """Open an existing journal: for writing if that is possible, else for reading.

        An unfinished last line, left by a crash, is cut off and its bytes are kept aside. Damage
        anywhere else makes the journal read-only.

        Raises:
            JournalError: there is no journal, or it cannot be read.
        """
        folder = folder.resolve()
        # A link would let a folder that came from elsewhere choose what is written to.
        if linked := [name for name in (LINES, LOCK, IMAGES) if (folder / name).is_symlink()]:
            raise JournalError(
                str(folder), f"has a link in the place of {linked[0]}", "copy what it points to"
            )
        if not (folder / LINES).is_file():
            raise JournalError(str(folder), "holds no session", f"name a folder with a {LINES}")
        disk = Disk(folder, readonly)
        journal = cls(folder.name, disk)
        try:
            found = envelope.scan(disk.lines())
            journal._records, journal.faults = list(found.records), found.faults
            if not disk.why and not found.faults and not found.whole:
                aside = disk.cut(found.end)
                kept = f"its bytes lie in {aside}" if aside else "it lacked only its newline"
                journal.repaired = f"the last line was unfinished; {kept}"
            elif readonly and not found.whole:
                journal.repaired = "the last line is unfinished, and not shown"
        except OSError as error:
            disk.close()
            raise JournalError(
                str(folder),
                f"cannot be read ({error.strerror})",
                "look at the folder's permissions",
            ) from error
        journal.why = "; ".join(found.faults[:3]) or disk.why
        if journal.why:
            disk.close()
        return journal

    @property
    def folder(self) -> Path | None:
        """Where it lies; None for a journal in memory."""
        return self._store.folder

    @property
    def readonly(self) -> bool:
        """Whether it can only be read; the reason is :attr:`why`."""
        return bool(self.why)

    @property
    def held(self) -> bool:
        """Whether a process has it for writing, this one or another."""
        return not self.why or (self.folder is not None and Disk.taken(self.folder))

    @property
    def records(self) -> Sequence[Record]:
        """Every readable line, also those of types that this version does not know."""
        return tuple(self._records)

    @property
    def events(self) -> Sequence[Event]:
        """Every event this version knows, in order."""
        return tuple(record.event for record in self._records if record.event is not None)

    def intact(self) -> Journal:
        """The same journal up to its first damaged or missing line, for reading."""
        whole = Journal(self.name, self._store)
        whole.why = "only a part of it is shown"
        for record in self._records:
            last = whole._records[-1] if whole._records else None
            if (record.seq, record.previous) != ((last.seq + 1, last.sha256) if last else (1, "")):
                break
            whole._records.append(record)
        return whole

    def append(self, event: Event, then: Callable[[], None] = lambda: None) -> None:
        """Write an event; once it is on disk, the readers are told.

        API keys in its text are struck out first, for the readers as well.

        Args:
            event: what happened.
            then: what follows from it, done before anybody is told: a reader may append, too.

        Raises:
            JournalError: it was not written: nothing has changed, and nobody was told.
        """
        with self._guard:
            self._check_writable()
            try:
                line, record = envelope.seal(
                    event, self._records[-1] if self._records else None, self.epoch
                )
            except (TypeError, ValueError) as error:
                raise JournalError(
                    type(event).__name__, f"is not a well-formed event ({error})", "correct it"
                ) from error
            try:
                self._store.append(line, at=sum(known.size for known in self._records))
            except OSError as error:
                raise self._not_written(error) from error
            # The one step by which it takes effect, so that no interrupt can come in between.
            self._records.append(record)
            then()
            self._tell()

    def read_by(self, reader: Callable[[Event], None], since: int = 0) -> Callable[[], None]:
        """Tell ``reader`` every event so far, then each new one as it happens.

        Events come in order and one at a time, in the thread that appends; a reader may append.
        What a reader raises is logged, and stops nobody else.

        Args:
            reader: called with each event.
            since: events at the start to leave out: ``len(journal.events)`` for new ones only.

        Returns:
            A function that ends it.
        """
        with self._guard:
            known = [n for n, record in enumerate(self._records) if record.event is not None]
            view = _View(reader, known[since] if since < len(known) else len(self._records))
            self._views.append(view)
            self._tell()

        def stop() -> None:
            with self._guard:
                if view in self._views:
                    self._views.remove(view)

        return stop

    def keep(self, data: bytes) -> str:
        """Keep a picture's file; the same bytes are kept once.

        Returns:
            Its sha256, by which :meth:`image` finds it.

        Raises:
            JournalError: it could not be written.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        with self._guard:
            self._check_writable()
            try:
                self._store.keep(sha256, data)
            except OSError as error:
                raise self._not_written(error) from error
        return sha256

    def image(self, sha256: str) -> bytes:
        """A kept picture's file.

        Raises:
            JournalError: it is missing, or no longer what it was.
        """
        if not HASH.fullmatch(sha256):
            raise JournalError(sha256, "is not the hash of a picture", "take one from an event")
        try:
            data = self._store.image(sha256)
        except OSError as error:
            raise JournalError(
                sha256, f"is not among the pictures of {self.name}", "copy the whole folder again"
            ) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise JournalError(sha256, "has changed on disk", "copy the whole folder again")
        return data

    def close(self) -> None:
        """Let others write. Everything read so far stays readable."""
        with self._guard:
            self.why = self.why or "it was closed"
            self._store.close()

    def __enter__(self) -> Journal:
        """Use it for the length of a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _check_writable(self) -> None:
        if self.why:
            raise JournalError(
                self.name,
                f"is read-only: {self.why}",
                "start another session, or end the program, or the kernel, that works on this one",
            )

    def _not_written(self, error: OSError) -> JournalError:
        return JournalError(
            self.name, f"could not be written ({error.strerror})", "make room, then resume it"
        )

    def _tell(self) -> None:
        if self._telling:  # A reader appends: the loop below will get there.
            return
        self._telling = True
        try:
            while view := next((v for v in self._views if v.told < len(self._records)), None):
                event = self._records[view.told].event
                view.told += 1
                if event is not None:
                    _tell(view.reader, event)
        finally:
            self._telling = False


def _tell(reader: Callable[[Event], None], event: Event) -> None:
    try:
        reader(event)
    except Exception:
        logging.getLogger(__name__).exception("a reader of the journal failed")


def _taken(root: Path, name: str) -> JournalError:
    return JournalError(name, f"already exists in {root}", "choose another name or resume it")
