"""Where the shell lets us look at cells: nothing of ours that fails reaches anyone else's cell."""

from __future__ import annotations

import ast
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from IPython.core.error import InputRejected
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

from maia_lab.notebook import cells

log = logging.getLogger(__name__)


class Cell(NamedTuple):
    """A cell that is about to run, or did."""

    text: str
    """Exactly as it was sent."""
    id: str | None
    """None where the front end gives cells no ids."""


class Refused(InputRejected):
    """A cell does not run; said in one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"Not run: {self}"]


class Guard(Protocol):
    """Decides what may run, and is told what did."""

    def admit(self, cell: Cell) -> None:
        """Let a cell run, or raise :class:`Refused`. Called once a cell, before any of it runs."""

    def finished(self, cell: Cell, result: ExecutionResult, reached: bool) -> None:
        """Take what it came to. Not ``reached``: it did not get as far as :meth:`admit`."""


@dataclass(slots=True)
class Open:
    """A cell that has begun and not ended."""

    cell: Cell
    reached: bool = False
    """Whether the guard was asked."""


class _Stack(threading.local):
    """The cells that this thread runs, each within the one before."""

    def __init__(self) -> None:
        self.cells: list[Open] = []


class Hooks(ast.NodeTransformer):
    """The gate and the ears, installed in one shell."""

    def __init__(self, shell: InteractiveShell, guard: Guard) -> None:
        """Prepare; :meth:`install` begins."""
        self._shell, self._guard = shell, guard
        self._open = _Stack()
        self._said = False
        self._events: dict[str, Callable[..., None]] = {
            "pre_run_cell": self._before,
            "post_run_cell": self._after,
        }

    def install(self) -> None:
        """Begin to look."""
        self._open = _Stack()
        for name, hook in self._events.items():
            self._shell.events.register(name, hook)
        self._shell.ast_transformers.append(self)
        self._shell.input_transformers_cleanup.append(uncover)

    def remove(self) -> None:
        """Leave the shell as it was."""
        for name, hook in self._events.items():
            if hook in self._shell.events.callbacks[name]:
                self._shell.events.unregister(name, hook)
        if self in self._shell.ast_transformers:
            self._shell.ast_transformers.remove(self)
        if uncover in self._shell.input_transformers_cleanup:
            self._shell.input_transformers_cleanup.remove(uncover)

    def visit(self, node: ast.AST) -> ast.AST:
        """Be an AST transformer that changes nothing, and may refuse.

        Within the cell's own code (``%%time``) the shell asks again; a cell is judged once.
        """
        if not self._open.cells or self._open.cells[-1].reached:
            return node
        cell = self._open.cells[-1].cell
        self._open.cells[-1].reached = True
        try:
            self._guard.admit(cell)
        except InputRejected:
            raise
        except BaseException as error:
            # Any other exception would take the gate away: closed for steps, open for the rest.
            if cells.is_ours(*cell):
                raise Refused(str(error) or type(error).__name__) from error
            self._failed("look at a cell, which runs as always", error)
        return node

    def _before(self, info: ExecutionInfo) -> None:
        # What a cell runs by ``run_cell`` is not itself the cell that the front end sent.
        sent = None if self._open.cells else _sent_id(self._shell)
        self._open.cells.append(Open(Cell(info.raw_cell or "", info.cell_id or sent)))

    def _after(self, result: ExecutionResult | None) -> None:
        opened, info = self._open.cells, result and result.info
        # Of an empty cell only the end is told.
        if not opened or (info and (info.raw_cell or "") != opened[-1].cell.text):
            return
        ended = opened.pop()
        if result is None:
            return
        try:
            self._guard.finished(ended.cell, result, ended.reached)
        except Exception as error:
            self._failed("take in what a cell came to", error)

    def _failed(self, what: str, error: BaseException) -> None:
        """Say it once: whoever works on something else is not to read it below every cell."""
        said, self._said = self._said, True
        level = logging.DEBUG if said else logging.WARNING
        log.log(level, "maia_lab could not %s: %r. %%maia doctor says more.", what, error)
        log.debug("in full", exc_info=error)


def uncover(lines: list[str]) -> list[str]:
    """Make ``%%maia try`` an ordinary cell: its line a comment, so that code keeps its lines."""
    if lines and cells.own_experiment(lines[0]) is not None:
        return [f"# {lines[0]}", *lines[1:]]
    return lines


def parent(shell: InteractiveShell) -> dict[str, Any]:
    """The message that asked for what runs now; empty outside a kernel."""
    kernel = getattr(shell, "kernel", None)
    return dict(kernel.get_parent() or {}) if kernel is not None else {}


def _sent_id(shell: InteractiveShell) -> str | None:
    sent = parent(shell).get("metadata", {}).get("cellId")
    return sent if isinstance(sent, str) else None
