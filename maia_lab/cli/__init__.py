"""The ``maia`` command: what a notebook can do, from a terminal. One file a group of commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from maia_lab.cli import bench, config, describe, first, look, sessions, sweep
from maia_lab.cli.terms import (
    CONCLUDED,
    FAILED,
    INTERRUPTED,
    UNREADABLE,
    CommandError,
    listing,
    say,
)
from maia_lab.errors import MaiaError
from maia_lab.version import __version__

GROUPS = (first, describe, sweep, look, sessions, config, bench)
"""In the order in which ``maia --help`` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except MaiaError as error:
        say(f"maia: {error}")
        return UNREADABLE if isinstance(error, CommandError) else FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough (``maia units … | head``).
        sys.stderr.close()
        return CONCLUDED
    except KeyboardInterrupt:
        say("maia: interrupted.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maia",
        description="Find out what a vision network has learned, by experiment.",
        epilog="exit codes: 0 done; 1 an error, said in one sentence; 2 a command that cannot be"
        " read; 3 a session without a conclusion; 130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"maia-lab {__version__}")
    parser.set_defaults(run=listing(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return parser
