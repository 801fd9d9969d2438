"""A model rates images by the description alone: once each, paid, and only numbers are believed."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from conftest import COLOURS, plain
from PIL import Image
from test_claude import Says

from maia_lab import describe
from maia_lab.agents.rater import ClaudeRater
from maia_lab.agents.server import AgentError, Server
from maia_lab.bench.agent import opened
from maia_lab.bench.loopback import Fault, Loopback, Reply, call
from maia_lab.bench.scientist import scientist
from maia_lab.doors import open_rater
from maia_lab.errors import BudgetError, ConfigError
from maia_lab.journal import Journal
from maia_lab.scenes.world import scenes_world
from maia_lab.scoring import evaluation
from maia_lab.scoring.rater import Calibrated


def colours(body):
    """The colour of each image of a request, by its pixels."""
    for block in body["messages"][0]["content"]:
        if block["type"] == "image":
            data = base64.b64decode(block["source"]["data"])
            with Image.open(io.BytesIO(data)) as image:
                pixel = np.array(image.convert("RGB"))[0, 0]
            yield list(COLOURS)[int(np.argmax(pixel))]


def looks(body, number):
    """An experimenter, a captioner and a rater, each by what it is asked; they go by pixels."""
    match body["tools"][0]["name"]:
        case "say":
            return Reply(call("say", {"lines": [f"plain {c}" for c in colours(body)]}))
        case "rate":
            phrase = body["messages"][0]["content"][0]["text"].split("---")[1].strip()
            return Reply(
                call("rate", {"ratings": [0.1 + 0.8 * (c in phrase) for c in colours(body)]})
            )
    return scientist(body, number)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MAIA_CACHE", str(tmp_path / "cache"))


def rater(server, model="looker"):
    return ClaudeRater(server=Server(model, server.url, server.key, pause=0.01))


def blind(world, by):
    return replace(world, words=None, rater=by)


def redness(images):
    pixels = [np.asarray(i.convert("RGB"), float).mean((0, 1)) for i in images]
    return [p[0] - p[1:].mean() for p in pixels]


def test_a_session_on_images_without_words_is_scored_by_it(few, tmp_path, monkeypatch):
    with Loopback(looks) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", server.key)
        session = describe(
            redness, data=few, agent="claude", rater="claude:looker", review="auto", folder=tmp_path
        ).wait()
        assert server.refused == []
    (mine,) = session.scores
    assert mine.labels == ("red",) and mine.note == "" and mine.n == 16
    assert mine.correlation > 0.9 and mine.auprc > 0.99
    assert mine.rater.startswith("looker (sees images and description only), whose ratings go with")
    asked = [b for b in server.requests if b["tools"][0]["name"] == "rate"]
    # The one description, then four words of forty scenes.
    assert len(asked) == 1 + 4 * 2 and {b["model"] for b in asked} == {"looker"}
    assert session.spent.requests == len(server.requests)
    page = session.report(tmp_path / "out")["report.html"].read_text("utf-8")
    assert "What each image holds was said by looker" in page


def test_each_image_and_phrase_is_rated_once_and_nothing_else_is_told():
    images = [plain(list(COLOURS)[i % 3], i) for i in range(25)]
    session = opened(Journal.memory())
    session.note("hypothesis: it fires for zebras")
    with Loopback(looks) as server:
        first = rater(server)
        first.paid_by(session)
        sure = first.rate(images, ["red", "green"], ["blue"])
        wanted = [0.9 * 0.9, 0.9 * 0.9, 0.1 * 0.1]
        assert sure == pytest.approx([wanted[i % 3] for i in range(25)])
        assert len(server.requests) == 6 and server.refused == []
        again = rater(server).rate(images[::-1], ["red"], ())
        assert again[::-1][:3] == pytest.approx([0.9, 0.1, 0.1]) and len(server.requests) == 6
        rater(server, "another").rate(images[:1], ["red"], ())
    assert len(server.requests) == 7
    assert "zebra" not in str(server.requests) and "layer4" not in str(server.requests)
    assert session.spent.requests == 6 and session.spent.tokens > 0


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (call("rate", {"ratings": [12, 0.5]}), "12 is not between 0 and 1"),
        (call("rate", {"ratings": ["12", "no"]}), "is no number"),
        (call("rate", {"ratings": [True, False]}), "is no number"),
        (call("rate", {"ratings": [0.5]}), "1 ratings for 2 images"),
        (call("rate", {"scores": [0.5, 0.5]}), "has no 'scores'"),
        (Reply([{"type": "text", "text": "Both look red."}], "end_turn"), "made no calls"),
    ],
)
def test_absurd_answers_are_told_and_never_measured(said, why, system, world, exemplars):
    images = [plain("red", 1), plain("blue", 2)]
    with Loopback(Says(said)) as server:
        with pytest.raises(AgentError, match=why) as told:
            rater(server).rate(images, ["red"], ())
        assert len(server.requests) == 2 and "did not rate the images" in told.value.reason
        (mine,) = evaluation.score(system, blind(world, rater(server)), exemplars, ["red"])
    assert mine.correlation is None and "did not rate the images" in mine.note


def test_a_busy_server_is_waited_for_and_heard():
    session, heard = opened(Journal.memory()), []
    session.aloud.heard_by(heard.append)
    with Loopback(looks) as server:
        server.faults += [Fault("529"), Fault("eof")]
        asked = rater(server)
        asked.paid_by(session)
        assert asked.rate([plain("red", 1)], ["red"], ()) == pytest.approx([0.9])
    assert {"rating", "wait"} <= {thought.kind for thought in heard} and heard[-1].kind == "done"


def test_a_spent_budget_is_the_reason_why_there_is_no_score(system, world, exemplars):
    session = opened(Journal.memory(), max_tokens=5000)
    with Loopback(looks) as server:
        asked = rater(server)
        asked.paid_by(session)
        with pytest.raises(BudgetError):
            asked.rate([plain("red", 1)], ["red"], ())
        (mine,) = evaluation.score(system, blind(world, asked), exemplars, ["red"])
        assert server.requests == []
    assert mine.note == "the budget does not pay for ratings beside a conclusion"


def test_of_many_images_a_paid_rater_is_shown_a_sample(system, world, exemplars):
    with Loopback(looks) as server:
        asked = rater(server)
        asked.most = 12
        (mine,) = evaluation.score(system, blind(world, asked), exemplars, ["red"])
    assert mine.n == 12 and mine.correlation > 0.9


def test_what_cannot_be_calibrated_says_so():
    session = opened(Journal.memory(), max_tokens=5000)
    with Loopback(looks) as server:
        broke = Calibrated(rater(server), scenes_world(n=1, held_out=10))
        broke.paid_by(session)
        assert "not calibrated (the budget does not pay for ratings" in broke.name


def test_the_model_is_named_by_the_address_or_configured(monkeypatch):
    monkeypatch.setenv("MAIA_MODEL", "qwen3-vl")
    with pytest.raises(ConfigError, match="is not set"):
        open_rater("claude")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "only-for-tests")
    assert ClaudeRater().name.startswith("qwen3-vl (")
    assert (
        ClaudeRater("haiku").name.startswith("haiku (") and open_rater("claude:haiku").most == 200
    )
