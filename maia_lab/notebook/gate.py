"""What may run: nothing of an experiment before it was approved, and everything else as always."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from maia_lab.errors import MaiaError
from maia_lab.notebook import cells
from maia_lab.notebook.capture import Capture
from maia_lab.notebook.display import say
from maia_lab.notebook.hooks import Cell, Refused
from maia_lab.notebook.late import LATE, Late
from maia_lab.notebook.live import Live, Lives
from maia_lab.notebook.page import Page
from maia_lab.observation import Observation
from maia_lab.recorder import Recorder
from maia_lab.session import sha256
from maia_lab.sessions import find
from maia_lab.state import Phase


@dataclass(slots=True)
class Running:
    """The step whose cell runs now."""

    live: Live
    cell: Cell
    capture: Capture
    before: Recorder
    began: float


class Gate:
    """The guard of a notebook's cells: see :class:`maia_lab.notebook.hooks.Guard`."""

    def __init__(
        self,
        shell: InteractiveShell,
        lives: Lives,
        page: Page,
        done: Callable[[Live, Observation], None],
    ) -> None:
        """Guard the cells of ``lives``; ``done`` takes what a step came to, and goes on."""
        self._shell, self._lives, self._page, self._done = shell, lives, page, done
        self._running: Running | None = None
        self._late = Late()

    def admit(self, cell: Cell) -> None:
        """Let a cell run, or raise :class:`Refused`."""
        if (own := cells.own_experiment(cell.text)) is not None:
            self._own(cell, *own)
            return
        live, step = self._whose(cell)
        if live is None:
            _stranger(cell)
            return
        state = live.session.state
        phase = state.paused_in if state.phase is Phase.PAUSED else state.phase
        if step == state.step and phase in (Phase.WAITING, Phase.APPROVED, Phase.RUNNING):
            with live.guard:
                self._open(live, phase, cell)
            return
        code = live.session.ran.get(step)
        if code is None:
            raise Refused(f"{live.name}/{step} was never approved, and is no longer open.")
        # Where the page chooses ids, another cell is a copy, which may become anything.
        itself = cell.id == live.cell(step) or not self._page.there
        if itself and cells.code(cell.text) != code:
            live.rerun.add(step)
            self._page.tell(live)
        live.bind(self._shell.user_ns)

    def finished(self, cell: Cell, result: ExecutionResult, reached: bool) -> None:
        """Take what a step's cell came to, and go on."""
        try:
            if not reached and result.error_before_exec is not None:
                # Its grammar is wrong, so that it never came here; the agent is to know.
                live, step = self._whose(cell)
                if live is not None and step == live.session.state.step:
                    self.admit(cell)
            running = self._running
            if running is not None and running.cell is cell:
                self._running = None
                self._take(running, result)
        except Refused:
            return
        except MaiaError as error:
            say(f"maia: {error}")

    def _open(self, live: Live, phase: Phase, cell: Cell) -> None:
        """Let the step run that was approved; without a page, running it is approving it."""
        state = live.session.state
        name = f"{live.name}/{state.step}"
        if state.phase is Phase.PAUSED:
            raise Refused(f"{live.name} is paused; go on with %maia resume {live.name}.")
        if phase is Phase.RUNNING:
            raise Refused(f"{name} runs already.")
        if phase is Phase.WAITING:
            if self._page.there:
                raise Refused(
                    f"{name} waits for approval: press its Approve button, or Shift-Enter on it"
                    " (%maia approve does the same)."
                )
            mark = cells.mark(cell.text)
            if mark is not None and mark.revision != state.revision:
                raise Refused(f"{name} was offered again; run the newer cell.")
            live.approve(cell.text, cell.id)
        approval = live.approval
        if approval is not None and approval.cell_id not in (None, cell.id):
            raise Refused(f"{name} was approved in another cell; this one is a copy.")
        if approval is None or approval.sha256 != sha256(cells.code(cell.text)):
            live.offer_again()
            self._page.tell(live)
            raise Refused(f"{name} is not the text that was approved; look at it and approve it.")
        self._start(live, cell)

    def _own(self, cell: Cell, words: str, code: str) -> None:
        """Let the researcher's own experiment run: as the next step, unless it was one before."""
        live = self._lives.active
        if live is None:
            raise Refused("no session is open to try this in; %maia describe UNIT begins one.")
        if live.session.state.ended or live.has_tried(code):
            live.bind(self._shell.user_ns)
            return
        if live.phase is Phase.PAUSED:
            raise Refused(f"{live.name} is paused; go on with %maia resume {live.name}.")
        if live.phase not in (Phase.THINKING, Phase.WAITING):
            raise Refused(f"{live.name} takes no experiment now ({live.session.state}).")
        live.try_out(words, code, cell.id)
        self._start(live, cell)

    def _whose(self, cell: Cell) -> tuple[Live | None, int]:
        """The session and step of a cell: by its id while it is open, else by its first line.

        A cell that has run stays its step's, whatever is written into it since.
        """
        lives = self._lives.by_name.values()
        for live in lives:
            step = live.session.state.step
            if step and cell.id == live.cell(step):
                return live, step
        mark = cells.mark(cell.text)
        found = self._lives.by_name.get(mark.session) if mark else None
        if mark and found and 0 < mark.step <= found.session.state.step:
            return found, mark.step
        for live in lives:
            for step in range(1, live.session.state.step):
                if cell.id == live.cell(step) and step in live.session.ran:
                    return live, step
        return None, 0

    def _start(self, live: Live, cell: Cell) -> None:
        relay = live.study.tools.recorder
        capture = Capture(self._shell, live.session.journal.keep)
        # From here on, whatever interrupts us, the end of the cell puts everything back.
        self._running = Running(live, cell, capture, relay.target, time.perf_counter())
        relay.target = capture
        live.begin(cell.id)
        live.bind(self._shell.user_ns)
        self._page.tell(live)

    def _take(self, running: Running, result: ExecutionResult) -> None:
        live, namespace = running.live, self._shell.user_ns
        remarks = [
            f"`{name}` was given another value here; it is what it was again."
            for name, thing in live.study.names.items()
            if namespace.get(name) is not thing
        ]
        live.study.tools.recorder.target = running.before
        seconds = time.perf_counter() - running.began
        threads = running.capture.threads
        observation = running.capture.finish(result, seconds, remarks)
        self._late.listen(threads, partial(self._printed_late, live, live.session.state.step))
        live.bind(namespace)
        if live.running:
            live.running = False
            self._done(live, observation)

    def _printed_late(self, live: Live, step: int, text: str) -> None:
        with contextlib.suppress(MaiaError):  # Once the session has ended, nobody reads it.
            live.session.note(LATE.format(step, text.rstrip()), by=f"step {step}")
            self._page.tell(live)


def _stranger(cell: Cell) -> None:
    """Refuse an open proposal of a session that lies on this disk and is not open here."""
    mark = cells.mark(cell.text)
    if mark is None:
        return
    try:
        session = find(mark.session, readonly=True)
    except MaiaError:
        return  # Somebody else's notebook: its cells are ordinary ones here.
    if mark.step <= session.state.step and mark.step not in session.ran:
        raise Refused(
            f"{mark.session}/{mark.step} was not approved; %maia resume {mark.session} opens its"
            " session here."
        )
