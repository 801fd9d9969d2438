"""Runs approved code in this process, and keeps everything that comes out of it.

All experiments of a session share one dictionary, so that functions see the imports and helpers of
earlier ones, as in a notebook; ``system`` and ``tools`` are what they are before every run.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import hashlib
import io
import linecache
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import TextIO

from PIL import Image

from maia_lab.grid import Grid
from maia_lab.limit import MARK, TimeLimit, interrupts_inside, time_limit
from maia_lab.observation import Measurement, Observation, Outcome, Score, Table
from maia_lab.recorder import Kept, Relay, Shown

MOST_TEXT = 200_000
"""Characters kept of what one experiment prints."""
MOST_PICTURES = 60
"""Pictures kept of what one experiment shows."""
MOST_ERROR = 20_000
"""Characters kept of a traceback."""
PACKAGE = str(Path(__file__).parent) + os.sep
SYSTEM = ("stdin", "stdout", "stderr", "displayhook", "excepthook", "unraisablehook")
"""What is put back after every run."""


ONE_AT_A_TIME = threading.RLock()
"""The streams that are captured belong to the whole process."""


class LocalExecutor:
    """Runs one experiment after the other in one dictionary."""

    def __init__(
        self, namespace: dict[str, object], relay: Relay, store: Callable[[bytes], str]
    ) -> None:
        """Share a namespace between experiments.

        Args:
            namespace: what experiments see; the names in it now are restored before every run.
            relay: where ``tools`` writes to.
            store: takes a picture's file, and returns the sha256 it is kept under.
        """
        self.namespace = namespace
        self._bound = {n: bound for n, bound in namespace.items() if not n.startswith("__")}
        self._relay, self._store = relay, store
        self._out = _Stream()

    def run(self, code: str, seconds: float | None = None) -> Observation:
        """Run it, and return everything it printed, showed, measured and raised.

        Nothing that the code raises comes out of here: an interrupt is told by the outcome.

        Args:
            code: Python; the value of a last expression is shown, as in a notebook.
            seconds: how long it may take; None for no limit.
        """
        with ONE_AT_A_TIME:
            return self._step(code, seconds)

    def _step(self, code: str, seconds: float | None) -> Observation:
        self.namespace.update(self._bound, __name__="__main__", __builtins__=builtins)
        step = Record(self._store)
        outcome: Outcome
        began = time.perf_counter()
        try:
            with (
                interrupts_inside(),
                self._relay.to(step),
                self._out.for_(step),
                time_limit(seconds),
            ):
                error = self._run(code, step)
            outcome = "error" if error else "done"
        except KeyboardInterrupt as stop:
            outcome, error = "interrupted", explain(stop)
        except TimeLimit as stop:
            outcome, error = "limit", explain(stop)
        took = time.perf_counter() - began
        for name, bound in self._bound.items():
            if self.namespace.get(name) is not bound:
                step.text(f"`{name}` was given another value here; it is what it was again.\n")
        self.namespace.update(self._bound)
        step.close()
        return step.observation(outcome, error, took)

    def _run(self, code: str, step: Record) -> str:
        try:
            for part in _compiled(code):
                value = eval(part, self.namespace)  # Of statements: None.
                if value is not None:
                    _show(value, step)
        except (KeyboardInterrupt, TimeLimit):
            raise
        except BaseException as error:  # SystemExit too: only a person ends the session.
            return explain(error)
        return ""


def explain(error: BaseException, hidden: tuple[str, ...] = (PACKAGE,)) -> str:
    """A traceback's text with the experiment's own lines, without frames of ``hidden`` folders."""
    report = traceback.TracebackException.from_exception(error)
    _leave_out(hidden, report)
    # An error in the grammar has no frames: a heading over nothing would only puzzle.
    text = "".join(report.format() if report.stack else report.format_exception_only())
    if len(text) > MOST_ERROR:
        text = f"{text[: MOST_ERROR // 2]}\n[…]\n{text[-MOST_ERROR // 2 :]}"
    return text


class Record(Kept):
    """Keeps what one run puts out, within bounds, and nothing that other threads put out."""

    def __init__(self, store: Callable[[bytes], str]) -> None:
        """Begin a run on this thread; ``store`` keeps a picture's file and returns its sha256."""
        super().__init__(store)
        self._strangers = set(threading.enumerate()) - {threading.current_thread()}
        self._printed: list[str] = []
        self._length = self._pictures = 0
        self._guard = threading.RLock()

    @property
    def mine(self) -> bool:
        """Whether the running thread works for this step: it runs it, or was started by it."""
        return threading.current_thread() not in self._strangers

    @property
    def started(self) -> list[threading.Thread]:
        """Threads that began after it and still run, but for the running one."""
        here = threading.current_thread()
        return [t for t in threading.enumerate() if t is not here and t not in self._strangers]

    def text(self, text: str) -> None:
        """Take printed text."""
        if not self.mine:
            Shown().text(text)
            return
        with self._guard:
            if self._length < MOST_TEXT:
                self._printed.append(text[: MOST_TEXT - self._length])
            self._length += len(text)

    def picture(self, image: Image.Image, alt: str) -> None:
        """Take a picture."""
        if not self.mine:
            Shown().picture(image, alt)
            return
        with self._guard:
            self._pictures += 1
            if self._pictures <= MOST_PICTURES:
                self._flush()
                super().picture(image, alt)

    def measured(self, measurements: Sequence[Measurement]) -> None:
        """Take one comparison's conditions."""
        if self.mine:
            super().measured(measurements)

    def closed(self, scores: Sequence[Score], tables: Sequence[Table]) -> None:
        """Take what a conclusion came to."""
        if self.mine:
            super().closed(scores, tables)

    def looked(self, bases: Sequence[str]) -> None:
        """Take which images were measured outside any comparison."""
        if self.mine:
            super().looked(bases)

    def close(self) -> None:
        """Say what was left out."""
        with self._guard:
            self._flush()
            if self._length > MOST_TEXT:
                more = self._length - MOST_TEXT
                super().text(f"\n[{more:,} more characters were printed and are left out]\n")
            if self._pictures > MOST_PICTURES:
                more = self._pictures - MOST_PICTURES
                super().text(f"\n[{more:,} more pictures were shown and are left out]\n")

    def _flush(self) -> None:
        lines = "".join(self._printed).split("\n")
        self._printed.clear()
        super().text("\n".join(map(_last_state, lines)))


class _Stream(io.TextIOBase):
    """Stands for stdout and stderr: sends each thread's output to where it belongs.

    One object for all steps, since logging and others hold on to the stream they first met.
    """

    def __init__(self) -> None:
        self._step: Record | None = None
        self._real: TextIO | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # TextIOBase has it writable
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._step is not None and self._step.mine:
            self._step.text(text)
        elif (real := self._real or sys.__stdout__) is not None:
            real.write(text)
        return len(text)

    @contextlib.contextmanager
    def for_(self, step: Record) -> Iterator[None]:
        """Take the streams' place while a step runs; then everything in ``sys`` is as it was."""
        before = {name: getattr(sys, name) for name in SYSTEM}
        self._step, self._real = step, sys.stdout
        # Nobody is there to answer input(): it meets the end of the file.
        sys.stdin, sys.stdout, sys.stderr = io.StringIO(), self, self
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(sys, name, value)
            self._step = None


def _compiled(code: str) -> Iterator[CodeType]:
    """The statements, then the last expression by itself if the code ends in one."""
    name = f"{MARK}{hashlib.sha256(code.encode(errors='replace')).hexdigest()[:6]}>"
    lines = io.StringIO(code, newline=None).readlines()
    linecache.cache[name] = (len(code), None, lines, name)
    tree = compile(code, name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    yield compile(tree, name, "exec", dont_inherit=True)
    if isinstance(last, ast.Expr):
        yield compile(ast.Expression(last.value), name, "eval", dont_inherit=True)


def _last_state(line: str) -> str:
    """What a line came to: a progress bar writes it again and again, with carriage returns."""
    content = line.rstrip("\r")
    return content.rpartition("\r")[2] + line[len(content) :]


def _show(value: object, step: Record) -> None:
    grid = Grid.of(value)
    if grid is None:
        step.text(f"{value!r}\n")
    else:
        step.grid(grid)


def _leave_out(hidden: tuple[str, ...], report: traceback.TracebackException) -> None:
    report.stack = traceback.StackSummary.from_list(
        [frame for frame in report.stack if not frame.filename.startswith(hidden)]
    )
    for other in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if other is not None:
            _leave_out(hidden, other)
