"""``maia sweep``: many units, described while nobody watches."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from maia_lab.cli.terms import (
    CONCLUDED,
    UNCONCLUDED,
    Commands,
    amount,
    command,
    data_option,
    device_options,
    positive,
    say,
    scheduler_options,
)

if TYPE_CHECKING:
    from maia_lab.scale.row import Row


def add(commands: Commands) -> None:
    """Say how the command is called."""
    sweep = command(commands, "sweep", "describe many units, on many cores or machines")
    sweep.add_argument(
        "units",
        nargs="+",
        metavar="UNIT",
        help="an address, a range (scenes/layer4/0-74), or a file with one of those a line",
    )
    sweep.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the folder of this sweep; a second run of the same command goes on where it was",
    )
    scheduler_options(sweep, "local")
    sweep.add_argument(
        "--review",
        choices=["safe", "auto"],
        default="safe",
        help="safe: allow-listed code runs, the rest is rejected (default); auto: everything runs,"
        " for throwaway machines",
    )
    sweep.add_argument("--agent", help="who experiments (default: see maia config)")
    sweep.add_argument("--generator", metavar="NAME", help="what draws images")
    sweep.add_argument("--editor", metavar="NAME", help="what edits them")
    sweep.add_argument("--rater", metavar="NAME", help="who rates held-out photographs")
    sweep.add_argument("--steps", type=positive, help="a session, at most")
    sweep.add_argument("--seconds", type=positive, help="of work a session, at most")
    sweep.add_argument("--tokens", type=positive, help="over the whole sweep, at most")
    sweep.add_argument("--money", type=amount, help="US dollars over the whole sweep, at most")
    sweep.add_argument("--seed", type=int, default=0, help="of every random choice (default: 0)")
    data_option(sweep)
    device_options(sweep)
    sweep.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    from maia_lab.scale import sweep

    if options.review == "auto":
        say("Review is off: every experiment runs by itself, with your rights.")
    try:
        frame = sweep(
            options.units,
            options.out,
            data=options.data,
            generator=options.generator,
            editor=options.editor,
            rater=options.rater,
            agent=options.agent,
            review=options.review,
            scheduler=options.scheduler,
            workers=options.workers,
            max_steps=options.steps,
            max_seconds=options.seconds,
            max_tokens=options.tokens,
            max_money=options.money,
            seed=options.seed,
            told=_tell,
        )
    except KeyboardInterrupt:
        say("\nNothing is lost. The same command goes on where it was.")
        raise
    counts = frame["state"].value_counts()
    say(", ".join(f"{n} {state}" for state, n in counts.items()))
    say(f"wrote {options.out / 'sweep.html'}, and table.csv and table.parquet beside it")
    return CONCLUDED if counts.get("concluded") == len(frame) else UNCONCLUDED


def _tell(row: Row, done: int, total: int) -> None:
    said = row.why if row.conclusion is None else row.conclusion.description
    r = "" if row.correlation is None else f" (r {row.correlation:.2f})"
    say(f"{done}/{total} {row.unit} {row.state}: {said}{r}")
