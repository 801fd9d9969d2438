"""Drives a session to its end where no notebook does: agent, reviewer and executor in turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from threading import Event, Lock, Thread
from typing import Protocol

from maia_lab.briefing import Briefing
from maia_lab.errors import BudgetError, JournalError, MaiaError, SessionError
from maia_lab.events import Answered, Noted, Offered, Paused, Repaired, Stopped
from maia_lab.observation import Observation, Score
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import Verdict
from maia_lab.session import Session
from maia_lab.state import Phase
from maia_lab.thought import Thought

GRACE = 1.0
"""Seconds in which a thought that is cut short may still say what it cost."""


class Watch(Protocol):
    """What an agent speaks to while it thinks. Every call returns at once, from any thread.

    Whoever is tired of waiting cancels the agent's task: clean up on ``asyncio.CancelledError``.
    """

    def tell(self, thought: Thought) -> None:
        """Be heard by whoever listens: the next piece of what is written, or a wait."""

    def keep(self, event: Answered | Repaired | Noted) -> None:
        """Have something remembered in the session's journal."""

    def briefing(self) -> Briefing:
        """What it would be told now: what it kept, and what people have said meanwhile."""


class Agent(Protocol):
    """Reads the question and everything so far; proposes, or concludes."""

    @property
    def name(self) -> str:
        """Who it is, with the model's name where there is one."""

    async def propose(self, briefing: Briefing, watch: Watch) -> Proposal | Conclusion:
        """Think of the next step. Runs on a thread of its own.

        Raises:
            BudgetError: what is left of the budget does not pay for another request.
            MaiaError: what has to be done before it can go on; the session is paused.
        """


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

    A thought is cut short when the session is paused or stopped, or goes on without it.

    Args:
        session: one in which the agent is to think.
        agent: who thinks.
        wanted: asked once the reply is there; a reply nobody wants any more is dropped.
    """
    briefing = session.briefing
    for left, what in (
        (briefing.steps_left, "steps"),
        (briefing.tokens_left, "tokens"),
        (briefing.money_left, "money"),
    ):
        if left is not None and left <= 0:
            session.stop(f"the budget of {what} is spent", by="budget")
            return
    try:
        reply = think(agent, briefing, session)
    except BudgetError as error:
        session.stop(str(error), by="budget")
        return
    if reply is None or not wanted():
        return
    if briefing.must_conclude and not isinstance(reply, Conclusion):
        session.stop("the budget is spent and the agent did not conclude", by="budget")
        return
    if isinstance(reply, Proposal):
        # It becomes a cell, which would end in an empty line.
        reply = replace(reply, code=reply.code.rstrip("\n"))
    session.offer(reply, agent.name)


def think(agent: Agent, briefing: Briefing, session: Session) -> Proposal | Conclusion | None:
    """Let the agent think on a thread and an event loop of its own, and wait for it.

    Returns:
        Its reply; None if the session went on without it.

    Raises:
        SessionError: the agent failed in a way it does not explain itself.
    """
    thinking = _Thinking(agent, briefing, session)
    overtaken = (Paused, Stopped, Offered)
    stop = session.journal.read_by(
        lambda event: thinking.cancel() if isinstance(event, overtaken) else None,
        since=len(briefing.events),
    )
    try:
        thinking.start()
        return thinking.result()
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, MaiaError):
            raise
        said = f"failed ({type(error).__name__}: {error})"
        raise SessionError(f"agent {agent.name}", said, "resume to ask it again") from error
    except BaseException:  # Ctrl-C
        thinking.cancel()
        thinking.result()
        raise
    finally:
        stop()
        session.aloud.tell(Thought("done"))


class _Thinking:
    """One thought on its way, and the watch that its agent is given."""

    def __init__(self, agent: Agent, briefing: Briefing, session: Session) -> None:
        self._agent, self._briefing, self._session = agent, briefing, session
        self._guard, self._over = Lock(), Event()
        self._cancelled = False
        self._cancel: Callable[[], object] | None = None
        self._reply: Proposal | Conclusion | BaseException | None = None
        # A daemon: whoever presses Ctrl-C need not wait for a thought to end.
        self._thread = Thread(target=self._work, name="maia-agent", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def tell(self, thought: Thought) -> None:
        if not self._cancelled:
            self._session.aloud.tell(thought)

    def briefing(self) -> Briefing:
        return self._session.briefing

    def keep(self, event: Answered | Repaired | Noted) -> None:
        with contextlib.suppress(JournalError, SessionError) if self._cancelled else nullcontext():
            if self._cancelled and isinstance(event, Answered):
                # It is billed, and nobody is to answer it.
                event = replace(event, content="", stop=f"{event.stop}, then overtaken")
            self._session.keep(event)

    def cancel(self) -> None:
        """Cut it short; at once where it waits for something."""
        with self._guard:
            self._cancelled = True
            if self._cancel is not None:
                with contextlib.suppress(RuntimeError):  # Its event loop is closed already.
                    self._cancel()
        self._over.set()

    def result(self) -> Proposal | Conclusion | None:
        """Wait for it; None if it was cut short."""
        # A Ctrl-C that comes just before an endless wait would be noticed only at its end.
        while not self._over.wait(0.2):
            pass
        if self._cancelled:
            self._thread.join(GRACE)
            return None
        if isinstance(self._reply, BaseException):
            raise self._reply
        return self._reply

    def _work(self) -> None:
        try:
            self._reply = asyncio.run(self._propose())
        except BaseException as error:
            self._reply = error
        finally:
            self._over.set()

    async def _propose(self) -> Proposal | Conclusion:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        with self._guard:
            if self._cancelled:
                raise asyncio.CancelledError
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        return await self._agent.propose(self._briefing, self)


def _pause(session: Session, why: str) -> None:
    if not session.state.ended and session.state.phase is not Phase.PAUSED:
        session.pause(why)
