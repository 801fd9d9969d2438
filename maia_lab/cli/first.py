"""``maia demo``, ``maia manual`` and ``maia doctor``: the first minute."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from maia_lab.cli.terms import (
    CONCLUDED,
    FAILED,
    Commands,
    command,
    progress_bar,
    show,
    writable,
)


def add(commands: Commands) -> None:
    """Say how the commands are called."""
    demo = command(commands, "demo", "describe two units in front of you, in a minute")
    demo.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for the results")
    demo.set_defaults(run=_demo)

    manual = command(commands, "manual", "print what an experiment may use")
    manual.add_argument("--generator", metavar="NAME", help="also print the words it can draw")
    manual.set_defaults(run=_manual)

    doctor = command(commands, "doctor", "say what is installed and what works here")
    doctor.set_defaults(run=_doctor)


def _demo(options: argparse.Namespace) -> int:
    from maia_lab.demo import demo

    writable(options.out)
    with progress_bar() as progress:
        demo(options.out, progress)
    return CONCLUDED


def _manual(options: argparse.Namespace) -> int:
    from maia_lab.doors import vocabulary
    from maia_lab.manual import manual

    sys.stdout.write(manual(vocabulary(options.generator) if options.generator else None))
    return CONCLUDED


def _doctor(options: argparse.Namespace) -> int:
    from maia_lab.doctor import findings

    del options
    found = list(findings())
    for finding in found:
        show(f"{'ok  ' if finding.fine else 'FAIL'} {finding.what}: {finding.says}")
    return CONCLUDED if all(finding.fine for finding in found) else FAILED
