"""Images described by a model: blind, once each, and paid from the session's budget."""

import pytest
from conftest import plain
from test_claude import Says

from maia_lab.agents.captions import ClaudeCaptioner
from maia_lab.agents.server import AgentError, Server
from maia_lab.bench.agent import opened
from maia_lab.bench.loopback import Loopback, Reply, call
from maia_lab.errors import BudgetError
from maia_lab.journal import Journal
from maia_lab.world import Summarizer


def sees(body, number):
    count = sum(block["type"] == "image" for block in body["messages"][0]["content"])
    return Reply(call("say", {"lines": [f"image {number}.{i}" for i in range(count)]}))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MAIA_CACHE", str(tmp_path))


def captioner(server, model="claude-haiku-5-5"):
    return ClaudeCaptioner(server=Server(model, server.url, server.key, pause=0.01))


def test_images_are_described_in_batches_and_each_only_once():
    images = [plain("red", shade) for shade in range(12)]
    with Loopback(sees) as server:
        first = captioner(server).describe(images)
        assert first[0] == "image 0.0" and first[11] == "image 1.1" and server.refused == []
        assert captioner(server).describe(images[::-1]) == first[::-1]
        assert len(server.requests) == 2
        captioner(server, "another").describe(images[:1])
    assert len(server.requests) == 3


def test_it_is_told_nothing_but_the_images_and_the_question():
    session = opened(Journal.memory())
    session.note("hypothesis: it fires for zebras")
    with Loopback(sees) as server:
        asked = captioner(server)
        asked.paid_by(session)
        asked.describe([plain("blue", 1)])
    (body,) = server.requests
    assert "zebra" not in str(body) and "layer4" not in str(body)
    assert session.spent.requests == 1 and session.spent.money > 0


def test_what_a_group_has_in_common_is_asked_beside_ordinary_images(tools):
    said = {"lines": ["red: 3 of 3, 1 of 3"]}
    with Loopback(Says(call("say", said))) as server:
        tools.captioner = captioner(server)
        assert isinstance(tools.captioner, Summarizer)
        tools._world = type(tools._world)("photos", tools._world.data, tools._world.held_out)
        assert tools.summarize_images([plain("red", i) for i in range(3)]) == said["lines"][0]
        assert sum(b["type"] == "image" for b in server.requests[0]["messages"][0]["content"]) == 6


def test_too_few_lines_are_asked_for_once_more_and_then_said():
    with Loopback(Says(call("say", {"lines": []}))) as server:
        with pytest.raises(AgentError, match=r"did not describe the images .0 lines for 1"):
            captioner(server).describe([plain("red", 1)])
        assert len(server.requests) == 2


def test_the_conclusions_share_of_the_budget_is_not_spent_on_captions():
    session = opened(Journal.memory(), max_tokens=5000)
    with Loopback(sees) as server:
        asked = captioner(server)
        asked.paid_by(session)
        with pytest.raises(BudgetError, match="does not pay for captions beside a conclusion"):
            asked.describe([plain("red", 1)])
        assert server.requests == []
