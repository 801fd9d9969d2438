"""``maia sessions`` and ``maia report``: what was done before."""

from __future__ import annotations

import argparse
from pathlib import Path

from maia_lab.cli.terms import (
    CONCLUDED,
    Commands,
    say,
    show,
    writable,
)
from maia_lab.errors import MaiaError


def add(commands: Commands) -> None:
    """Say how the commands are called."""
    sessions = commands.add_parser("sessions", help="list sessions and where they stand")
    sessions.set_defaults(run=_sessions)

    report = commands.add_parser("report", help="write a session's report, notebook and summary")
    report.add_argument("session", help="its name, or its folder")
    report.add_argument("--out", type=Path, default=Path(), help="folder (default: here)")
    report.set_defaults(run=_report)


def _sessions(options: argparse.Namespace) -> int:
    from rich.table import Table

    from maia_lab import places
    from maia_lab.plain import one_line
    from maia_lab.start import find

    del options
    table = Table("session", "unit", "agent", "stands at", box=None, pad_edge=False)
    folders = sorted(places.sessions().glob("*/journal.jsonl"))
    for journal in folders:
        try:
            session = find(journal.parent, readonly=True)
            opened = session.opened
            cells = (str(opened.question.unit), opened.setting.agent, str(session.state))
        except MaiaError as error:
            cells = ("", "", str(error))
        table.add_row(*map(one_line, (journal.parent.name, *cells)))
    show(table if folders else f"No sessions in {places.sessions()} yet.")
    return CONCLUDED


def _report(options: argparse.Namespace) -> int:
    from maia_lab import report
    from maia_lab.journal import Journal
    from maia_lab.start import locate

    writable(options.out)
    journal = Journal.open(locate(options.session), readonly=True)
    for path in report.write(journal, options.out).values():
        say(f"wrote {path}")
    return CONCLUDED
