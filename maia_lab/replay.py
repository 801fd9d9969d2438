"""A recorded session, told again at the reader's pace. Nothing of it runs, whoever recorded it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from maia_lab.console import Narrator
from maia_lab.errors import JournalError
from maia_lab.events import Decided, Event, Observed, Offered, Opened
from maia_lab.images import decode
from maia_lab.journal import Journal
from maia_lab.observation import Picture
from maia_lab.sessions import locate


def recording(session: str | Path) -> tuple[Journal, list[str]]:
    """Open a session for looking, up to the first damage in it.

    Args:
        session: its name, its folder, or the name of a recording that comes with the package.

    Returns:
        The journal, and what is to be said of it: damage, and lines of a newer version.

    Raises:
        SessionError: there is no such session.
        JournalError: nothing of it can be read.
    """
    journal = Journal.open(locate(session, recorded=True), readonly=True)
    whole, remarks = journal.intact(), list(journal.faults[:3])
    if missing := len(journal.records) - len(whole.records):
        remarks.append(f"{missing} readable lines behind the damage are not shown")
    if journal.repaired:
        remarks.append(journal.repaired)
    if strange := len(whole.records) - len(whole.events):
        remarks.append(f"{strange} lines are of another version and are not shown")
    if not whole.events or not isinstance(whole.events[0], Opened):
        said = "; ".join(remarks) or "its first line is no opening"
        raise JournalError(str(session), f"has no beginning ({said})", "copy the whole folder anew")
    return whole, remarks


def copy(journal: Journal, folder: Path, width: int = 560) -> Journal:
    """Copy a session to hand it out: everything in it, with pictures small enough for the mail.

    Args:
        journal: of the session.
        folder: to be made; its name is the copy's.
        width: of its pictures at most, which become JPEGs, in pixels.

    Raises:
        JournalError: the folder is there, or cannot be made.
    """
    small = Journal.create(folder.parent, folder.name)
    for event in journal.events:
        if isinstance(event, Observed):
            parts = tuple(
                _smaller(part, journal, small, width) if isinstance(part, Picture) else part
                for part in event.observation.parts
            )
            event = replace(event, observation=replace(event.observation, parts=parts))
        small.append(event)
    small.close()
    return small


def _smaller(picture: Picture, journal: Journal, small: Journal, width: int) -> Picture:
    image = decode(journal.image(picture.sha256))
    image.thumbnail((width, 10 * width))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=45, optimize=True)
    return replace(
        picture, sha256=small.keep(file.getvalue()), width=image.width, height=image.height
    )


def beats(events: Sequence[Event]) -> list[list[Event]]:
    """The events in portions: the opening, then a step with all that became of it each."""
    parts: list[list[Event]] = [[]]
    for event in events:
        if isinstance(event, Offered) and event.revision == 1:
            parts.append([])
        parts[-1].append(event)
    return parts


def replay(journal: Journal, narrator: Narrator, turn: Callable[[str], bool]) -> None:
    """Tell a session event by event.

    Args:
        journal: from :func:`recording`.
        narrator: tells it.
        turn: waits for the reader, who is told what comes; False ends it.
    """
    for event, comes in _announced(journal.events):
        if comes and not turn(comes):
            return
        narrator(event)


def _announced(events: Sequence[Event]) -> Iterator[tuple[Event, str]]:
    """Every event, with what comes where there is something to wait for."""
    open_step = 0
    for event in events:
        comes = ""
        if isinstance(event, Offered):
            comes, open_step = f"step {event.step}", event.step
        elif isinstance(event, Decided) and event.step == open_step:
            comes, open_step = "what became of it", 0
        yield event, comes


def paced(seconds: float) -> Callable[[str], bool]:
    """Turn the page by itself after so long, an hour at most."""

    def turn(comes: str) -> bool:
        del comes
        time.sleep(max(0.0, min(seconds, 3600.0)))
        return True

    return turn
