"""The ``maia`` command: everything a notebook can do, from a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from maia_lab.errors import DataError, MaiaError
from maia_lab.version import __version__

if TYPE_CHECKING:
    from rich.progress import Progress

CONCLUDED, FAILED, UNREADABLE, UNCONCLUDED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes; argparse's own for a command that cannot be read is 2 as well."""


class CommandError(MaiaError):
    """A command whose options do not fit together."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except MaiaError as error:
        _say(f"maia: {error}")
        return UNREADABLE if isinstance(error, CommandError) else FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough (``maia units … | head``).
        sys.stderr.close()
        return CONCLUDED
    except KeyboardInterrupt:
        _say("maia: interrupted.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maia",
        description="Find out what a vision network has learned, by experiment.",
        epilog="exit codes: 0 done; 1 an error, said in one sentence; 2 a command that cannot be"
        " read; 3 a session without a conclusion; 130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"maia-lab {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="describe two units in front of you, in a minute")
    demo.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for the results")
    demo.set_defaults(run=_demo)

    describe = commands.add_parser("describe", help="find out what makes a unit active")
    describe.add_argument("unit", nargs="?", help="model/layer/index, for example scenes/layer4/12")
    describe.add_argument("--resume", metavar="SESSION", help="go on with a session instead")
    describe.add_argument("--agent", help="who experiments (default: offline)")
    describe.add_argument(
        "--review",
        choices=["ask", "safe", "auto"],
        help="ask: you decide each experiment (default); safe: allow-listed code runs by itself;"
        " auto: everything runs, for a throwaway machine",
    )
    describe.add_argument("--generator", metavar="NAME", help="whose images are drawn and edited")
    describe.add_argument("--steps", type=_positive, help="at most (default: 25)")
    describe.add_argument("--seconds", type=_positive, help="of work, at most (default: 1800)")
    describe.add_argument("--seed", type=int, help="of every random choice (default: 0)")
    describe.add_argument("--session", metavar="NAME", help="a name for the session")
    describe.add_argument("--out", type=Path, help="also write report and notebook to this folder")
    _data(describe)
    describe.set_defaults(run=_describe)

    units = commands.add_parser("units", help="list a model's layers and how many units they have")
    units.add_argument("model", help="a name, or package.module:factory")
    units.set_defaults(run=_units)

    exemplars = commands.add_parser("exemplars", help="show the images that activate a unit most")
    exemplars.add_argument("unit", help="model/layer/index")
    exemplars.add_argument("--out", type=Path, required=True, help="the picture to write, a PNG")
    exemplars.add_argument("--count", type=_positive, default=15, help="images (default: 15)")
    exemplars.add_argument(
        "--stratum", default="top", help="top (default), bottom, median, or a quantile such as 0.9"
    )
    _data(exemplars)
    exemplars.set_defaults(run=_exemplars)

    report = commands.add_parser("report", help="write a session's report, notebook and summary")
    report.add_argument("session", help="its name, or its folder")
    report.add_argument("--out", type=Path, default=Path(), help="folder (default: here)")
    report.set_defaults(run=_report)

    sessions = commands.add_parser("sessions", help="list sessions and where they stand")
    sessions.set_defaults(run=_sessions)

    bench = commands.add_parser("bench", help="measure what is promised, and print it")
    bench.add_argument(
        "name", choices=["basics"], help="basics: time and memory of the first minute"
    )
    bench.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="at least three")
    bench.add_argument("--json", type=Path, metavar="FILE", help="also write the table there")
    bench.set_defaults(run=_bench)

    doctor = commands.add_parser("doctor", help="say what is installed and what works here")
    doctor.set_defaults(run=_doctor)
    return parser


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", metavar="FOLDER", help="images to study the model with, where it needs them"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero")
    return int(text)


def _demo(options: argparse.Namespace) -> int:
    from maia_lab.demo import demo

    _writable(options.out)
    with _progress() as progress:
        demo(options.out, progress)
    return CONCLUDED


def _describe(options: argparse.Namespace) -> int:
    from maia_lab.console import Narrator
    from maia_lab.review import Policy
    from maia_lab.start import describe, resume

    if (options.unit is None) == (options.resume is None):
        raise CommandError(
            "describe", "needs either a unit or --resume SESSION", "see maia describe --help"
        )
    fixed = ("data", "generator", "agent", "steps", "seconds", "seed", "session")
    given = {name: value for name in fixed if (value := getattr(options, name)) is not None}
    if options.resume is not None and given:
        raise CommandError(
            f"--{next(iter(given))}",
            "cannot be changed in a session that goes on",
            "leave it out, or start a new session",
        )
    if options.out is not None:
        _writable(options.out)
    for name in ("steps", "seconds"):
        if name in given:
            given[f"max_{name}"] = given.pop(name)
    # What was decided before a resume was seen elsewhere, or long ago: it is told in full.
    reader = Narrator(sys.stdout, live=options.resume is None)
    review: Policy = options.review or "ask"
    with _progress() as progress:
        if options.resume is not None:
            session = resume(options.resume, review=review, progress=progress, reader=reader)
        else:
            session = describe(
                options.unit, review=review, progress=progress, reader=reader, **given
            )
    if review == "ask" and session.journal.folder is not None:
        reader.images = session.journal.folder / "images"
    if review == "auto":
        _say("Review is off: every experiment runs by itself, with your rights.")
    try:
        session.wait()
    except (KeyboardInterrupt, MaiaError) as error:
        if isinstance(error, MaiaError):
            _say(f"maia: {error}")
        _say(
            f"Nothing is lost. Go on with: maia describe --resume {options.resume or session.name}"
        )
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
    if options.out is not None:
        for path in session.report(options.out).values():
            _say(f"wrote {path}")
    else:
        _say(f"For a report and a notebook: maia report {options.resume or session.name}")
    return CONCLUDED if session.conclusion is not None else UNCONCLUDED


def _units(options: argparse.Namespace) -> int:
    from rich.table import Table

    from maia_lab.doors import open_model

    table = Table("layer", "kind", "units", "example", box=None, pad_edge=False)
    model = open_model(options.model)
    for name, kind, count in model.layers():
        table.add_row(name, kind, str(count), f"{model.name}/{name}/{count - 1}")
    _print(table)
    return CONCLUDED


def _exemplars(options: argparse.Namespace) -> int:
    from maia_lab.grid import Grid
    from maia_lab.study import open_study

    stratum = options.stratum
    if stratum not in ("top", "bottom", "median"):
        try:
            stratum = float(stratum)
        except ValueError:
            raise CommandError(
                stratum, "is not a stratum", "say top, bottom, median, or a quantile such as 0.9"
            ) from None
    if options.out.suffix.lower() != ".png":
        raise CommandError(str(options.out), "is not a PNG's name", "let it end in .png")
    _writable(options.out.parent)
    with _progress() as progress:
        study = open_study(options.unit, data=options.data, progress=progress)
    for remark in study.world.remarks:
        _say(remark)
    shown = study.tools.dataset_exemplars(study.system, options.count, stratum)
    grid = Grid.of(shown)
    if grid is not None:
        grid.draw().save(options.out)
        _say(f"wrote {options.out}: {grid.alt}, of {study.world.data.name}")
    return CONCLUDED


def _report(options: argparse.Namespace) -> int:
    from maia_lab import report
    from maia_lab.journal import Journal
    from maia_lab.start import locate

    _writable(options.out)
    journal = Journal.open(locate(options.session), readonly=True)
    for path in report.write(journal, options.out).values():
        _say(f"wrote {path}")
    return CONCLUDED


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
    _print(table if folders else f"No sessions in {places.sessions()} yet.")
    return CONCLUDED


def _bench(options: argparse.Namespace) -> int:
    from maia_lab.bench.basics import basics

    if options.json is not None:
        _writable(options.json.parent)
    table = basics(options.seeds)
    table.print()
    if options.json is not None:
        table.write(options.json)
    return CONCLUDED if all(row.holds is not False for row in table.rows) else FAILED


def _doctor(options: argparse.Namespace) -> int:
    from maia_lab.doctor import findings

    del options
    found = list(findings())
    for finding in found:
        _print(f"{'ok  ' if finding.fine else 'FAIL'} {finding.what}: {finding.says}")
    return CONCLUDED if all(finding.fine for finding in found) else FAILED


def _writable(folder: Path) -> None:
    """Fail now rather than after a minute's work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".maia-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DataError(
            str(folder), f"cannot be written to ({error.strerror})", "choose another folder"
        ) from error


class _Bar:
    """A bar on standard error while something long goes on; nothing where nobody watches."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        if self._bar is None and self._console.is_terminal and done < total:
            columns = ("looking at the data", BarColumn(), MofNCompleteColumn())
            self._bar = Progress(
                *columns, TimeRemainingColumn(), console=self._console, transient=True
            )
            self._bar.add_task("")
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
            if done >= total:
                self.stop()

    def stop(self) -> None:
        """Take it away: whoever writes next has the line to himself."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@contextmanager
def _progress() -> Iterator[_Bar]:
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.stop()


def _print(thing: object) -> None:
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(thing, markup=False)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
