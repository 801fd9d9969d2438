"""An agent that takes questions, installed as a package of its own: asked, heard, and counted."""

import kernels
import pytest

UNIT = "synthetic/one/1001"
ASKER = """
import asyncio
from maia_lab.events import Answered, Offered
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.spending import Usage
from maia_lab.thought import Thought

class Asker:
    name = "asker 1"

    def __init__(self, **options):
        pass

    async def propose(self, briefing, watch):
        for number in range(12):
            watch.tell(Thought("thinking", f"thought {number} "))
            await asyncio.sleep(0.05)
        watch.tell(Thought("wait", "too many requests", 2.0))
        watch.tell(Thought("code", "print('secretly written')"))
        captions = {"seconds": 0.1, "purpose": "captions"}
        watch.keep(Answered("m", "m at h", "", "end_turn", Usage(input=50, output=5), **captions))
        watch.keep(Answered("m", "m at h", "[]", "tool_use", Usage(input=1000, output=234), 0.05))
        if not any(isinstance(event, Offered) for event in briefing.events):
            return Proposal(f"Looks into: {briefing.question.text}", "print(6 * 7)")
        return Conclusion("It answers to red.", ("red",), not_tested="anything else")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the agent and the entry point that names it."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "asker.py").write_text(ASKER)
    about = folder / "asker-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: asker\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[maia_lab.agents]\nasker = asker:Asker\n")
    return folder


@pytest.fixture(params=[True, False], ids=["page", "no-page"])
def front(own_folders, installed, request):
    first = f"import sys; sys.path.insert(0, {str(installed)!r})\n%load_ext maia_lab"
    with kernels.opened(first, labextension=request.param) as front:
        yield front


QUESTION = f"%%maia ask {UNIT} --agent asker\nIs it red, or is it round?"


def test_a_question_is_asked_heard_and_answered(front):
    _, outputs = front.run(QUESTION, "ask")
    if not front.labextension:
        said = kernels.text(outputs)
        assert "thought 0 thought 1 " in said and "again in 2 s" in said
        assert "secretly" not in said and "or is it round?" in said
        front.run("%maia approve")
        front.run("%maia approve")
        assert "It answers to red." in kernels.text(front.run("%maia accept")[1])
        return
    proposal = front.proposal()
    front.until(lambda m: m["type"] == "stream" and not m["text"])
    heard = [m["text"] for m in front.told if m["type"] == "stream"]
    assert "thought 0" in heard[0] and any("again in 2 s" in text for text in heard)
    # Of 12 thoughts, a wait and what follows it: together what comes fast.
    assert 3 <= len(heard) <= 14
    assert "Is it red, or is it round?" in proposal["why"]
    assert proposal["metadata"]["tokens"] == 1234 and "1,234 tokens" in proposal["estimate"]
    assert (
        "1,289 tokens, $0.05"
        in front.until(lambda m: m["type"] == "session" and m["phase"] == "waiting")["budget"]
    )
    assert "42" in kernels.text(front.approve_and_run(proposal)[1])
    assert "of 5000" in kernels.text(front.run("%maia budget tokens 5000")[1])
    conclusion = front.proposal()
    reply, outputs = front.approve_and_run(conclusion)
    assert reply["status"] == "ok", outputs
    answer = front.ask(
        {"type": "accept", "session": conclusion["session"], "step": conclusion["step"]}
    )
    assert answer["ok"], answer
    words = front.until(lambda m: m["type"] == "markdown")["source"]
    assert "It answers to red." in words
