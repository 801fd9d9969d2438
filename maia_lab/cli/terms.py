"""What the commands share: exit codes, options that several take, and how they speak."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from maia_lab.errors import DataError, MaiaError
from maia_lab.pace import Pace

if TYPE_CHECKING:
    from rich.progress import Progress

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where a command adds its parser; it sets ``run``, which returns the exit code."""

CONCLUDED, FAILED, UNREADABLE, UNCONCLUDED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes; argparse's own for a command that cannot be read is 2 as well."""


class CommandError(MaiaError):
    """A command whose options do not fit together."""


def command(commands: Commands, name: str, says: str) -> argparse.ArgumentParser:
    """Add a command, with the line that ``maia --help`` and its own help say of it."""
    return commands.add_parser(name, help=says, description=says)


def data_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``."""
    parser.add_argument(
        "--data", metavar="FOLDER", help="images to study the model with, where it needs them"
    )


def device_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--device`` and ``--dtype``, which hold for all networks this process opens by name."""
    for option, variable, known in (
        ("--device", "MAIA_DEVICE", "cpu, cuda, cuda:1 or mps"),
        ("--dtype", "MAIA_DTYPE", "float32, float16 or bfloat16"),
    ):
        parser.add_argument(
            option,
            metavar="NAME",
            action=_Setting,
            dest=variable,
            help=f"{known}; the same as {variable} in the environment",
        )


class _Setting(argparse.Action):
    """Sets an environment variable: also what this process starts is to run there."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,  # noqa: ARG002
        values: object,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        os.environ[self.dest] = str(values)


def scheduler_options(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add ``--scheduler`` and ``--workers``."""
    parser.add_argument(
        "--scheduler",
        default=default,
        metavar="ADDRESS",
        help="local: processes of this machine; else a dask scheduler's address, or its file"
        f" (default: {default or 'this process'})",
    )
    parser.add_argument("--workers", type=positive, help="how many at a time (default: all there)")


def positive(text: str) -> int:
    """Read a whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero")
    return int(text)


def amount(text: str) -> float:
    """Read a sum of money."""
    try:
        read = float(text.removeprefix("$"))
    except ValueError:
        read = 0.0
    if not 0 < read < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a sum above zero")
    return read


def writable(folder: Path) -> None:
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


@contextmanager
def progress_bar() -> Iterator[_Bar]:
    """A progress callback that draws a bar, taken away at the end."""
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.stop()


def listing(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """What runs where nothing was named: the parser's help, with what can be named."""

    def run(_: argparse.Namespace) -> int:
        parser.print_help()
        return CONCLUDED

    return run


def show(thing: object) -> None:
    """Print text or a table to standard output."""
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(thing, markup=False)


def say(text: str) -> None:
    """Tell the user, on standard error."""
    sys.stderr.write(text + "\n")


class _Bar:
    """A bar on standard error while something long goes on; nothing where nobody watches."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console, self._pace = Console(stderr=True), Pace()
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress

        pace = self._pace(done, total)
        if self._bar is None and self._console.is_terminal and done < total:
            columns = (
                "looking at the data",
                BarColumn(),
                MofNCompleteColumn(),
                "{task.description}",
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task(pace)
            self._bar.start()
        if self._bar is not None:
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=done, total=total, description=pace)
            if done >= total:
                self.stop()

    def stop(self) -> None:
        """Take it away: whoever writes next has the line to himself."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
