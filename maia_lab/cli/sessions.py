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
    from maia_lab.start import listed

    del options
    table = Table("session", "unit", "agent", "stands at", box=None, pad_edge=False)
    for cells in listed():
        table.add_row(*map(one_line, cells))
    show(table if table.row_count else f"No sessions in {places.sessions()} yet.")
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
