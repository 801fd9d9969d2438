"""A language model at the bench, driven through the real SDK against a strict server."""

import json
import signal
import threading

import pytest
from test_session import Verdicts

from maia_lab.agents.claude import NOW, ClaudeAgent, request
from maia_lab.agents.messages import Conversation
from maia_lab.agents.server import AgentError, Server
from maia_lab.bench.agent import drive, experiment, opened
from maia_lab.bench.loopback import Fault, Loopback, Reply, call
from maia_lab.bench.strict import Refused, check
from maia_lab.events import Answered, Noted, Repaired
from maia_lab.executor import LocalExecutor
from maia_lab.journal import Journal
from maia_lab.loop import next_thought, run
from maia_lab.observation import Observation
from maia_lab.proposal import Proposal
from maia_lab.review import Approve, Edit, Reject
from maia_lab.session import Session
from maia_lab.state import Phase

END = {
    "description": "It answers red things.",
    "labels": ["red"],
    "suppressed_by": [],
    "evidence": [{"hypothesis": "H1", "steps": [1]}],
    "not_tested": "shapes",
    "answers": [],
}


class Says:
    """A script: each reply in turn, the last one again and again."""

    def __init__(self, *replies):
        self.replies = replies

    def __call__(self, body, number):
        reply = self.replies[min(number, len(self.replies) - 1)]
        return reply if isinstance(reply, Reply) else Reply(reply)


def at(server, session, model="claude-opus-5-5"):
    """An agent that asks a server, quick to try again."""
    asked = Server(model, server.url, server.key, pause=0.01)
    return ClaudeAgent(pixels=session.journal.image, server=asked)


def told(body):
    """All text of a request's messages, in order."""
    found = []
    for message in body["messages"]:
        for block in message["content"]:
            inner = block["content"] if block["type"] == "tool_result" else [block]
            found += [b["text"] for b in inner if b["type"] == "text"]
    return "\n".join(found)


def bare(body):
    """Messages without the marks of the cache."""
    return json.loads(
        json.dumps(body["messages"]),
        object_pairs_hook=lambda pairs: {
            key: value for key, value in pairs if key != "cache_control"
        },
    )


LOOK = "tools.display(tools.dataset_sample(3))\nprint('looked')"
MEASURE = (
    "print(tools.compare({c: tools.text2image(c, per_prompt=5) for c in ('red', 'blue')},"
    " control='blue'))"
)


def worked(server, tools, system, verdicts, **setting):
    session = opened(Journal.memory(), **setting)
    tools.may_conclude = lambda: session.concluding
    names = {"system": system, "tools": tools}
    executor = LocalExecutor(names, tools.recorder, session.journal.keep)
    run(session, at(server, session), verdicts, executor)
    return session


def test_a_whole_session_is_told_to_the_model_in_plain_words(tools, system):
    script = Says(
        experiment(0, LOOK), experiment(1, "print(1 / 0)"), experiment(2), experiment(3, MEASURE),
        call("conclude", END, "toolu_end"),
    )  # fmt: skip
    verdicts = Verdicts(
        Edit(LOOK.replace("3", "2"), "fewer will do"), "mind the background", Reject("too vague")
    )
    with Loopback(script) as server:
        session = worked(server, tools, system, verdicts)
        assert server.refused == []
    assert session.conclusion is not None and session.conclusion.labels == ("red",)
    words = told(server.requests[-1])
    assert "+tools.display(tools.dataset_sample(2))" in words and "fewer will do" in words
    assert "ZeroDivisionError" in words and "The researcher says: mind the background" in words
    assert "sent step 3 back: too vague" in words and "H1: indicated" in words
    assert "looked" in words and session.spent.requests == len(server.requests)
    kinds = [b["type"] for m in server.requests[-1]["messages"] for b in m["content"]]
    assert kinds.count("tool_result") == len(server.requests) - 1 and kinds.count("thinking") == 4


def test_an_open_model_is_asked_without_what_only_the_vendor_takes():
    said = Conversation([], [], 0, 0)
    assert "thinking" in request((), "", "claude-opus-5-5", said)
    assert "thinking" not in request((), "", "qwen3-vl", said)


def test_requests_only_grow_and_the_prefix_is_marked_for_the_cache(tools, system):
    script = Says(*(experiment(i, LOOK) for i in range(4)), call("conclude", END, "toolu_end"))
    with Loopback(script) as server:
        worked(server, tools, system, Verdicts("one", "two", "three"))
    first, *rest = server.requests
    for before, after in zip(server.requests, rest, strict=False):
        assert bare(after)[: len(before["messages"])] == bare(before)
        for part in ("system", "tools", "tool_choice", "thinking"):
            assert json.dumps(before[part]) == json.dumps(after[part])
    last = rest[-1]["messages"]
    marked = [i for i, m in enumerate(last) for b in m["content"] if "cache_control" in b]
    assert marked == [len(last) - 3, len(last) - 1] and "cache_control" in first["system"][0]
    assert first["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_thinking_goes_back_to_the_byte_and_not_to_another_model():
    odd = '{"a":1}\\u00e9\n\u2028 "quoted" \U0001f9ea'
    script = Says(call("run_experiment", experiment(0)[-1]["input"], "toolu_1", odd), experiment(1))
    session = opened(Journal.memory())
    with Loopback(script) as server:
        drive(session, at(server, session), Observation())
        drive(session, at(server, session), Observation())
        drive(session, at(server, session, "another"), Observation())
        assert server.refused == []
    sent = server.requests[1]["messages"][1]["content"][0]
    assert sent == {"type": "thinking", "thinking": odd, "signature": "c2lnbmVk"}
    assert not [b for b in server.requests[2]["messages"][1]["content"] if b["type"] == "thinking"]


def test_what_happened_while_it_thought_it_is_told_afterwards():
    session = opened(Journal.memory())

    def speaks(body, number):
        if number == 0:
            session.note("said while it was thinking")
        return Reply(experiment(number))

    with Loopback(speaks) as server:
        drive(session, at(server, session), Observation())
        drive(session, at(server, session), Observation())
    assert bare(server.requests[1])[:1] == bare(server.requests[0])
    assert "said while it was thinking" in told({"messages": bare(server.requests[1])[2:]})


def test_what_is_written_is_heard_as_it_comes():
    session, heard = opened(Journal.memory()), []
    session.aloud.heard_by(heard.append)
    with Loopback(Says(experiment(7, "print('h\\u00e9')\n"))) as server:
        next_thought(session, at(server, session))
    said = {k: "".join(t.text for t in heard if t.kind == k) for k in ("thinking", "why", "code")}
    offered = session.state.offered.proposal
    assert said["code"].rstrip() == offered.code and said["why"] == offered.why
    assert said["thinking"].startswith("If red and blue differ") and len(heard) > 10


TRANSIENT = [
    Fault("429"),
    Fault("429", headers={"retry-after": "0"}),
    Fault("529"),
    Fault("500"),
    Fault("502", "<html>bad gateway</html>"),
    Fault("refuse"),
    Fault("rst-early"),
    *(Fault(kind, after=n) for kind in ("eof", "rst", "garbage") for n in (0, 300, 1500)),
    Fault("error"),
    Fault("unknown"),
]


@pytest.mark.parametrize("fault", TRANSIENT, ids=lambda f: f"{f.kind}-{f.after}-{len(f.headers)}")
def test_what_passes_is_tried_again(fault):
    session, heard = opened(Journal.memory()), []
    session.aloud.heard_by(heard.append)
    with Loopback(Says(experiment(0))) as server:
        server.faults.append(fault)
        next_thought(session, at(server, session))
    assert session.state.phase is Phase.WAITING and server.refused == []
    waits = [t for t in heard if t.kind == "wait"]
    assert bool(waits) == (fault.kind != "unknown" and not fault.headers)
    assert all("127.0.0.1" in t.text for t in waits)


def test_a_stalled_stream_is_tried_again(monkeypatch):
    import httpx2

    monkeypatch.setattr("maia_lab.agents.server.TIMEOUT", httpx2.Timeout(60, read=1.5))
    session = opened(Journal.memory())
    with Loopback(Says(experiment(0))) as server:
        server.faults.append(Fault("stall", after=600))
        next_thought(session, at(server, session))
    assert session.state.phase is Phase.WAITING
    # What came before it stalled is billed, and proposes nothing.
    billed = [e for e in session.journal.events if isinstance(e, Answered)]
    assert [bool(e.content) for e in billed] == [False, True]


def test_after_five_tries_the_session_pauses_and_goes_on_when_it_is_resumed():
    session = opened(Journal.memory())
    with Loopback(Says(experiment(0))) as server:
        server.faults.extend([Fault("529")] * 5)
        with pytest.raises(AgentError, match=r"no answer in 5 tries.*busy \(529\).*then resume"):
            next_thought(session, at(server, session))
        session.pause("no answer")
        session.resume()
        next_thought(session, at(server, session))
    assert session.state.phase is Phase.WAITING


def test_a_long_retry_after_is_not_waited_for_and_a_pause_cuts_the_wait():
    session, heard = opened(Journal.memory()), []
    session.aloud.heard_by(heard.append)
    with Loopback(Says(experiment(0))) as server:
        server.faults.append(Fault("429", headers={"retry-after": "3600"}))
        thread = threading.Thread(target=next_thought, args=(session, at(server, session)))
        thread.start()
        while not [t for t in heard if t.kind == "wait"]:
            thread.join(0.02)
        assert next(t for t in heard if t.kind == "wait").seconds <= 60
        session.pause("enough")
        thread.join(20)
        assert not thread.is_alive() and session.state.phase is Phase.PAUSED


SPENT = {
    "type": "error",
    "error": {
        "type": "rate_limit_error",
        "message": "Your spend limit is reached",
        "details": {"error_code": "enforced_spend_limit_reached"},
    },
}
YOURS = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "You have reached your specified API usage limits.",
    },
}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("429", SPENT), "no more money to spend"),
        (Fault("400", YOURS), "no more money to spend"),
        (Fault("404", "<html>nothing here</html>"), "no Messages API"),
        (Fault("200", "<html>welcome</html>"), "answers with text/html, and is no Messages API"),
        (Fault("403", {"error": {"type": "permission_error", "message": "no"}}), "not open to"),
        (Fault("418", {"error": {"type": "x", "message": "I am a teapot"}}), "I am a teapot"),
    ],
)
def test_what_does_not_pass_is_said_at_once(fault, says):
    session = opened(Journal.memory())
    with Loopback(Says(experiment(0))) as server:
        server.faults.append(fault)
        with pytest.raises(AgentError, match=says):
            next_thought(session, at(server, session))
        # One request, the session kept: it goes on as soon as the cause is gone.
        next_thought(session, at(server, session))
    assert session.state.phase is Phase.WAITING


def test_wrong_keys_models_servers_and_eyes_are_said_before_the_first_image():
    session = opened(Journal.memory())
    with Loopback(Says(experiment(0))) as server:
        asked = Server("claude-opus-5-5", server.url, "another-key", pause=0.01)
        with pytest.raises(AgentError, match="does not accept the API key; set ANTHROPIC_API_KEY"):
            next_thought(session, ClaudeAgent(pixels=session.journal.image, server=asked))
        server.models["blind"] = {"capabilities": {"image_input": {"supported": False}}}
        with pytest.raises(AgentError, match=r"'blind at 127.*cannot see images; choose a model"):
            next_thought(session, at(server, session, "blind"))
        with pytest.raises(AgentError, match="'claude-opus-9' is not a model of 127"):
            next_thought(session, at(server, session, "claude-opus-9"))
        assert server.requests == []
        url = server.url
    gone = Server("m", url, "k", pause=0.01)
    with pytest.raises(AgentError, match=r"gave no answer in 5 tries: 127.* does not answer"):
        next_thought(session, ClaudeAgent(pixels=session.journal.image, server=gone))
    assert session.state.phase is Phase.THINKING


def bad(**change):
    return call("run_experiment", experiment(0)[-1]["input"] | change)


UNUSABLE = {
    "nothing": Reply([], "end_turn"),
    "words": Reply([{"type": "text", "text": "I think so."}], "end_turn"),
    "no python": Reply(bad(code="for x in")),
    "no code": Reply(bad(code="  ")),
    "extra": Reply(bad(more=1)),
    "two calls": Reply([*experiment(0), *call("run_experiment", {"code": ""}, "toolu_x")]),
    "cut": Reply(experiment(0), "max_tokens"),
    "torn": Reply(call("run_experiment", '{"why": "a" "b"}')),
    "other tool": Reply(call("bash", {"command": "ls"})),
}


@pytest.mark.parametrize("reply", UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_no_proposal_is_mended_twice_then_people_are_asked(reply):
    session = opened(Journal.memory())
    with Loopback(Says(reply, reply, reply, experiment(3))) as server:
        with pytest.raises(AgentError, match="no usable answer 3 times"):
            next_thought(session, at(server, session))
        mended = [e.told for e in session.journal.events if isinstance(e, Repaired)]
        assert len(mended) == 3 and mended[0] in told(server.requests[1])
        session.pause("no usable answer")
        session.note("use tools.compare")
        session.resume()
        next_thought(session, at(server, session))
        assert server.refused == [] and session.state.phase is Phase.WAITING
    assert session.spent.requests == 4 and "use tools.compare" in told(server.requests[-1])


def test_a_paused_turn_is_sent_back_as_it_is():
    session = opened(Journal.memory())
    half = Reply([{"type": "text", "text": "Let me see."}], "pause_turn")
    with Loopback(Says(half, experiment(1))) as server:
        next_thought(session, at(server, session))
        assert server.refused == []
    assert server.requests[1]["messages"][-1] == {"role": "assistant", "content": half.content}


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (
            Reply([], "refusal", details={"category": "bio", "explanation": "not this"}),
            "refuses to go on .bio: not this.",
        ),
        (Reply(experiment(0), "asleep"), "stopped in a way not known here .asleep."),
        (Reply(experiment(0), "model_context_window_exceeded"), "no room left in its context"),
    ],
)
def test_other_ends_are_shown_in_words_and_the_session_is_kept(reply, says):
    session = opened(Journal.memory())
    with Loopback(Says(reply, experiment(1))) as server:
        with pytest.raises(AgentError, match=says):
            next_thought(session, at(server, session))
        next_thought(session, at(server, session))
        assert server.refused == [] and session.state.phase is Phase.WAITING


def test_a_full_context_loses_its_oldest_images_first_and_is_tried_once(tools, system):
    too_long = {"error": {"type": "invalid_request_error", "message": "prompt is too long"}}
    with Loopback(Says(experiment(0, LOOK + "\n" + LOOK), call("conclude", END))) as server:

        class Full(Verdicts):
            def review(self, offered, say):
                server.faults.append(Fault("400", {"type": "error"} | too_long))
                return Approve()

        session = worked(server, tools, system, Full())
    mended = [e for e in session.journal.events if isinstance(e, Repaired)]
    assert len(mended[0].images) == 1 and "oldest pictures" in mended[0].what
    assert session.conclusion is not None and "no longer shown" in told(server.requests[-1])


def priced(**usage):
    return {"input_tokens": 0, "output_tokens": 0} | usage


def test_a_budget_ends_in_a_conclusion_that_was_set_aside():
    session = opened(Journal.memory(), max_money=0.60)
    spends = priced(input_tokens=4000, output_tokens=4000)

    def spend(body, number):
        spends["output_tokens"] = min(4000, body["max_tokens"])
        done = NOW in told(body)
        return Reply(call("conclude", END) if done else experiment(number), usage=spends)

    with Loopback(spend) as server:
        for _ in range(20):
            drive(session, at(server, session), Observation())
            if session.state.phase is Phase.RUNNING:
                break
    assert session.state.phase is Phase.RUNNING and 0.2 < session.spent.money <= 0.60
    assert [e.text for e in session.journal.events if isinstance(e, Noted)] == [NOW]
    assert server.requests[-1]["max_tokens"] < 16_000


def test_a_budget_that_does_not_pay_for_a_conclusion_asks_nothing():
    session = opened(Journal.memory(), max_tokens=1000)
    with Loopback(Says(experiment(0))) as server:
        next_thought(session, at(server, session))
    assert server.requests == [] and "does not pay" in session.state.why
    assert session.state.phase is Phase.STOPPED


def test_a_model_of_unknown_price_is_counted_in_tokens_only():
    session = opened(Journal.memory(), max_money=0.01)
    with Loopback(Says(experiment(0))) as server:
        next_thought(session, at(server, session, "qwen3-vl"))
    assert str(session.spent) == "1,200 tokens, price unknown"


def test_ctrl_c_while_it_is_asked_pauses_and_what_had_come_is_billed():
    session = opened(Journal.memory())

    def late(body, number):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        return Reply(experiment(0), seconds=600)

    with Loopback(late) as server, pytest.raises(KeyboardInterrupt):
        run(session, at(server, session), Verdicts(), None)
    assert session.state.phase is Phase.PAUSED


def test_a_picture_that_is_gone_is_said_and_bricks_nothing(tools, system, monkeypatch):
    with Loopback(Says(experiment(0, LOOK), call("conclude", END))) as server:

        def no_file(self, sha256):
            from maia_lab.errors import JournalError

            raise JournalError(sha256, "is gone", "copy it")

        monkeypatch.setattr(Journal, "image", no_file)
        monkeypatch.setattr("maia_lab.agents.messages._SENT", {})
        session = worked(server, tools, system, Verdicts())
    assert session.conclusion is not None
    assert "its file cannot be read" in told(server.requests[-1])


def test_a_session_goes_on_in_another_process_with_the_same_request(tmp_path):
    journal = Journal.create(tmp_path, "amber-fox")
    session = opened(journal)
    with Loopback(Says(experiment(0), experiment(1), experiment(1))) as server:
        drive(session, at(server, session), Observation())
        next_thought(session, at(server, session))
        first = server.requests[-1]
        journal.close()
        again = Session(Journal.open(tmp_path / "amber-fox"))
        again.resume("auto")
        again.decide(again.ticket, Reject("other"), "human")
        next_thought(again, at(server, again))
        assert bare(server.requests[-1])[: len(first["messages"])] == bare(first)
        assert server.refused == []


def test_the_strict_server_is_strict():
    good = {"model": "m", "max_tokens": 1, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": call("run_experiment", {})},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1",
         "content": [{"type": "text", "text": "b"}]}]},
    ]}  # fmt: skip
    check(good)
    first, second, third = good["messages"]
    for messages in (
        [first, second],
        [first, second, first],
        [first, third],
        [second, third],
        [first, first],
        [first, second, {"role": "user", "content": [*first["content"], *third["content"]]}],
        [{"role": "user", "content": [{"type": "text", "text": " "}]}],
        [first, second, {"role": "user", "content": third["content"] * 2}],
    ):
        with pytest.raises(Refused):
            check(good | {"messages": messages})
    with pytest.raises(Refused):
        check(good | {"temperature": 1})


def test_offered_by_says_which_model_proposed():
    session = opened(Journal.memory())
    with Loopback(Says(experiment(0))) as server:
        next_thought(session, at(server, session))
    offered = session.state.offered
    assert offered.by == "claude-opus-5-5" and isinstance(offered.proposal, Proposal)
    (answered,) = [e for e in session.journal.events if isinstance(e, Answered)]
    assert answered.by.startswith("claude-opus-5-5 at 127.0.0.1") and len(answered.request) == 64
