"""Where a session stands: a fold over its events that refuses what is out of order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from maia_lab.errors import SessionError
from maia_lab.events import (
    LIMITS,
    Accepted,
    Answered,
    Began,
    Budgeted,
    Decided,
    Event,
    Noted,
    Observed,
    Offered,
    Opened,
    Paused,
    Rated,
    Repaired,
    Resumed,
    Stopped,
)
from maia_lab.proposal import Conclusion
from maia_lab.review import Approve, Edit, Reject, Stop
from maia_lab.spending import NOTHING, Spent


class Phase(StrEnum):
    """What a session waits for."""

    NEW = "new"
    THINKING = "thinking"
    WAITING = "waiting for a verdict"
    APPROVED = "approved, not begun"
    RUNNING = "running"
    SCORED = "concluded and scored, waiting to be accepted"
    PAUSED = "paused"
    CONCLUDED = "concluded"
    STOPPED = "stopped"


ENDED = (Phase.CONCLUDED, Phase.STOPPED)


@dataclass(frozen=True, slots=True)
class State:
    """All that transitions depend on. Nothing else is kept in memory."""

    phase: Phase = Phase.NEW
    opened: Opened | None = None
    """With its limits as they were last set."""
    step: int = 0
    """The last step offered."""
    revision: int = 0
    offered: Offered | None = None
    """The last proposal, whatever became of it."""
    code: str | None = None
    """Approved and not yet begun: the only text that may run."""
    objected: bool = False
    """The ledger has already sent one conclusion back."""
    paused_in: Phase = Phase.NEW
    why: str = ""
    """Of a pause or a stop."""
    last_call: bool = False
    """The budget is so far spent that the agent was told to conclude."""
    spent: Spent = NOTHING
    """Tokens and money, by every request to a language model."""

    @property
    def ended(self) -> bool:
        """Nothing more can happen."""
        return self.phase in ENDED

    @property
    def scored(self) -> bool:
        """There is a scored conclusion, accepted or not, and nothing came after it."""
        phase = self.paused_in if self.phase is Phase.PAUSED else self.phase
        return phase in (Phase.SCORED, Phase.CONCLUDED)

    @property
    def working(self) -> bool:
        """Time passes for the agent or the machine, not for a human."""
        return self.phase in (Phase.THINKING, Phase.APPROVED, Phase.RUNNING)

    def __str__(self) -> str:
        """In words."""
        return f"step {self.step}, {self.phase}" + (f": {self.why}" if self.why else "")


def advance(state: State, event: Event) -> State:
    """The state after an event.

    Raises:
        SessionError: the event is out of order. Nothing has changed.
    """
    match state.phase, event:
        case Phase.NEW, Opened():
            return replace(state, phase=Phase.THINKING, opened=event)
        case Phase.THINKING, Offered(step=step, revision=1) if step == state.step + 1:
            return _waiting(state, event)
        case ((Phase.WAITING | Phase.APPROVED), Offered(step=step, revision=revision)) if (
            step == state.step and revision == state.revision + 1
        ):
            return _waiting(state, event)
        case ((Phase.WAITING | Phase.SCORED), Decided()) if _same(state, event):
            return _decided(state, event)
        case Phase.APPROVED, Began(step=step, revision=revision) if (
            step == state.step and revision == state.revision
        ):
            return replace(state, phase=Phase.RUNNING, code=None)
        case Phase.RUNNING, Observed(step=step, observation=observation) if step == state.step:
            proposal = state.offered.proposal if state.offered is not None else None
            scored = isinstance(proposal, Conclusion) and observation.closed
            return replace(state, phase=Phase.SCORED if scored else Phase.THINKING)
        case Phase.PAUSED, Observed() if state.paused_in is Phase.RUNNING:
            # A pause holds up nothing that runs already.
            ran = advance(replace(state, phase=Phase.RUNNING), event)
            return replace(ran, phase=Phase.PAUSED, paused_in=ran.phase)
        case Phase.SCORED, Accepted(step=step) if step == state.step:
            return replace(state, phase=Phase.CONCLUDED)
        case _, Rated(step=step) if state.scored and step == state.step:
            return state
        case phase, (Noted() | Repaired()) if phase is not Phase.NEW and not state.ended:
            last = isinstance(event, Noted) and event.by == "budget"
            return replace(state, last_call=state.last_call or last)
        case phase, Budgeted(limit=limit) if (
            state.opened is not None and limit in LIMITS and not state.ended
        ):
            return replace(state, opened=rebudgeted(state.opened, event), last_call=False)
        case phase, Answered(usage=usage, cost=cost) if phase is not Phase.NEW:
            # Of a session that ended meanwhile, too: what was asked for is billed.
            return replace(state, spent=state.spent.plus(usage, cost))
        case phase, Paused(why=why) if phase not in (Phase.NEW, Phase.PAUSED) and not state.ended:
            return replace(state, phase=Phase.PAUSED, paused_in=phase, why=why)
        case phase, Resumed() if phase is not Phase.NEW and not state.ended:
            back = state.paused_in if phase is Phase.PAUSED else phase
            return replace(state, phase=back, why="")
        case phase, Stopped(why=why) if phase is not Phase.NEW and not state.ended:
            return replace(state, phase=Phase.STOPPED, why=why, code=None)
    raise SessionError(
        type(event).__name__.lower(),
        f"is out of order: the session is at {state}",
        "look at its status, and do the next thing first",
    )


def rebudgeted(opened: Opened, event: Budgeted) -> Opened:
    """What a session was opened with, one limit as it was set since."""
    most = int(event.most) if float(event.most).is_integer() else event.most
    changed: dict[str, Any] = {event.limit: most}
    return replace(opened, setting=replace(opened.setting, **changed))


def _waiting(state: State, event: Offered) -> State:
    return replace(
        state,
        phase=Phase.WAITING,
        step=event.step,
        revision=event.revision,
        offered=event,
        code=None,
    )


def _same(state: State, event: Decided) -> bool:
    return (event.step, event.revision) == (state.step, state.revision)


def _decided(state: State, event: Decided) -> State:
    scored = state.phase is Phase.SCORED
    proposal = state.offered.proposal if state.offered is not None else None
    match event.verdict:
        case Approve() if not scored and proposal is not None:
            return replace(state, phase=Phase.APPROVED, code=proposal.code)
        case Edit() if isinstance(proposal, Conclusion):
            # What is scored must be what is concluded.
            raise SessionError("an edited conclusion", "cannot be scored", "say what to change")
        case Edit(code=code) if not scored:
            return replace(state, phase=Phase.APPROVED, code=code)
        case Reject():
            objected = state.objected or event.by == "ledger"
            return replace(state, phase=Phase.THINKING, objected=objected)
        case Stop(note=note):
            return replace(state, phase=Phase.STOPPED, why=note or "stopped by the reviewer")
    raise SessionError(
        type(event.verdict).__name__.lower(), "does not fit here", "accept it, or say what to test"
    )
