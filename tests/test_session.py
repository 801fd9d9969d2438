"""The state machine by itself, and by whole sessions with a small agent."""

import itertools
from dataclasses import replace

import hypothesis
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from maia_lab.errors import MaiaError, SessionError
from maia_lab.events import Began, Decided, Noted, Observed, Offered, Opened, Resumed, Setting
from maia_lab.journal import Journal
from maia_lab.loop import run
from maia_lab.observation import Observation, Score, Text
from maia_lab.proposal import Conclusion, Evidence, Hypothesis, Prediction, Proposal
from maia_lab.review import Approve, Edit, Reject, Stop
from maia_lab.session import Session, sha256
from maia_lab.state import Phase, advance
from maia_lab.tasks import DESCRIBE
from maia_lab.unit import Unit

OPENED = Opened(
    "amber-fox", DESCRIBE.ask(Unit("red", "output", 0)), Setting("scripted", "plain", "plain")
)
LOOK = Proposal("looks", "print('looked')")
DONE = Conclusion("Nothing that has a name here drives it.", ())
SCORES = (Score("this description", ("red",), 1.0, 1.0, 1, 1, 1),)


def opened(journal=None, **setting):
    event = replace(OPENED, setting=replace(OPENED.setting, **setting))
    return Session.open(journal or Journal.memory(), event)


class Scripted:
    """Gives each reply in turn, and keeps what it was told."""

    name = "scripted"

    def __init__(self, *replies):
        self.replies, self.briefings = iter(replies), []

    async def propose(self, briefing, watch):
        self.briefings.append(briefing)
        reply = next(self.replies)
        if isinstance(reply, BaseException):
            raise reply
        return reply


class Verdicts:
    name = "human"

    def __init__(self, *verdicts, accepts=("",)):
        self.verdicts, self.accepts, self.seen = iter(verdicts), iter(accepts), []

    def review(self, offered, say):
        self.seen.append(offered)
        verdict = next(self.verdicts, Approve())
        if isinstance(verdict, str):
            say(verdict)
            verdict = Approve()
        return verdict

    def accept(self, scores):
        return next(self.accepts)


class Runs:
    """Keeps what ran."""

    def __init__(self, *outcomes):
        self.codes, self.outcomes = [], iter(outcomes)

    def run(self, code, seconds=None):
        self.codes.append(code)
        scores = SCORES if "tools.conclude" in code else ()
        return next(self.outcomes, Observation(scores=scores))


def test_only_what_was_approved_runs_exactly_as_it_was_approved():
    session, executor = opened(), Runs()
    never = Proposal("never", "print('never')")
    verdicts = Verdicts(Approve(), Reject("too vague"), Edit("print('edited')", "shorter"))
    run(session, Scripted(LOOK, never, LOOK, DONE), verdicts, executor)
    assert executor.codes == ["print('looked')", "print('edited')", DONE.code]
    assert session.conclusion == DONE
    began = [e.sha256 for e in session.journal.events if isinstance(e, Began)]
    assert began == [sha256(code) for code in executor.codes]


def test_stop_ends_the_session_before_any_code():
    session, executor = opened(), Runs()
    run(session, Scripted(LOOK), Verdicts(Stop("enough")), executor)
    assert session.state.phase is Phase.STOPPED and session.state.why == "enough"
    assert executor.codes == [] and session.conclusion is None


def test_what_is_said_reaches_the_agent_before_its_next_proposal():
    session, agent = opened(), Scripted(LOOK, DONE)
    run(session, agent, Verdicts("look at the sky as well"), Runs())
    assert Noted("look at the sky as well") in agent.briefings[1].events


def test_a_conclusion_can_be_sent_back_with_what_to_test():
    session, agent = opened(), Scripted(DONE, LOOK, DONE)
    run(session, agent, Verdicts(accepts=("not yet, test blue", "")), Runs())
    assert session.state.step == 3 and session.conclusion == DONE
    sent_back = [e for e in agent.briefings[1].events if isinstance(e, Decided)][-1]
    assert sent_back.verdict == Reject("not yet, test blue")


def test_a_ticket_decides_once():
    session = opened()
    ticket = session.offer(LOOK, "agent")
    assert session.decide(ticket, Approve(), "human") == LOOK.code
    with pytest.raises(SessionError):
        session.decide(ticket, Approve(), "human")


@pytest.mark.parametrize("field", ["session", "step", "revision", "sha256", "epoch"])
def test_a_ticket_of_anything_else_is_refused(field):
    session = opened()
    ticket = session.offer(LOOK, "agent")
    other = 99 if field in ("step", "revision") else "other"
    with pytest.raises(SessionError, match="look at amber-fox/1"):
        session.decide(replace(ticket, **{field: other}), Approve(), "human")
    assert session.state.phase is Phase.WAITING


def test_the_last_step_is_kept_for_a_conclusion():
    session, agent = opened(max_steps=3), Scripted(LOOK, LOOK, DONE)
    run(session, agent, Verdicts(), Runs())
    assert [b.must_conclude for b in agent.briefings] == [False, False, True]
    assert session.conclusion == DONE


def test_an_agent_that_does_not_conclude_when_it_must_is_stopped():
    session, executor = opened(max_steps=2), Runs()
    run(session, Scripted(LOOK, LOOK, LOOK), Verdicts(), executor)
    assert session.state.phase is Phase.STOPPED and "budget" in session.state.why
    assert len(executor.codes) == 1


def test_seconds_are_a_hard_stop_too():
    session, agent = opened(max_seconds=0.0), Scripted(DONE)
    run(session, agent, Verdicts(), Runs())
    assert agent.briefings[0].must_conclude and session.conclusion == DONE


def test_a_conclusion_against_its_own_measurements_goes_back_once():
    from test_ledger import HIGH, LOW

    wrong = Proposal(
        "tests it", "code", (Hypothesis("H1", "low things"),),
        (Prediction("H1", ("low",), ("high",)),),
    )  # fmt: skip
    claim = Conclusion("low things", ("low",), (), (Evidence("H1", (1,)),))
    session, agent = opened(), Scripted(wrong, claim, claim)
    run(session, agent, Verdicts(), Runs(Observation(measurements=(HIGH, LOW))))
    told = [e for e in agent.briefings[2].events if isinstance(e, Decided) and e.by == "ledger"]
    assert "H1 is contradicted" in told[0].verdict.note
    assert session.conclusion == claim


def test_what_a_conclusion_scored_is_not_told_to_the_agent():
    session, agent = opened(), Scripted(DONE, DONE)
    run(session, agent, Verdicts(accepts=("not yet, test blue", "")), Runs())
    told = [e.observation for e in agent.briefings[1].events if isinstance(e, Observed)]
    assert [o.scores for o in told] == [()] and session.scores == SCORES


def test_a_conclusion_is_scored_as_it_is_or_not_at_all():
    session = opened()
    ticket = session.offer(DONE, "agent")
    with pytest.raises(SessionError, match="say what to change"):
        session.decide(ticket, Edit("print(1)"), "human")
    session.decide(ticket, Approve(), "human")
    session.began()
    session.observed(Observation())
    assert session.state.phase is Phase.THINKING


def test_contradictions_are_shown_to_the_agent_once_then_to_the_human():
    claim = Conclusion("low things", ("low",), (), (Evidence("H1", (1,)),))
    session, verdicts = opened(), Verdicts()
    run(session, Scripted(claim, claim), verdicts, Runs())
    (offered,) = verdicts.seen
    assert any("never stated" in flag.text for flag in offered.flags)


def test_an_agent_that_breaks_pauses_the_session_with_what_to_do():
    session = opened()
    with pytest.raises(SessionError, match=r"KeyError.*resume to ask it again"):
        run(session, Scripted(KeyError("broken")), Verdicts(), Runs())
    assert session.state.phase is Phase.PAUSED


def test_half_a_surrogate_pair_bricks_nothing():
    session = opened()
    ticket = session.offer(Proposal("odd", "print('\ud800')"), "agent")
    assert session.decide(ticket, Reject("odd"), "human") is None


def test_time_counts_where_the_agent_or_the_machine_works_and_not_where_a_human_does(monkeypatch):
    clock = [7.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    session = opened()
    clock[0] += 5
    ticket = session.offer(LOOK, "agent")
    clock[0] += 60
    assert session.seconds == 5
    session.decide(ticket, Reject("no"), "human")
    clock[0] += 2
    assert session.seconds == 7


def test_a_failing_agent_pauses_the_session_and_loses_nothing(tmp_path):
    journal = Journal.create(tmp_path, "amber-fox")
    session = opened(journal)
    with pytest.raises(MaiaError, match="has no answer"):
        run(
            session,
            Scripted(LOOK, MaiaError("the agent", "has no answer", "resume")),
            Verdicts(),
            Runs(),
        )
    assert session.state.phase is Phase.PAUSED
    journal.close()
    again = Session(Journal.open(tmp_path / "amber-fox"))
    again.resume()
    run(again, Scripted(DONE), Verdicts(), Runs())
    assert again.conclusion == DONE and again.state.step == 2


def test_ctrl_c_in_a_step_ends_the_step_tells_the_agent_and_pauses():
    session = opened()
    with pytest.raises(KeyboardInterrupt):
        run(session, Scripted(LOOK), Verdicts(), Runs(Observation(outcome="interrupted")))
    assert session.state.phase is Phase.PAUSED
    session.resume()
    agent = Scripted(DONE)
    run(session, agent, Verdicts(), Runs())
    assert any(
        isinstance(e, Observed) and e.observation.outcome == "interrupted"
        for e in agent.briefings[0].events
    )


def reopened(tmp_path, until):
    """A session whose process was lost at a point, taken up by a new one."""
    journal = Journal.create(tmp_path, "amber-fox")
    session = opened(journal)
    ticket = session.offer(LOOK, "agent")
    if until in ("approved", "began"):
        session.decide(ticket, Approve(), "human")
    if until == "began":
        session.began()
    journal.close()
    again = Session(Journal.open(tmp_path / "amber-fox"))
    again.resume()
    return again, ticket


def test_a_reader_may_end_the_session_and_it_stays_ended():
    session = opened()
    session.journal.read_by(lambda e: isinstance(e, Decided) and session.stop("enough", "reader"))
    assert session.decide(session.offer(LOOK, "agent"), Approve(), "human") is None
    assert session.state.phase is Phase.STOPPED
    assert Session(session.journal).state == session.state, "as the journal has it"


def test_what_a_step_comes_to_while_the_session_is_paused_is_kept(tmp_path):
    session, _ = reopened(tmp_path, "approved")
    session.decide(session.ticket, Approve(), "human")
    session.began()
    session.pause("for lunch")
    session.observed(Observation((Text("came through"),)))
    assert session.state.phase is Phase.PAUSED
    session.resume()
    assert session.state.phase is Phase.THINKING
    assert session.journal.events[-2] == Observed(1, Observation((Text("came through"),)))


@pytest.mark.parametrize("until", ["waiting", "approved"])
def test_what_had_not_begun_is_offered_anew_and_its_old_ticket_is_void(tmp_path, until):
    session, ticket = reopened(tmp_path, until)
    assert session.state.phase is Phase.WAITING and session.state.revision == 2
    with pytest.raises(SessionError):
        session.decide(ticket, Approve(), "human")
    assert session.decide(session.ticket, Approve(), "human") == LOOK.code


def test_what_had_begun_is_never_run_again_and_its_outcome_is_unknown(tmp_path):
    session, _ = reopened(tmp_path, "began")
    assert session.state.phase is Phase.THINKING
    assert session.journal.events[-1].observation.outcome == "unknown"
    with pytest.raises(SessionError):
        session.began()


def test_a_session_tells_its_measurements_as_a_table():
    from test_ledger import HIGH, LOW

    session = opened()
    run(session, Scripted(LOOK, DONE), Verdicts(), Runs(Observation(measurements=(HIGH, LOW))))
    frame = session.to_frame()
    assert list(frame["condition"]) == ["high", "low"] and frame["step"].tolist() == [1, 1]


class Anyone(RuleBasedStateMachine):
    """Whatever anybody does in whatever order, nothing unapproved runs and nothing runs twice."""

    def __init__(self):
        super().__init__()
        self.session = opened(max_steps=10_000)
        self.tickets, self.allowed, self.ran = [], [], []
        self.numbers = itertools.count()

    def attempt(self, action):
        """Do something that may be out of order; what is refused must change nothing."""
        before = (self.session.state, len(self.session.journal.events))
        try:
            return action()
        except SessionError:
            assert before == (self.session.state, len(self.session.journal.events))
            return None

    @rule(conclude=st.sampled_from([False, False, False, True]))
    def offer(self, conclude):
        number = next(self.numbers)
        proposal = DONE if conclude else Proposal("why", f"run {number}")
        if ticket := self.attempt(lambda: self.session.offer(proposal, "agent")):
            self.tickets.append(ticket)

    @precondition(lambda self: self.tickets)
    @rule(
        data=st.data(),
        verdict=st.sampled_from([Approve(), Approve(), Edit("edited"), Reject("no")]),
    )
    def decide(self, data, verdict):
        ticket = data.draw(st.sampled_from([*self.tickets[-2:], *self.tickets[-1:] * 3]))
        code = self.attempt(lambda: self.session.decide(ticket, verdict, "human"))
        if code is not None:
            assert not isinstance(verdict, Reject)
            self.allowed.append(((ticket.step, ticket.revision), sha256(code)))

    @rule()
    def go(self):
        code = self.session.state.code
        self.attempt(self.session.began)
        if self.session.state.phase is Phase.RUNNING and code is not None:
            self.ran.append(((self.session.state.step, self.session.state.revision), sha256(code)))

    @rule(seen=st.sampled_from(["done", "error"]))
    def come_back(self, seen):
        self.attempt(lambda: self.session.observed(Observation(outcome=seen, scores=SCORES)))

    @rule()
    def pause(self):
        self.attempt(lambda: self.session.pause("a pause"))

    @rule()
    def resume(self):
        self.attempt(self.session.resume)
        if self.session.state.phase is Phase.WAITING:
            self.tickets.append(self.session.ticket)

    @rule()
    def speak(self):
        self.attempt(lambda: self.session.note("more"))

    @rule()
    def not_yet(self):
        self.attempt(lambda: self.session.not_yet("more", "human"))

    @rule()
    def restart(self):
        """A new process reads the same events, under another epoch."""
        journal = Journal.memory()
        journal._records += self.session.journal.records
        self.session = Session(journal)
        self.resume()

    @invariant()
    def nothing_ran_that_was_not_allowed_and_nothing_twice(self):
        assert set(self.ran) <= set(self.allowed)
        assert len(self.ran) == len(set(self.ran))
        began = [e for e in self.session.journal.events if isinstance(e, Began)]
        decided = {
            (e.step, e.revision)
            for e in self.session.journal.events
            if isinstance(e, Decided) and isinstance(e.verdict, Approve | Edit)
        }
        assert {(e.step, e.revision) for e in began} <= decided
        assert len({e.step for e in began}) == len(began)

    @invariant()
    def steps_are_numbered_without_a_gap(self):
        steps = [e.step for e in self.session.journal.events if isinstance(e, Offered)]
        assert sorted(set(steps)) == list(range(1, len(set(steps)) + 1))


Anyone.TestCase.settings = settings(max_examples=700, stateful_step_count=30, deadline=None)
TestAnyone = Anyone.TestCase


def any_ticket_decides(session, ticket, verdict, by):
    session._append(Decided(session.state.step, session.state.revision, verdict, by))
    return session.state.code


def an_approval_outlives_its_run(state, event):
    after = advance(state, event)
    if isinstance(event, Observed) and state.offered:
        return replace(after, phase=Phase.APPROVED, code=state.offered.proposal.code)
    return after


def a_rejection_runs(state, event):
    after = advance(state, event)
    if isinstance(event, Decided) and isinstance(event.verdict, Reject):
        return replace(after, phase=Phase.APPROVED, code="rejected")
    return after


def a_lost_step_runs_again(state, event):
    after = advance(state, event)
    if isinstance(event, Resumed) and after.phase is Phase.RUNNING and after.offered:
        return replace(after, phase=Phase.APPROVED, code=after.offered.proposal.code)
    return after


@pytest.mark.parametrize(
    ("where", "bug"),
    [
        ("maia_lab.session.Session.decide", any_ticket_decides),
        ("maia_lab.session.advance", an_approval_outlives_its_run),
        ("maia_lab.session.advance", a_rejection_runs),
        ("maia_lab.session.advance", a_lost_step_runs_again),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_machine_finds_seeded_bugs(where, bug, monkeypatch):
    monkeypatch.setattr(where, bug)
    # Finding the bug is enough: shrinking the way to it would take minutes.
    found = settings(
        max_examples=2000,
        stateful_step_count=50,
        deadline=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Anyone, settings=found)


def test_a_claim_on_drawn_images_that_never_reach_the_data_is_flagged():
    from test_ledger import HIGH, LOW

    rows = tuple(replace(m, source="crayons") for m in (HIGH, LOW))
    session, verdicts = opened(generator="crayons"), Verdicts()
    claim = Conclusion("high things", ("high",))
    agent = Scripted(LOOK, claim, claim)
    run(session, agent, verdicts, Runs(Observation(measurements=rows)))
    assert any("was drawn or edited" in flag.text for flag in verdicts.seen[-1].flags)
