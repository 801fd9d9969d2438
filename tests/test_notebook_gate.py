"""With a page: what runs is what was approved, once, in its own cell; other cells run as always."""

import itertools

import kernels
import pytest

UNIT = "synthetic/one/1001"


@pytest.fixture(scope="module")
def page(own_folders):
    with kernels.opened(labextension=True) as front:
        yield front


numbers = itertools.count()


def begin(page, *options):
    """Describe a unit from a new cell; returns the first proposal."""
    page.told.clear()
    cell = f"magic-{next(numbers)}"
    reply, outputs = page.run(f"%maia describe {UNIT} {' '.join(options)}", cell)
    assert reply["status"] == "ok", outputs
    first = page.until(lambda m: m["type"] == "proposal" and m["after_cell_id"] == cell)
    page.about = first["session"]
    return first


def refused(outcome):
    """What a cell that was not let through says, in one line."""
    reply, outputs = outcome
    assert reply["status"] == "error" and reply["ename"] == "Refused"
    (kind, content) = outputs[-1]
    assert kind == "error" and len(content["traceback"]) == 1
    return content["traceback"][0]


def test_an_approved_cell_runs_and_the_next_proposal_follows_below_it(page):
    first = begin(page)
    assert first["owner"] == page.id and not first["run"]
    assert first["source"].startswith(f"# maia: {first['session']}/1 · ")
    reply, outputs = page.approve_and_run(first)
    assert reply["status"] == "ok"
    assert {"stream", "display_data"} <= {kind for kind, _ in outputs}
    assert page.step(1, "done")["cell_id"] == first["cell_id"]
    second = page.proposal()
    assert second["step"] == 2 and second["after_cell_id"] == first["cell_id"]


def test_nothing_runs_without_a_ticket_whatever_runs_all_cells(page):
    proposal = begin(page)
    said = refused(page.run("ran = True\n" + proposal["source"], proposal["cell_id"]))
    assert "waits for approval" in said
    assert "waits for approval" in refused(page.run(proposal["source"], proposal["cell_id"]))
    assert "waits for approval" in refused(page.run(proposal["source"]))
    assert "False" in kernels.text(page.run("'ran' in globals()")[1])


def test_a_second_click_is_refused_and_the_cell_runs_once(page):
    proposal = begin(page)
    source = proposal["source"] + "\ncount = globals().get('count', 0) + 1"
    assert page.approve(proposal, source)["ok"]
    again = page.approve(proposal, source)
    assert not again["ok"] and "no open proposal" in again["why"]
    assert page.run(source, proposal["cell_id"])[0]["status"] == "ok"
    assert kernels.text(page.run("count")[1]) == "1"


def test_a_stale_ticket_a_wrong_hash_another_epoch_and_a_copy_are_refused(page):
    proposal = begin(page)
    ticket = page.ticket(proposal)
    for changed in (
        {"ticket": {**ticket, "revision": 2}},
        {"ticket": {**ticket, "step": 7}},
        {"ticket": {**ticket, "epoch": "another"}},
        {"ticket": {**ticket, "sha256": "0" * 64}},
        {"cell_id": "a-copy"},
    ):
        answer = page.approve(proposal, **changed)
        assert not answer["ok"] and answer["why"], changed
    assert page.approve(proposal)["ok"]


def test_a_copy_of_an_approved_cell_and_a_text_changed_after_the_click_do_not_run(page):
    proposal = begin(page)
    assert page.approve(proposal)["ok"]
    assert "copy" in refused(page.run(proposal["source"], "pasted"))
    changed = proposal["source"] + "\nimport os"
    assert "not the text" in refused(page.run(changed, proposal["cell_id"]))
    again = page.proposal()
    assert (again["step"], again["revision"]) == (1, 2)
    assert not page.approve(proposal)["ok"]
    assert page.approve_and_run(again, changed)[0]["status"] == "ok"


def test_what_is_approved_is_the_code_whatever_its_first_line_says_of_offers(page):
    proposal = begin(page)
    assert page.approve(proposal)["ok"]
    refused(page.run(proposal["source"] + "\nimport os", proposal["cell_id"]))
    again = page.proposal()
    # The page may write into the cell that it was offered anew after the click on the older text.
    assert page.approve(again, proposal["source"])["ok"]
    assert again["source"] != proposal["source"]
    assert page.run(again["source"], again["cell_id"])[0]["status"] == "ok"
    assert page.step(1, "done")["words"].startswith("took")


def test_an_edit_is_told_to_the_agent_and_a_rejection_brings_another_proposal(page):
    first = begin(page)
    edited = first["source"] + "\nprint('as edited')"
    _, outputs = page.approve_and_run(first, edited)
    assert "as edited" in kernels.text(outputs)
    assert page.step(1, "done")["words"].endswith("as edited")
    second = page.proposal()
    answer = page.ask(
        {
            "type": "reject",
            "ticket": page.ticket(second),
            "cell_id": second["cell_id"],
            "note": "one image is too few",
        }
    )
    assert answer["ok"]
    assert page.step(2, "rejected")["words"] == "one image is too few"
    third = page.proposal()
    assert third["step"] == 3 and third["after_cell_id"] == second["cell_id"]
    assert "never approved" in refused(page.run(second["source"], second["cell_id"]))
    events = f"maia_lab.find('{first['session']}', readonly=True).journal.events"
    _, outputs = page.run(
        f"import maia_lab; [type(e.verdict).__name__ for e in {events} if hasattr(e, 'verdict')]"
    )
    assert kernels.text(outputs) == "['Edit', 'Reject']"


def test_a_done_cell_is_an_ordinary_cell_and_a_changed_one_is_marked(page):
    first = begin(page)
    page.approve_and_run(first)
    page.proposal()
    assert page.run(first["source"], first["cell_id"])[0]["status"] == "ok"
    changed = first["source"] + "\nprint('once more')"
    assert "once more" in kernels.text(page.run(changed, first["cell_id"])[1])
    assert page.step(1, "edited-after")
    assert not [m for m in page.told if m["type"] == "proposal"]


def test_a_done_cell_whose_whole_text_was_replaced_is_marked_and_advances_nothing(page):
    first = begin(page)
    page.approve_and_run(first)
    second = page.proposal()
    assert kernels.text(page.run("print('another thing')", first["cell_id"])[1]) == (
        "another thing\n"
    )
    assert page.step(1, "edited-after")
    page.approve_and_run(second)
    third = page.proposal()
    page.run("print('and another')", second["cell_id"])
    assert page.step(2, "edited-after")
    assert "waits for approval" in refused(page.run("print(1)", third["cell_id"]))


def test_what_a_thread_prints_after_its_cell_is_told_as_the_steps_and_marked_late(page):
    first = begin(page)
    source = "\n".join(
        [
            first["source"].splitlines()[0],
            "import threading, time",
            "def work():",
            "    time.sleep(1)",
            "    print('from the', 'thread')",
            "threading.Thread(target=work).start()",
        ]
    )
    page.approve_and_run(first, source)
    page.proposal()
    assert (
        "printed more after it had ended"
        in page.until(lambda m: m["type"] == "step" and "more after" in m["words"])["words"]
    )
    events = f"maia_lab.find('{first['session']}', readonly=True).journal.events"
    told = "[(e.by, e.text) for e in events if hasattr(e, 'by') and hasattr(e, 'text')]"
    said = kernels.text(page.run(f"import maia_lab; events = {events}; print({told})")[1])
    assert "'step 1', 'Printed by step 1 after its cell had ended: from the thread'" in said


def test_an_error_and_an_error_in_the_grammar_end_the_step_and_the_agent_goes_on(page):
    first = begin(page)
    reply, _ = page.approve_and_run(first, "# maia: x\n1 / 0")
    assert reply["ename"] == "ZeroDivisionError"
    assert "ZeroDivisionError" in page.step(1, "error")["words"]
    second = page.proposal()
    reply, _ = page.approve_and_run(second, "this is no Python")
    assert reply["ename"] == "SyntaxError"
    assert "SyntaxError" in page.step(2, "error")["words"]
    assert page.proposal()["step"] == 3


def test_an_interrupt_ends_the_step_and_everything_is_as_before(page):
    first = begin(page)
    source = (
        first["source"].splitlines()[0] + "\nimport time\nprint('on', flush=True)\ntime.sleep(60)"
    )
    assert page.approve(first, source)["ok"]
    sent = page.begin(source, first["cell_id"])
    page.step(1, "running")
    page.heard("on")
    page.manager.interrupt_kernel()
    reply, _ = page.outcome(sent)
    assert reply["ename"] == "KeyboardInterrupt"
    assert page.step(1, "interrupted")
    assert page.proposal()["step"] == 2
    _, outputs = page.run(
        "import sys\nprint(sys.stdout.write.__module__, type(tools.recorder.target).__name__)"
    )
    assert "maia" not in kernels.text(outputs) and "Shown" in kernels.text(outputs)


def test_everything_a_cell_shows_is_kept_in_order(page):
    first = begin(page)
    source = "\n".join(
        [
            "print('one')",
            "from PIL import Image",
            "from IPython.display import HTML",
            "tools.display('two', Image.new('RGB', (8, 8), 'red'))",
            "display(Image.new('RGB', (9, 9), 'blue')); display(HTML('<b>three</b>'))",
            "import sys; print('four', file=sys.stderr)",
            "system = None",
            "'five'",
        ]
    )
    page.approve_and_run(first, source)
    _, outputs = page.run(
        "import maia_lab\nfrom maia_lab.events import Observed\n"
        f"session = maia_lab.find('{first['session']}', readonly=True)\n"
        "seen = [e for e in session.journal.events if isinstance(e, Observed)][0].observation\n"
        "print(*(getattr(p, 'text', None) or p.width for p in seen.parts), sep='|')\n"
        "print(system is not None)"
    )
    said = kernels.text(outputs)
    assert said.startswith("one\ntwo\n|152|9|")
    assert "three" not in said.split("|")[0] and "four\n'five'\n`system` was given" in said
    assert said.endswith("True\n")


def test_images_as_a_cells_last_value_are_shown_and_kept_as_a_grid(page):
    first = begin(page)
    page.approve_and_run(
        first,
        "from PIL import Image\n[(0.5, Image.new('RGB', (8, 8))), (0.4, Image.new('L', (8, 8)))]",
    )
    _, outputs = page.run(
        "import maia_lab\nfrom maia_lab.events import Observed\n"
        f"session = maia_lab.find('{first['session']}', readonly=True)\n"
        "seen = [e for e in session.journal.events if isinstance(e, Observed)][0].observation\n"
        "print(*(part.alt for part in seen.parts))\n[Image.new('RGB', (8, 8))]"
    )
    assert kernels.text(outputs).startswith("2 images, activations 0.50 to 0.40\n")
    # Elsewhere a list stays what it is to everyone.
    assert "<PIL.Image" in kernels.text(outputs)


def test_a_paused_session_refuses_its_proposal_and_offers_it_again(page):
    before = begin(page)
    after = begin(page)
    assert before["session"] != after["session"]
    said = refused(page.run(before["source"], before["cell_id"]))
    assert f"%maia resume {before['session']}" in said
    assert not page.approve(before)["ok"]
    page.told.clear()
    page.about = before["session"]
    page.run(f"%maia resume {before['session']}", "resume")
    again = page.proposal()
    assert (again["session"], again["revision"]) == (before["session"], 2)
    assert page.approve_and_run(again)[0]["status"] == "ok"


def test_a_cell_that_is_none_of_ours_runs_whatever_fails_in_us(page):
    page.run(
        "from maia_lab.notebook.gate import Gate\n"
        "kept = Gate.admit, Gate.finished\n"
        "def broken(*_): raise RuntimeError('a bug of ours')\n"
        "Gate.admit = Gate.finished = broken"
    )
    try:
        first = kernels.text(page.run("print(6 * 7)")[1])
        assert "42\n" in first and first.count("a bug of ours") <= 2 and "Traceback" not in first
        assert kernels.text(page.run("print(6 * 7)")[1]) == "42\n"
        assert "a bug of ours" in refused(page.run("# maia: amber-fox/1 · tests\nprint(1)"))
    finally:
        page.run("Gate.admit, Gate.finished = kept")
    assert kernels.text(page.run("print(1)")[1]) == "1\n"


def test_what_a_step_comes_to_is_kept_although_it_is_paused_while_it_runs(page):
    proposal = begin(page)
    # What the page asks for while a cell runs is done on another thread than the cell's.
    meanwhile = (
        "\nlive = get_ipython()._maia_lab[0].lives.active"
        "\nlive.pause('for lunch')"
        "\ntry:\n    live.resume()\nexcept Exception as error:\n    print(error)"
    )
    said = kernels.text(page.approve_and_run(proposal, proposal["source"] + meanwhile)[1])
    assert "was paused in a step that still runs" in said
    assert page.step(1, "done")
    page.run("%maia resume", "resume-paused")
    assert page.proposal()["step"] == 2


def test_an_open_proposal_of_a_session_elsewhere_on_this_disk_does_not_run(page):
    proposal = begin(page)
    page.run("%maia pause")
    page.run("%unload_ext maia_lab")
    page.run("%load_ext maia_lab")
    page.told.clear()
    said = refused(page.run(proposal["source"], "anywhere"))
    assert f"%maia resume {proposal['session']}" in said
    assert page.run("# maia: nobody-knows/3 · tests\n1", "anywhere")[0]["status"] == "ok"
    page.run(f"%maia resume {proposal['session']}", "resume-2")
    assert page.approve_and_run(page.proposal())[0]["status"] == "ok"


def test_a_cell_that_runs_code_of_its_own_is_one_step_to_its_end(page):
    proposal = begin(page)
    within = "\nget_ipython().run_cell('print(\"within\")')\nprint('and after')"
    said = kernels.text(page.approve_and_run(proposal, proposal["source"] + within)[1])
    assert "within\nand after" in said and "Not run" not in said
    assert page.step(1, "done")
    _, outputs = page.run(
        "from maia_lab.events import Observed\n"
        "events = get_ipython()._maia_lab[0].lives.active.session.journal.events\n"
        "print([e for e in events if isinstance(e, Observed)][0].observation.text)"
    )
    assert "within\nand after" in kernels.text(outputs)


def test_a_changed_copy_of_a_done_cell_says_nothing_of_the_cell_it_was_copied_from(page):
    first = begin(page)
    page.approve_and_run(first)
    page.proposal()
    changed = first["source"] + "\nprint('once more')"
    assert "once more" in kernels.text(page.run(changed, "pasted")[1])
    page.run(first["source"], first["cell_id"])
    assert not [m for m in page.told if m.get("state") == "edited-after"]
