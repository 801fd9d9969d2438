"""``maia sessions``, ``replay``, ``rate`` and ``report``: what was done before."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from maia_lab.cli.terms import (
    CONCLUDED,
    CommandError,
    Commands,
    command,
    device_options,
    progress_bar,
    say,
    show,
    writable,
)


def add(commands: Commands) -> None:
    """Say how the commands are called."""
    sessions = command(commands, "sessions", "list sessions and where they stand")
    sessions.set_defaults(run=_sessions)

    replay = command(commands, "replay", "tell a session again, step by step; nothing of it runs")
    replay.add_argument("session", help="its name, or its folder; demo comes with the package")
    pace = replay.add_mutually_exclusive_group()
    pace.add_argument("--pace", type=float, metavar="SECONDS", help="go on by itself after so long")
    pace.add_argument("--all", action="store_true", help="tell it in one go")
    pace.add_argument(
        "--copy", type=Path, metavar="FOLDER", help="copy it to hand out, pictures made small"
    )
    replay.set_defaults(run=_replay)

    rate = command(commands, "rate", "have a conclusion rated once more, by another rater")
    rate.add_argument("session", help="its name, or its folder")
    rate.add_argument("--rater", metavar="NAME", help="clip:FOLDER, claude or claude:MODEL")
    device_options(rate)
    rate.set_defaults(run=_rate)

    report = command(commands, "report", "write a session's report, notebook and summary")
    report.add_argument("session", help="its name, or its folder; demo comes with the package")
    report.add_argument("--out", type=Path, default=Path(), help="folder (default: here)")
    report.set_defaults(run=_report)


def _sessions(options: argparse.Namespace) -> int:
    from rich.table import Table

    from maia_lab import places
    from maia_lab.plain import one_line
    from maia_lab.sessions import listed

    del options
    table = Table("session", "unit", "agent", "stands at", box=None, pad_edge=False)
    for cells in listed():
        table.add_row(*map(one_line, cells))
    show(table if table.row_count else f"No sessions in {places.sessions()} yet.")
    return CONCLUDED


def _replay(options: argparse.Namespace) -> int:
    from maia_lab.console import Retelling
    from maia_lab.plain import one_line
    from maia_lab.replay import copy, paced, recording, replay

    journal, remarks = recording(options.session)
    if options.copy is not None:
        copy(journal, options.copy)
        say(f"Replay it with: maia replay {options.copy}")
        return CONCLUDED
    images = None if journal.folder is None else journal.folder / "images"
    say(f"Replayed: {one_line(journal.name)}; nothing runs.")
    if options.pace is not None:
        turn = paced(options.pace)
    elif options.all or sys.stdin is None or not sys.stdin.isatty():
        turn = paced(0)
    else:
        turn = _turned
    replay(journal, Retelling(sys.stdout, images), turn)
    for remark in remarks:
        say(f"{remark}.")
    return CONCLUDED


def _turned(comes: str) -> bool:
    """Wait for Enter; q or the end of input ends it."""
    try:
        return input(f"  [Enter] {comes}  [q]uit > ").strip().lower() not in ("q", "quit")
    except EOFError:
        return False


def _rate(options: argparse.Namespace) -> int:
    from maia_lab.cli.describe import prepared
    from maia_lab.scoring import evaluation
    from maia_lab.scoring.rating import concluded, rated_by
    from maia_lab.sessions import find
    from maia_lab.start import again, same

    concluded(find(options.session, readonly=True))
    if options.rater is None:
        raise CommandError(
            "rate",
            "needs someone who looks",
            f"rate by hand in a notebook (%maia rate {options.session}), or name --rater",
        )
    prepared("", options.rater)
    session = find(options.session)
    with session.journal:
        with progress_bar() as progress:
            study = same(session, again(session, progress))
        rated_by(session, study, options.rater)
        show(evaluation.table(session.scores))
    return CONCLUDED


def _report(options: argparse.Namespace) -> int:
    from maia_lab import report
    from maia_lab.journal import Journal
    from maia_lab.sessions import locate

    writable(options.out)
    journal = Journal.open(locate(options.session, recorded=True), readonly=True)
    for path in report.write(journal, options.out).values():
        say(f"wrote {path}")
    return CONCLUDED
