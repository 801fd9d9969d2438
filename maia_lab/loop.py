"""Drives a session to its end where no notebook does: agent, reviewer and executor in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Protocol

from maia_lab.errors import MaiaError, SessionError
from maia_lab.events import Offered
from maia_lab.observation import Observation, Score
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import Verdict
from maia_lab.session import Briefing, Session
from maia_lab.state import Phase


class Agent(Protocol):
    """Reads the question and everything so far; proposes, or concludes."""

    @property
    def name(self) -> str:
        """Who it is, with the model's name where there is one."""

    async def propose(self, briefing: Briefing) -> Proposal | Conclusion:
        """Think of the next step. Runs on a thread of its own."""


class Reviewer(Protocol):
    """Anything that can give a verdict: a human at a console, a policy."""

    @property
    def name(self) -> str:
        """Who decides, as it is recorded."""

    def review(self, offered: Offered, say: Callable[[str], None]) -> Verdict:
        """Decide a proposal; ``say`` speaks to the agent without deciding."""

    def accept(self, scores: Sequence[Score]) -> str:
        """Accept a scored conclusion with ``""``, or answer "not yet, test …"."""


class Executor(Protocol):
    """Runs approved code."""

    def run(self, code: str, seconds: float | None = None) -> Observation:
        """Run it within the time given, and keep everything that came out."""


def run(session: Session, agent: Agent, reviewer: Reviewer, executor: Executor) -> None:
    """Work until the session is concluded, stopped or paused.

    Raises:
        KeyboardInterrupt: after the session was paused; it can be resumed.
        MaiaError: of the agent or the reviewer, after the session was paused.
    """
    try:
        while not (session.state.ended or session.state.phase is Phase.PAUSED):
            _one_step(session, agent, reviewer, executor)
    except KeyboardInterrupt:
        _pause(session, "interrupted")
        raise
    except MaiaError as error:
        _pause(session, str(error))
        raise


def _one_step(session: Session, agent: Agent, reviewer: Reviewer, executor: Executor) -> None:
    state = session.state
    match state.phase:
        case Phase.THINKING:
            next_thought(session, agent)
        case Phase.WAITING if state.offered is not None:
            ticket = session.ticket
            verdict = reviewer.review(state.offered, session.note)
            session.decide(ticket, verdict, reviewer.name)
        case Phase.APPROVED if state.code is not None:
            # A conclusion's scoring is never cut short: its cost is the reserve.
            concluding = state.offered is not None and isinstance(
                state.offered.proposal, Conclusion
            )
            left = session.opened.setting.max_seconds - session.seconds
            session.began()
            observation = executor.run(state.code, None if concluding else max(left, 1.0))
            session.observed(observation)
            if observation.outcome == "interrupted":
                raise KeyboardInterrupt
        case Phase.SCORED:
            if note := reviewer.accept(session.scores):
                session.not_yet(note, reviewer.name)
            else:
                session.accept(reviewer.name)


def next_thought(session: Session, agent: Agent, wanted: Callable[[], bool] = lambda: True) -> None:
    """Ask the agent for the next step and offer it; stop the session where its budget is spent.

    Args:
        session: one in which the agent is to think.
        agent: who thinks.
        wanted: asked once the reply is there; a reply nobody wants any more is dropped.
    """
    briefing = session.briefing
    if briefing.steps_left < 1:
        session.stop("the budget of steps is spent", by="budget")
        return
    reply = think(agent, briefing)
    if not wanted():
        return
    if briefing.must_conclude and not isinstance(reply, Conclusion):
        session.stop("the budget is spent and the agent did not conclude", by="budget")
        return
    session.offer(reply, agent.name)


def think(agent: Agent, briefing: Briefing) -> Proposal | Conclusion:
    """Let the agent think on a thread and an event loop of its own, and wait for it.

    Raises:
        SessionError: the agent failed in a way it does not explain itself.
    """
    answer: Future[Proposal | Conclusion] = Future()

    async def propose() -> Proposal | Conclusion:
        return await agent.propose(briefing)

    def work() -> None:
        try:
            answer.set_result(asyncio.run(propose()))
        except BaseException as error:
            answer.set_exception(error)

    # A daemon: whoever presses Ctrl-C need not wait for a thought to end.
    Thread(target=work, name="maia-agent", daemon=True).start()
    try:
        return answer.result()
    except Exception as error:
        if isinstance(error, MaiaError):
            raise
        said = f"failed ({type(error).__name__}: {error})"
        raise SessionError(f"agent {agent.name}", said, "resume to ask it again") from error


def _pause(session: Session, why: str) -> None:
    if not session.state.ended and session.state.phase is not Phase.PAUSED:
        session.pause(why)
