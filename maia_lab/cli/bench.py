"""``maia bench NAME``: measure what is promised, and print it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from maia_lab.bench import BENCHES
from maia_lab.cli.terms import CONCLUDED, FAILED, Commands, command, listing, positive, writable

OPTIONS: dict[str, dict[str, object]] = {
    "n": {
        "type": positive,
        "help": "how many, where the bench's own number is too long to wait for",
    },
    "agent": {"help": "who is measured (default: offline)"},
    "model": {"help": "a name, or package.module:factory"},
    "data": {"metavar": "FOLDER", "help": "images to measure with"},
    "device": {"help": "cpu, cuda, mps"},
    "generator": {"help": "what draws, such as diffusers:FOLDER,steps=16,guidance=3"},
    "sheet": {"type": Path, "metavar": "FILE", "help": "also save a picture of what was drawn"},
}
"""What a bench may take beside seeds; each says in the registry which of these it does."""


def add(commands: Commands) -> None:
    """Say how the command is called."""
    bench = command(commands, "bench", "measure what is promised, and print it")
    bench.set_defaults(run=listing(bench))
    names = bench.add_subparsers(title="benches", metavar="NAME")
    for name, entry in BENCHES.items():
        parser = command(names, name, entry.says)
        parser.add_argument(
            "--seeds", type=int, nargs="+", default=[1, 2, 3], help="at least three for a verdict"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table there")
        for option in entry.options:
            parser.add_argument(f"--{option}", **OPTIONS[option])  # type: ignore[arg-type]
        parser.set_defaults(run=_bench, name=name)


def _bench(options: argparse.Namespace) -> int:
    if options.json is not None:
        writable(options.json.parent)
    entry = BENCHES[options.name]
    chosen = {name: getattr(options, name) for name in entry.options}
    given = {name: value for name, value in chosen.items() if value is not None}
    table = replace(entry.open()(options.seeds, **given), paper=entry.paper)
    table.print()
    if options.json is not None:
        table.write(options.json)
    return CONCLUDED if all(row.holds is not False for row in table.rows) else FAILED
