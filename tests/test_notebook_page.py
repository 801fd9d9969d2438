"""What the page is told and may ask for: owners, reloads, restarts, policies, conclusions."""

import itertools

import kernels
import pytest

from maia_lab.review import CONCLUDE

UNIT = "synthetic/one/1001"


@pytest.fixture(scope="module")
def manager(own_folders):
    manager = kernels.start()
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.fixture
def another(manager):
    """Opens one page more of the same notebook."""
    opened = []

    def another(comm=None):
        front = kernels.FrontEnd(manager, labextension=True)
        front.comm = comm
        opened.append(front)
        return front

    yield another
    for front in opened:
        front.close()


@pytest.fixture
def page(another):
    """A page of its own for each test; the kernel is the same."""
    front = another()
    front.run("%reload_ext maia_lab", "load")
    return front


numbers = itertools.count()


def begin(page, *options):
    cell = f"cell-{next(numbers)}"
    reply, outputs = page.run(f"%maia describe {UNIT} {' '.join(options)}", cell)
    assert reply["status"] == "ok", outputs
    first = page.until(lambda m: m["type"] == "proposal" and m["after_cell_id"] == cell)
    page.about = first["session"]
    return first


def session(page, wanted):
    return page.until(lambda m: m["type"] == "session" and wanted(m))


def events(page, name):
    page.run("import maia_lab", "any")
    code = f"[type(e).__name__ for e in maia_lab.find({name!r}, readonly=True).journal.events]"
    return kernels.text(page.run(code)[1])


def test_a_session_is_told_in_full(page):
    proposal = begin(page)
    told = session(page, lambda m: m["phase"] == "waiting")
    assert told["unit"] == UNIT and told["active"] and told["agent"] == "offline"
    assert told["magic_cell_id"] == proposal["after_cell_id"]
    assert told["policy"] == "ask" and told["budget"].startswith("step 1 of 25")
    (line,) = told["steps"]
    assert (line["step"], line["state"]) == (1, "waiting")


def test_a_reloaded_page_is_told_everything_and_takes_over(page, another):
    proposal = begin(page)
    again = another(page.comm)
    again.hello()
    state = again.until(lambda m: m["type"] == "state" and m["owner"] == again.id)
    (open_now,) = [p for p in state["proposals"] if p["session"] == proposal["session"]]
    assert open_now["source"] == proposal["source"] and open_now["owner"] == again.id
    assert again.approve_and_run(open_now)[0]["status"] == "ok"
    assert again.step(1, "done")


def test_a_second_tab_does_not_take_over_while_the_first_answers(page, another):
    proposal = begin(page)
    tab = another(page.comm)
    tab.hello()
    assert page.until(lambda m: m["type"] == "who")["client"] == page.id
    page.send({"type": "present", "client": page.id})
    assert tab.until(lambda m: m["type"] == "state")["owner"] == page.id
    with pytest.raises(TimeoutError):
        tab.until(lambda m: m["type"] == "state" and m["owner"] == tab.id, timeout=3)
    answers = [page.approve(proposal)["ok"], tab.approve(proposal)["ok"]]
    assert answers == [True, False]


def test_the_hypotheses_a_note_and_a_pin_reach_the_agent_and_the_page(page):
    proposal = begin(page)
    name = proposal["session"]
    assert page.ask({"type": "note", "session": name, "text": "look at sand"})["ok"]
    ask = {"type": "hypothesis", "session": name}
    assert page.ask({**ask, "action": "add", "text": "it sees sand"})["ok"]
    assert page.ask({**ask, "action": "pin", "text": "R1"})["ok"]
    assert not page.ask({**ask, "action": "strike", "text": "H9"})["ok"]
    (mine,) = session(page, lambda m: any(h["pinned"] for h in m["hypotheses"]))["hypotheses"]
    assert (mine["id"], mine["text"], mine["status"]) == ("R1", "it sees sand", "untested")
    assert events(page, name).count("Noted") == 3


def test_a_policy_runs_cells_visibly_and_each_is_told_once(page):
    proposal = begin(page)
    name = proposal["session"]
    assert page.ask({"type": "auto", "session": name, "n": 2})["ok"]
    first = page.step(1, "approved")
    assert first["run"]
    assert page.run(proposal["source"], proposal["cell_id"])[0]["status"] == "ok"
    second = page.proposal()
    assert second["run"] and "run" not in page.step(2, "approved")
    assert page.run(second["source"], second["cell_id"])[0]["status"] == "ok"
    third = page.proposal()
    assert not third["run"]
    assert session(page, lambda m: m["phase"] == "waiting" and m["words"].startswith("step 3"))


SLOW = """\
import time
from maia_lab.notebook.told import Told
steps = Told.steps
Told.steps = lambda told: time.sleep(0.5) or steps(told)
"""


def test_what_is_approved_while_a_proposal_is_told_is_run_all_the_same(page):
    page.run(SLOW)
    try:
        proposal = begin(page)
        assert page.ask({"type": "auto", "session": proposal["session"], "n": 1})["ok"]
        assert page.step(1, "approved")["run"]
    finally:
        page.run("Told.steps = steps")


def test_a_conclusion_scores_itself_is_sent_back_and_accepted(page):
    proposal = begin(page, "--steps", "3")
    page.approve_and_run(proposal)
    proposal = page.proposal()
    name = proposal["session"]
    rejection = {"type": "reject", "cell_id": proposal["cell_id"], "note": "conclude now"}
    assert page.ask({**rejection, "ticket": page.ticket(proposal)})["ok"]
    proposal = page.proposal()
    assert proposal["kind"] == "conclusion" and proposal["estimate"]
    early = page.ask({"type": "accept", "session": name, "step": 3})
    assert not early["ok"] and "is not a conclusion that waits" in early["why"]
    _, outputs = page.approve_and_run(proposal)
    assert "<td" in str(outputs)
    assert page.step(3, "scored")
    assert not page.ask({"type": "accept", "session": name, "step": 2})["ok"]
    assert page.ask({"type": "accept", "session": name, "step": 3})["ok"]
    words = page.until(lambda m: m["type"] == "markdown")
    assert words["source"].startswith("## Conclusion")
    assert words["after_cell_id"] == proposal["cell_id"]
    assert page.step(3, "accepted")
    assert session(page, lambda m: m["phase"] == "concluded")


def test_asked_to_conclude_now_it_does(page):
    proposal = begin(page)
    asked = {"type": "note", "session": proposal["session"], "text": CONCLUDE}
    assert page.ask(asked)["ok"]
    assert CONCLUDE in page.step(1, "rejected")["words"]
    assert page.proposal()["kind"] == "conclusion"


def test_what_speaks_against_a_conclusion_is_still_there_when_it_is_to_be_accepted(page):
    proposal = begin(page, "--steps", "7")
    name = proposal["session"]
    page.ask({"type": "auto", "session": name, "n": 7})
    page.run(proposal["source"], proposal["cell_id"])
    while (proposal := page.proposal())["run"]:
        page.run(proposal["source"], proposal["cell_id"])
    page.approve_and_run(proposal)
    words = page.step(proposal["step"], "scored")["words"]
    assert proposal["flags"] and all(flag["text"] in words for flag in proposal["flags"])


def test_not_yet_sends_a_conclusion_back(page):
    proposal = begin(page, "--steps", "12")
    name = proposal["session"]
    page.ask({"type": "auto", "session": name, "n": 12})
    page.run(proposal["source"], proposal["cell_id"])
    while (proposal := page.proposal())["run"]:
        assert proposal["kind"] == "experiment"
        page.run(proposal["source"], proposal["cell_id"])
    # What runs by itself are experiments: scoring a conclusion is asked for.
    assert proposal["kind"] == "conclusion"
    page.approve_and_run(proposal)
    step = proposal["step"]
    assert page.step(step, "scored")
    answer = page.ask({"type": "not_yet", "session": name, "step": step, "note": "test snow"})
    assert answer["ok"]
    assert "test snow" in page.step(step, "done")["words"]


def test_stop_ends_a_session_and_its_proposal_cannot_run(page):
    proposal = begin(page)
    name = proposal["session"]
    assert page.ask({"type": "stop", "session": name})["ok"]
    assert session(page, lambda m: m["phase"] == "stopped")
    assert not page.approve(proposal)["ok"]
    reply, _ = page.run(proposal["source"], proposal["cell_id"])
    assert reply["ename"] == "Refused"


def test_an_experiment_of_ones_own_sets_the_open_proposal_aside(page):
    proposal = begin(page)
    reply, _ = page.run("%%maia try \"my idea\"\nprint('mine')", "mine")
    assert reply["status"] == "ok"
    assert "experiment of their own" in page.step(1, "rejected")["words"]
    assert page.step(2, "done")["cell_id"] == "mine"
    third = page.proposal()
    assert (third["step"], third["after_cell_id"]) == (3, "mine")
    assert not page.approve(proposal)["ok"]


def test_messages_that_are_none_are_answered_and_change_nothing(page):
    proposal = begin(page)
    for message in (
        {"type": "approve"},
        {"type": "nonsense"},
        {"type": "note", "session": 3, "text": "x"},
        {"type": "auto", "session": proposal["session"], "n": True},
        {"type": "note", "session": "nobody", "text": "x"},
    ):
        answer = page.ask(message)
        assert not answer["ok"] and answer["why"]
    assert page.approve(proposal)["ok"]


def test_a_page_of_another_protocol_is_not_talked_to_and_both_are_told(page):
    page.run("%unload_ext maia_lab")
    page.hello = lambda **_: kernels.FrontEnd.hello(page, protocol=99, version="9.9")
    page.run("%load_ext maia_lab", "load")
    said = kernels.text(page.run("%maia status")[1])
    assert "9.9" in said and "install the same" in said and "no buttons" in said


def test_a_page_of_another_version_works_and_both_are_named(page):
    page.run("%unload_ext maia_lab")
    page.hello = lambda **_: kernels.FrontEnd.hello(page, version="9.9")
    page.run("%load_ext maia_lab", "load")
    for command in ("status", "doctor"):
        said = kernels.text(page.run(f"%maia {command}")[1])
        assert "reviewed on the page" in said and "9.9" in said and "install the same" in said
    assert page.approve_and_run(begin(page))[0]["status"] == "ok"


def test_a_front_end_without_the_labextension_takes_nothing_from_one_that_has_it(page, another):
    bare = another()
    bare.labextension = False
    page.run("%unload_ext maia_lab")
    page.told.clear()
    bare.run("%load_ext maia_lab", "load")
    page.until(lambda m: m["type"] == "state")
    said = kernels.text(bare.run("%maia status")[1])
    assert "reviewed on the page" in said and "another front end here has no labextension" in said
    bare.run(f"%maia describe {UNIT} --new", "bare-magic")
    proposal = page.until(lambda m: m["type"] == "proposal" and m["owner"] == page.id)
    reply, outputs = bare.run(proposal["source"], proposal["cell_id"])
    assert reply["ename"] == "Refused" and "%maia approve" in kernels.text(outputs)
    bare.run("%maia approve")
    assert page.step(1, "approved")["run"]
    assert page.run(proposal["source"], proposal["cell_id"])[0]["status"] == "ok"


def test_after_a_kernel_restart_the_magic_finds_its_session_by_the_notebooks_memory(
    page, manager, another
):
    proposal = begin(page)
    name = proposal["session"]
    page.approve_and_run(proposal)
    second = page.proposal()
    manager.restart_kernel(now=True)
    again = another()
    hello, cell = again.hello, proposal["after_cell_id"]
    again.hello = lambda **_: hello(sessions={cell: name})
    again.run("%load_ext maia_lab", "load")
    reply, outputs = again.run(f"%maia describe {UNIT}", cell)
    assert reply["status"] == "ok" and f"{name} goes on" in kernels.text(outputs)
    offered = again.proposal()
    assert (offered["session"], offered["step"], offered["revision"]) == (name, 2, 2)
    assert not again.approve(second)["ok"]
    assert again.run(proposal["source"], proposal["cell_id"])[0]["status"] == "ok"
    assert again.run(second["source"], second["cell_id"])[0]["ename"] == "Refused"
    assert again.approve_and_run(offered)[0]["status"] == "ok"


def test_a_page_that_comes_after_the_end_is_told_the_conclusion(page, another):
    proposal = begin(page, "--review auto")
    while proposal["kind"] != "conclusion":
        assert page.run(proposal["source"], proposal["cell_id"])[0]["status"] == "ok"
        proposal = page.proposal()
    page.run(proposal["source"], proposal["cell_id"])
    told = page.until(lambda m: m["type"] == "markdown")
    tab = another(page.comm)
    tab.hello()
    found = tab.until(lambda m: m["type"] == "state")["conclusions"]
    assert [c["source"] for c in found if c["session"] == page.about] == [told["source"]]


THOUGHTS = """
import time
import maia_lab.notebook.live as module
thought, begun = module.next_thought, []
def next_thought(*given):
    begun.append(given)
    time.sleep(1)
    return thought(*given)
module.next_thought = next_thought
"""


def test_a_session_that_is_thinking_is_not_set_thinking_once_more(page):
    proposal = begin(page)
    page.run(THOUGHTS)
    try:
        page.approve_and_run(proposal)
        for _ in range(2):
            assert page.ask({"type": "resume", "session": proposal["session"]})["ok"]
        page.run("%maia resume", "resume-thinking")
        assert page.proposal()["step"] == 2
        assert kernels.text(page.run("print(len(begun))")[1]) == "1\n"
    finally:
        page.run("module.next_thought = thought")


def test_a_session_that_cannot_go_on_yet_does_not_pause_the_one_that_does(page):
    first = begin(page)
    second = begin(page)  # Which pauses the first.
    page.run(f"live = get_ipython()._maia_lab[0].lives.by_name[{first['session']!r}]")
    page.run("live.running = True")
    try:
        answer = page.ask({"type": "resume", "session": first["session"]})
        assert not answer["ok"] and "still runs" in answer["why"]
    finally:
        page.run("live.running = False")
    assert page.approve(second)["ok"]


def test_a_page_that_comes_is_told_how_things_stand_once_nothing_is_decided(page, another):
    proposal = begin(page)
    page.run("live = get_ipython()._maia_lab[0].lives.active")
    page.run(
        "import threading, time\n"
        "def hold():\n"
        "    with live.guard:\n"
        "        time.sleep(1)\n"
        "        live.approve(live.source(live.waiting), live.cell(1))\n"
        "threading.Thread(target=hold).start()"
    )
    page.told.clear()
    page.hello()
    told = page.until(lambda m: m["type"] == "state")["steps"]
    assert [m["state"] for m in told if m["session"] == proposal["session"]] == ["approved"]
