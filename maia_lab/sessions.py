"""Sessions on this machine: found by name or by folder, and listed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from maia_lab import places
from maia_lab.errors import MaiaError, SessionError
from maia_lab.journal import Journal
from maia_lab.journal.names import is_portable
from maia_lab.session import Session

RECORDINGS = Path(__file__).parent / "recordings"
"""Sessions that come with the package, each a folder as a session left it."""


def find(
    session: str | Path, folder: str | Path | None = None, *, readonly: bool = False
) -> Session:
    """Open a session by its folder, or by its name in the folder of sessions.

    Args:
        session: its name, or its folder.
        folder: where sessions are kept, if not in the user's data folder.
        readonly: leave it free for whoever works on it; a recording that comes with the package
            can be opened in no other way.

    Raises:
        SessionError: there is no such session, or its journal is damaged.
    """
    known = locate(session, folder, recorded=readonly)
    return Session(Journal.open(known, readonly=readonly))


def listed() -> Iterator[tuple[str, str, str, str]]:
    """Every session in the folder of sessions: name, unit, agent, and where it stands."""
    for journal in sorted(places.sessions().glob("*/journal.jsonl")):
        try:
            session = find(journal.parent, readonly=True)
            opened = session.opened
            cells = (str(opened.question.unit), opened.setting.agent, session.standing)
        except MaiaError as error:
            cells = ("", "", str(error))
        yield journal.parent.name, *cells


def locate(
    session: str | Path, folder: str | Path | None = None, *, recorded: bool = False
) -> Path:
    """The folder of a session.

    Args:
        session: its name, or its folder.
        folder: where sessions are kept, if not in the user's data folder.
        recorded: also look among the recordings that come with the package.

    Raises:
        SessionError: there is no such session.
    """
    root = Path(folder) if folder is not None else places.sessions()
    folders = [Path(session), root / str(session)]
    comes = is_portable(str(session)) and (RECORDINGS / str(session)).is_dir()
    if comes and recorded:
        folders.append(RECORDINGS / str(session))
    for known in folders:
        if (known / "journal.jsonl").is_file():
            return known
    if comes:
        raise SessionError(
            str(session),
            "comes with the package, to be looked at only",
            f"copy it with: maia replay {session} --copy FOLDER",
        )
    raise SessionError(str(session), f"is not a session in {root}", "list them with: maia sessions")
