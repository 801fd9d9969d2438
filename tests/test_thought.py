"""An agent that is heard, cut short and paid for while it thinks."""

import asyncio
import os
import signal
import threading

import pytest
from test_session import DONE, LOOK, Runs, Verdicts, opened

from maia_lab.errors import BudgetError, SessionError
from maia_lab.events import Answered, Repaired
from maia_lab.loop import next_thought, run
from maia_lab.session import Session
from maia_lab.spending import Spent, Usage
from maia_lab.state import Phase
from maia_lab.thought import Thought

SAID = Answered(
    "m", "m at host", "[]", "tool_use", Usage(input=10, cache_read=5, cache_write=3, output=2), 0.5
)


class Thinks:
    """Writes, keeps what it cost, and may wait for ever."""

    name = "thinks"

    def __init__(self, *, waits=False, fails=None):
        self.waits, self.fails, self.cleaned = waits, fails, threading.Event()
        self.begun = threading.Event()

    async def propose(self, briefing, watch):
        watch.tell(Thought("why", "to see "))
        watch.tell(Thought("why", "red"))
        self.begun.set()
        try:
            if self.waits:
                await asyncio.sleep(600)
        except asyncio.CancelledError:
            watch.keep(SAID)
            self.cleaned.set()
            raise
        watch.keep(SAID)
        if self.fails:
            raise self.fails
        return DONE if briefing.must_conclude else LOOK


def test_whoever_listens_hears_the_agent_and_when_it_is_done():
    session, heard = opened(), []
    session.aloud.heard_by(heard.append)
    next_thought(session, Thinks())
    assert heard == [Thought("why", "to see "), Thought("why", "red"), Thought("done")]


def test_a_listener_that_fails_stops_nobody():
    session = opened()
    session.aloud.heard_by(lambda thought: 1 / 0)
    next_thought(session, Thinks())
    assert session.state.phase is Phase.WAITING


def test_what_was_used_is_a_fold_of_the_journal():
    session = opened(max_tokens=100)
    next_thought(session, Thinks())
    assert session.spent == Spent(20, 0.5, 1) and str(session.spent) == "20 tokens, $0.50"
    assert Session(session.journal).spent == session.spent
    assert session.briefing.tokens_left == 80 and session.briefing.money_left is None


@pytest.mark.parametrize("overtake", ["pause", "stop"])
def test_a_pause_or_stop_cuts_a_thought_short_and_it_is_still_paid(overtake):
    session, agent = opened(), Thinks(waits=True)
    thread = threading.Thread(target=next_thought, args=(session, agent))
    thread.start()
    assert agent.begun.wait(60)
    session.pause("lunch") if overtake == "pause" else session.stop("enough", "human")
    thread.join(60)
    assert not thread.is_alive() and agent.cleaned.is_set()
    kept = session.journal.events[-1]
    assert kept.content == "" and "overtaken" in kept.stop and session.spent.tokens == 20
    assert session.state.phase in (Phase.PAUSED, Phase.STOPPED)


def test_ctrl_c_cuts_a_thought_short_and_pauses():
    session, agent = opened(), Thinks(waits=True)

    def press():
        agent.begun.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        run(session, agent, Verdicts(), Runs())
    assert agent.cleaned.is_set() and session.state.phase is Phase.PAUSED
    assert session.spent.tokens == 20


def test_an_agent_that_cannot_pay_ends_the_session():
    session = opened(max_money=1.0)
    run(
        session, Thinks(fails=BudgetError("$0.10", "is too little", "raise it")), Verdicts(), Runs()
    )
    assert session.state.phase is Phase.STOPPED and "too little" in session.state.why


@pytest.mark.parametrize(
    ("limit", "what"), [({"max_tokens": 20}, "tokens"), ({"max_money": 0.5}, "money")]
)
def test_a_spent_budget_asks_no_more(limit, what):
    session = opened(**limit)
    run(session, Thinks(), Verdicts(), Runs())
    assert session.state.phase is Phase.STOPPED
    assert session.state.why == f"the budget of {what} is spent" and session.spent.requests == 1


def test_what_was_mended_is_remembered_in_any_open_phase():
    session = opened()
    session.keep(Repaired("a picture was dropped"))
    session.stop("enough", "human")
    with pytest.raises(SessionError):
        session.keep(Repaired("too late"))


def test_money_of_unknown_price_is_said_to_be_unknown():
    spent = Spent().plus(Usage(input=5), None)
    assert str(spent) == "5 tokens, price unknown"
    assert str(spent.plus(Usage(), 0.25)) == "5 tokens, $0.25 and 1 requests of unknown price"
