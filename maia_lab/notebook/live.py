"""One session as this kernel works it: its agent's thread, its policy, and its open approval."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from maia_lab.allowlist import refusals
from maia_lab.errors import MaiaError, SessionError
from maia_lab.events import Noted, Observed, Offered
from maia_lab.loop import Agent, next_thought
from maia_lab.notebook import cells
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import CONCLUDE, SET_ASIDE, Approve, Edit, Policy, Reject, Verdict
from maia_lab.session import Session, sha256
from maia_lab.state import Phase
from maia_lab.study import Study

log = logging.getLogger(__name__)
ADDED = re.compile(r"The researcher adds hypothesis (\S+): (.*)", re.DOTALL)
PINNED = re.compile(r"The researcher pins hypothesis (\S+): test it before you conclude\.")
STRUCK = re.compile(r"The researcher strikes hypothesis (\S+): pursue it no further\.")
HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Approval:
    """What the gate lets through, once: this code, in this cell."""

    step: int
    revision: int
    cell_id: str | None
    """None: whichever cell holds the code; only where front ends give no ids."""
    sha256: str
    """Of the code alone: its cell may say meanwhile that it was offered anew."""
    run: bool
    """The page is to run it at once; else whoever approved it does."""


class Live:
    """A session, with what it is worked with.

    Attributes:
        below: the cell under which its next cell goes.
        magic: the cell that began it.
        policy: who says yes; off again after a restart.
        auto_left: steps that still run by themselves.
        approval: the open one.
        rerun: steps whose cell was changed after it was done, and run again.
        running: whether a step runs now.
    """

    def __init__(self, session: Session, study: Study, agent: Agent | None, policy: Policy) -> None:
        """Take up a session; without an agent it is only looked at."""
        self.session, self.study, self.policy = session, study, policy
        self.below: str | None = None
        self.magic: str | None = None
        self.auto_left = 0
        self.approval: Approval | None = None
        self.rerun: set[int] = set()
        self.running = False
        self.elsewhere: dict[int, str] = {}
        """Cells of the researcher's own steps, which have other ids."""
        self.guard = threading.RLock()
        """Held while an approval is given, looked at, told of or taken back."""
        self._agent = agent
        self._turn = 0
        self._thinking: int | None = None
        """The turn whose thread is thinking."""

    # What is so.

    @property
    def name(self) -> str:
        """The session's."""
        return self.session.name

    @property
    def phase(self) -> Phase:
        """What the session waits for."""
        return self.session.state.phase

    @property
    def waiting(self) -> Offered | None:
        """The open proposal."""
        state = self.session.state
        return state.offered if state.phase is Phase.WAITING else None

    def cell(self, step: int) -> str:
        """The id of a step's cell."""
        return self.elsewhere.get(step) or cells.cell_id(self.name, step)

    def source(self, offered: Offered) -> str:
        """The text of a proposal's cell."""
        findings = self.session.ledger.findings
        return cells.source(self.name, offered, {i: f.hypothesis for i, f in findings.items()})

    def has_tried(self, code: str) -> bool:
        """Whether the researcher ran this very experiment before."""
        return any(
            isinstance(e, Offered) and e.by == HUMAN and e.proposal.code == code
            for e in self.session.journal.events
        )

    def bind(self, namespace: dict[str, object]) -> None:
        """Give ``system`` and ``tools`` their meaning in this session."""
        namespace.update(self.study.names)

    @property
    def lets_run(self) -> str:
        """By which policy the open proposal runs by itself; empty: someone has to say yes."""
        offered = self.waiting
        if offered is None:
            return ""
        concluding = isinstance(offered.proposal, Conclusion)
        # ``auto N`` counts experiments: what looks at held-out images is asked for.
        if self.policy == "auto" or (self.auto_left > 0 and not concluding):
            return "auto"
        plain = concluding or not refusals(offered.proposal.code)
        return "safe" if self.policy == "safe" and plain else ""

    # What may happen.

    def approve(
        self,
        text: str,
        cell_id: str | None,
        note: str = "",
        by: str = HUMAN,
        *,
        run: bool = False,
    ) -> None:
        """Decide the open proposal for this text, and let it through the gate once."""
        with self.guard:
            offered, ticket = self.waiting, self.session.ticket
            code = cells.code(text)
            same = offered is not None and code == offered.proposal.code
            verdict: Verdict = Approve(note) if same else Edit(code, note)
            self.session.decide(ticket, verdict, by)
            self.approval = Approval(ticket.step, ticket.revision, cell_id, sha256(code), run)
            if by == "auto" and self.auto_left:
                self.auto_left -= 1

    def reject(self, note: str, by: str = HUMAN) -> None:
        """Send the open proposal, or the scored conclusion, back with a reason."""
        if self.phase is Phase.SCORED:
            self.session.not_yet(note, by)
            return
        ticket = self.session.ticket
        self.below = self.cell(ticket.step)
        self.session.decide(ticket, Reject(note), by)

    def say(self, text: str) -> bool:
        """Speak to the agent; whether what waits went back, since it is to conclude now."""
        offered = self.waiting
        if text == CONCLUDE and offered is not None and isinstance(offered.proposal, Proposal):
            self.reject(text)
            return True
        self.session.note(text)
        return False

    def begin(self, cell_id: str | None) -> None:
        """Say that the approved code starts now, in this cell."""
        self.session.began()
        self.approval, self.running = None, True
        self.below = cell_id or self.below

    def try_out(self, words: str, code: str, cell_id: str | None) -> None:
        """Make an experiment of the researcher's own the next step, approved."""
        self._turn += 1
        if self.waiting is not None:
            self.reject(SET_ASIDE.note)
        self.session.offer(Proposal(words or "the researcher's own experiment", code), HUMAN)
        step = self.session.state.step
        if cell_id:
            self.elsewhere[step] = cell_id
        self.approve(code, cell_id)

    def hypothesis(self, action: Literal["add", "pin", "strike"], text: str) -> str:
        """Add, pin or strike a hypothesis; returns its id."""
        if not text.strip():
            raise SessionError(action, "needs a hypothesis", "give its text, or its id")
        if action == "add":
            added = [e for e in self.session.journal.events if isinstance(e, Noted)]
            name = f"R{1 + sum(bool(ADDED.fullmatch(e.text)) for e in added)}"
            self.session.note(f"The researcher adds hypothesis {name}: {text.strip()}")
            return name
        name = text.strip()
        if name not in self.hypotheses:
            known = ", ".join(self.hypotheses) or "none yet"
            raise SessionError(name, "is not a hypothesis of this session", f"choose of: {known}")
        self.session.note(
            f"The researcher pins hypothesis {name}: test it before you conclude."
            if action == "pin"
            else f"The researcher strikes hypothesis {name}: pursue it no further."
        )
        return name

    @property
    def hypotheses(self) -> dict[str, str]:
        """All hypotheses by id, the researcher's own among them."""
        known = {i: f.hypothesis.text for i, f in self.session.ledger.findings.items()}
        for event in self.session.journal.events:
            if isinstance(event, Noted) and (found := ADDED.fullmatch(event.text)):
                known.setdefault(found[1], found[2])
        return known

    def set_policy(self, policy: Policy) -> None:
        """Say who decides from now on."""
        self.session.note(f"The review policy is now {policy}.")
        self.policy = policy

    def pause(self, why: str) -> None:
        """Leave it as it stands; a thought that is on its way is dropped."""
        self._turn += 1
        self.auto_left = 0
        if not self.session.state.ended and self.phase is not Phase.PAUSED:
            self.session.pause(why)

    def stop(self, why: str) -> None:
        """End it."""
        self._turn += 1
        self.session.stop(why, HUMAN)

    def resume(self) -> None:
        """Go on after a pause in this kernel; what was approved and had not begun asks again.

        Raises:
            SessionError: the step that ran when it was paused still does.
        """
        if self.phase is Phase.PAUSED:
            if self.running:
                raise SessionError(
                    self.name,
                    "was paused in a step that still runs",
                    "wait for it, or interrupt it",
                )
            self.approval = None
            self.session.resume(self.policy)

    def offer_again(self) -> None:
        """Void the approval and offer the same step again."""
        self.approval = None
        self.session.offer_again()

    # Thinking.

    def think(self) -> None:
        """Let the agent think here and now, until there is something to decide, or the end."""
        self._turn += 1
        self._think(self._turn)

    def think_apart(self, done: Callable[[Live], None]) -> None:
        """Let the agent think on a thread of its own, unless it does; ``done`` is called there."""
        with self.guard:
            if self._thinking == self._turn:
                return
            self._turn += 1
            turn = self._thinking = self._turn

        def work() -> None:
            try:
                self._think(turn)
                if turn == self._turn:
                    done(self)
            except Exception:
                log.exception("maia_lab could not go on with %s", self.name)

        threading.Thread(target=work, name=f"maia {self.name}", daemon=True).start()

    def _think(self, turn: int) -> None:
        if self._agent is None:
            return
        try:
            while self._goes_on(turn):
                next_thought(self.session, self._agent, lambda: turn == self._turn)
        except KeyboardInterrupt:
            self.pause("interrupted while the agent was thinking")
        except Exception as error:
            if turn != self._turn:
                return  # Someone else went on meanwhile: the thought came too late.
            if not isinstance(error, MaiaError):
                log.exception("the agent failed")
            self.pause(str(error) if isinstance(error, MaiaError) else f"the agent failed: {error}")

    def _goes_on(self, turn: int) -> bool:
        """Whether there is more to think; if not, whoever comes later begins a turn of its own."""
        with self.guard:
            more = self.phase is Phase.THINKING and turn == self._turn
            if not more and turn == self._thinking:
                self._thinking = None
            return more

    @property
    def seconds(self) -> list[float]:
        """How long each step ran that came to its end."""
        events = self.session.journal.events
        done = (e.observation for e in events if isinstance(e, Observed))
        return [o.seconds for o in done if o.outcome == "done"]


class Lives:
    """The sessions of one kernel, one of them active.

    Attributes:
        by_name: all that were opened here.
        active: the one that goes on.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.by_name: dict[str, Live] = {}
        self.active: Live | None = None

    def need(self, name: str | None = None) -> Live:
        """A session by name, or the active one.

        Raises:
            SessionError: it is not there.
        """
        if name is not None:
            if name not in self.by_name:
                raise SessionError(
                    name, "is not open in this notebook", f"%maia resume {name} opens it"
                )
            return self.by_name[name]
        if self.active is None:
            raise SessionError("this notebook", "has no session", "%maia describe UNIT begins one")
        return self.active
