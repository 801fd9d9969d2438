"""The loop as a state machine: question → proposal → verdict → observation → … → conclusion.

It knows nothing of who drives it: a terminal, a notebook's hooks or a script. Every transition is
refused when it is out of order, and is in the journal before it takes effect.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from maia_lab.briefing import Briefing, told
from maia_lab.errors import SessionError
from maia_lab.events import (
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
from maia_lab.flags import flags
from maia_lab.journal import Journal
from maia_lab.ledger import Ledger
from maia_lab.objections import objections, out_of_reach
from maia_lab.observation import Observation, Score, Table
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import Edit, Flag, Policy, Reject, Ticket, Verdict
from maia_lab.scoring.evaluation import Scores
from maia_lab.spending import Spent
from maia_lab.state import Phase, State, advance
from maia_lab.thought import Aloud

if TYPE_CHECKING:
    import pandas


class Session:
    """One investigation of one unit.

    Attributes:
        journal: everything that has happened.
        aloud: where the agent is heard while it thinks.
    """

    def __init__(self, journal: Journal) -> None:
        """Take up the session that a journal holds. See :meth:`open` for a new one."""
        self.journal, self.aloud = journal, Aloud()
        self._lock = RLock()
        self._state = State()
        for event in journal.events:
            self._state = advance(self._state, event)
        self._finish: Callable[[], None] | None = None

    @classmethod
    def open(cls, journal: Journal, opened: Opened) -> Session:
        """Begin a session in an empty journal."""
        session = cls(journal)
        session._append(opened)
        return session

    def __repr__(self) -> str:
        """Say which one it is, and where it stands."""
        unit = self._state.opened.question.unit if self._state.opened else "not opened"
        return f"<Session {self.journal.name}: {unit}, {self._state}>"

    def _repr_mimebundle_(self, **_: object) -> object:
        # What IPython asks of anything it shows: the line above, and how the hypotheses stand.
        from maia_lab import plots

        plot = plots.standing(self.journal.events)
        content, metadata = plot._repr_mimebundle_() if plot is not None else ({}, {})
        return content | {"text/plain": repr(self)}, metadata

    # What is so.

    @property
    def name(self) -> str:
        """Readable and unique in its folder: ``amber-fox``."""
        return self.opened.session

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def standing(self) -> str:
        """Where it stands, in words; a session whose process is gone does not run."""
        state = self._state
        if state.ended or state.phase is Phase.PAUSED or self.journal.held:
            return str(state)
        return f"step {state.step}, left when its process ended; it can be resumed"

    @property
    def opened(self) -> Opened:
        """The question, and everything the session was opened with."""
        if self._state.opened is None:
            raise SessionError(self.journal.name, "was never opened", "start a new session")
        return self._state.opened

    @property
    def ledger(self) -> Ledger:
        """Predictions against measurements, so far."""
        return Ledger.fold(self.journal.events)

    @property
    def conclusion(self) -> Conclusion | None:
        """The accepted conclusion, or None."""
        offered = self._state.offered
        if self._state.phase is not Phase.CONCLUDED or offered is None:
            return None
        return offered.proposal if isinstance(offered.proposal, Conclusion) else None

    @property
    def concluding(self) -> bool:
        """Whether held-out images may be looked at: an approved conclusion runs, or has run."""
        offered = self._state.offered
        scoring = self._state.phase in (Phase.RUNNING, Phase.SCORED, Phase.CONCLUDED)
        return scoring and offered is not None and isinstance(offered.proposal, Conclusion)

    @property
    def scores(self) -> Scores:
        """Of the last scored conclusion: the description's, its baselines', then later raters'."""
        found: tuple[Score, ...] = ()
        for event in self.journal.events:
            match event:
                case Observed(observation=observation) if observation.scores:
                    found = observation.scores
                case Rated(scores=scores):
                    found += scores
                case _:
                    continue
        return Scores(found)

    @property
    def tables(self) -> tuple[Table, ...]:
        """What the task handed over with the last conclusion that was scored."""
        handed = [e.observation.tables for e in self.journal.events if isinstance(e, Observed)]
        return next((tables for tables in reversed(handed) if tables), ())

    @property
    def ran(self) -> dict[int, str]:
        """The code of every step that has begun, as it was approved."""
        codes: dict[int, str] = {}
        ran = {}
        for event in self.journal.events:
            match event:
                case Offered(step=step, proposal=proposal):
                    codes[step] = proposal.code
                case Decided(step=step, verdict=Edit(code=code)):
                    codes[step] = code
                case Began(step=step):
                    ran[step] = codes[step]
                case _:
                    continue
        return ran

    @property
    def seconds(self) -> float:
        """Time the session has worked: waiting for people, and for being resumed, left out."""
        total, before, state = 0.0, None, State()
        for record in self.journal.records:
            if before is not None and before.epoch == record.epoch and state.working:
                total += record.monotonic - before.monotonic
            before = record
            state = state if record.event is None else advance(state, record.event)
        if before is not None and before.epoch == self.journal.epoch and state.working:
            total += time.monotonic() - before.monotonic
        return total

    @property
    def spent(self) -> Spent:
        """Tokens and money used up so far, by every request to a language model."""
        return self._state.spent

    @property
    def briefing(self) -> Briefing:
        """What the agent is told now."""
        setting, spent = self.opened.setting, self.spent
        left = setting.max_steps - self._state.step
        late = self.seconds >= setting.max_seconds
        return Briefing(
            self.opened.question,
            tuple(told(self.journal.events)),
            left,
            must_conclude=left <= 1 or late or self._state.last_call,
            tokens_left=None if setting.max_tokens is None else setting.max_tokens - spent.tokens,
            money_left=None if setting.max_money is None else setting.max_money - spent.money,
        )

    # What may happen.

    def offer(self, proposal: Proposal | Conclusion, by: str) -> Ticket | None:
        """Put a proposal before the reviewer.

        Returns:
            The ticket that decides it; None if the ledger sent it back at once, as it does the
            first time that a conclusion cites what its own measurements contradict, while there is
            a step left to look again.
        """
        with self._lock:
            step = self._state.step + 1
            objections = self._objections(proposal)
            again = self._state.objected or self.briefing.must_conclude
            found = flags(proposal, tuple(self.ran.values()))
            shown = tuple(Flag("method", objection) for objection in objections)
            self._append(Offered(step, 1, proposal, by, found + shown))
            if not objections or again:
                return self.ticket
            self._append(Decided(step, 1, Reject(" ".join(objections)), "ledger"))
            return None

    @property
    def ticket(self) -> Ticket:
        """For the proposal that waits now: void once used, offered anew, or in another process."""
        with self._lock:
            offered = self._state.offered
            if self._state.phase is not Phase.WAITING or offered is None:
                raise SessionError(
                    self.name, f"has no open proposal ({self._state})", "wait for the next one"
                )
            return Ticket(
                self.name,
                offered.step,
                offered.revision,
                sha256(offered.proposal.code),
                self.journal.epoch,
            )

    def decide(self, ticket: Ticket, verdict: Verdict, by: str) -> str | None:
        """Settle the open proposal, once.

        Returns:
            The code that may now run, exactly; None if nothing may.

        Raises:
            SessionError: the ticket was used, or is of another text, revision, process or session.
        """
        with self._lock:
            open_ticket = self.ticket
            if ticket != open_ticket:
                raise SessionError(
                    f"the ticket for {ticket.session}/{ticket.step}",
                    "is not for the proposal that waits now",
                    f"look at {open_ticket.session}/{open_ticket.step} as it is, and decide again",
                )
            self._append(Decided(ticket.step, ticket.revision, verdict, by))
            return self._state.code

    def began(self) -> None:
        """Say that the approved code starts now. Without this, it must not."""
        with self._lock:
            code = self._state.code
            if code is None:
                raise SessionError(
                    self.name, f"has nothing approved to run ({self._state})", "approve a proposal"
                )
            self._append(Began(self._state.step, self._state.revision, sha256(code)))

    def observed(self, observation: Observation) -> None:
        """Take what the running step came to."""
        with self._lock:
            self._append(Observed(self._state.step, observation))

    def note(self, text: str, by: str = "human") -> None:
        """Speak to the agent without rejecting anything."""
        with self._lock:
            self._append(Noted(text, by))

    def budget(self, limit: str, most: float, by: str = "human") -> None:
        """Set a limit anew: ``max_steps`` and the like, more or less than before."""
        if limit == "max_steps" and not float(most).is_integer():
            raise SessionError(f"{most:g} steps", "is no whole number", "say 30")
        if not most > 0 or (limit == "max_steps" and most < self._state.step):
            raise SessionError(
                f"{limit}={most:g}", "leaves no room", f"step {self._state.step} is reached already"
            )
        with self._lock:
            self._append(Budgeted(limit, most, by))

    def keep(self, event: Answered | Repaired | Noted) -> None:
        """Remember what a language model answered, was told, or what was mended for it."""
        with self._lock:
            self._append(event)

    def accept(self, by: str) -> None:
        """Let the scored conclusion stand."""
        with self._lock:
            self._append(Accepted(self._state.step, by))

    def rate(self, scores: Sequence[Score], by: str) -> None:
        """Put further scores beside those of the scored conclusion."""
        with self._lock:
            self._append(Rated(self._state.step, tuple(scores), by))

    def not_yet(self, note: str, by: str) -> None:
        """Send the scored conclusion back: "not yet, test …"."""
        with self._lock:
            self._append(Decided(self._state.step, self._state.revision, Reject(note), by))

    def pause(self, why: str) -> None:
        """Leave the session as it stands, to be resumed."""
        with self._lock:
            self._append(Paused(why))

    def stop(self, why: str, by: str) -> None:
        """End the session without a conclusion."""
        with self._lock:
            self._append(Stopped(why, by))

    def resume(self, policy: Policy = "ask") -> None:
        """Go on after a pause or in a new process, under a policy chosen anew.

        A proposal that waited, or was approved and had not begun, is offered anew. A step that had
        begun and was not observed is never run again by itself: its outcome is unknown.
        """
        with self._lock:
            self._append(Resumed(self.journal.epoch, policy))
            state = self._state
            if state.phase is Phase.RUNNING:
                lost = "The process ended while this step ran; what it did is unknown."
                self._append(Observed(state.step, Observation(outcome="unknown", error=lost)))
            elif state.phase in (Phase.WAITING, Phase.APPROVED):
                self.offer_again()

    def offer_again(self) -> None:
        """Void every ticket and approval of the proposal that waits or has not begun."""
        with self._lock:
            offered = self._state.offered
            if offered is not None:
                self._append(replace(offered, revision=offered.revision + 1))

    # For whoever opened it.

    def wait(self) -> Session:
        """Work until the session is concluded, stopped or paused; returns itself.

        The journal is closed then: it can still be read, and taken up by :func:`maia_lab.resume`.
        """
        try:
            if self._finish is not None:
                self._finish()
        finally:
            if self._state.ended or self._state.phase is Phase.PAUSED:
                self.journal.close()
        return self

    def finish_by(self, finish: Callable[[], None]) -> Session:
        """Say how :meth:`wait` gets the session to its end; returns the session itself."""
        self._finish = finish
        return self

    def to_frame(self) -> pandas.DataFrame:
        """Every measurement of the session, one row a condition."""
        import pandas

        rows = [
            {"step": step, "condition": m.condition, "n": m.n, "mean": m.mean, "sd": m.sd}
            | {"share_high": m.share_high, "percentile": m.percentile, "control": m.control}
            | {"difference": m.difference, "low": m.low, "high": m.high, "effect": m.effect}
            | {"source": m.source, "unit": m.unit or str(self.opened.question.unit)}
            for step, m in self.ledger.measurements
        ]
        return pandas.DataFrame(rows)

    def report(self, folder: str | Path) -> dict[str, Path]:
        """Write ``report.html``, the notebook and ``report.md`` into a folder."""
        from maia_lab import report

        return report.write(self.journal, Path(folder))

    def _objections(self, proposal: Proposal | Conclusion) -> tuple[str, ...]:
        if not isinstance(proposal, Conclusion):
            return ()
        ledger, setting = self.ledger, self.opened.setting
        said = list(objections(proposal, ledger))
        made = {setting.generator, setting.editor} - {""}
        if proposal.labels and out_of_reach(ledger, made):
            said.append(
                "No image that was drawn or edited came near the activations of the data's"
                " strongest: what was drawn may not be what the unit answers."
            )
        return tuple(said)

    def _append(self, event: Event) -> None:
        with self._lock:
            after = advance(self._state, event)
            self.journal.append(event, lambda: setattr(self, "_state", after))


def sha256(code: str) -> str:
    """Identify a text by its UTF-8 bytes."""
    # An agent may write half of a surrogate pair; it is refused later, as Python.
    return hashlib.sha256(code.encode(errors="surrogatepass")).hexdigest()
