"""What the page does with what a kernel says, in a real JupyterLab: a scripted kernel side."""

from __future__ import annotations

import pytest
from browser import chromium, opened, serving, skip_without_browser

pytestmark = pytest.mark.browser

LOAD, PROPOSE = "%load_ext page_kernel", "kernel.propose('print(6 * 7)')"
HEARD = "print([(m['type'], m.get('note')) for m in kernel.heard])"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    skip_without_browser()
    with serving(tmp_path_factory.mktemp("page")) as server, chromium(server) as page:
        yield server, page


@pytest.fixture
def notebook(lab, request):
    server, page = lab
    sources = [
        LOAD,
        PROPOSE,
        "print([(m['type'], m.get('note')) for m in kernel.heard])",
        "unrelated = 1",
    ]
    with opened(page, server, request.node.name, sources) as notebook:
        notebook.run("cell-0")
        yield notebook
        assert notebook.complaints == []


def proposed(notebook, number=1):
    """Let the kernel propose once more and wait until the page shows it."""
    notebook.run("cell-1")
    notebook.step(number, "waiting").wait_for()
    return notebook.step(number)


def ids(notebook):
    return [cell["id"] for cell in notebook.cells()]


def test_a_proposal_arrives_below_the_last_step_without_running_and_says_what_it_tests(notebook):
    strip = proposed(notebook)
    assert ids(notebook)[:2] == ["cell-0", "amber-fox-1"]
    cell = notebook.cells()[1]
    assert (cell["cell_type"], cell["execution_count"], cell["outputs"]) == ("code", None, [])
    assert set(cell["metadata"]["maia"]) == {
        "session",
        "step",
        "revision",
        "sha",
        "state",
        "agent",
    }
    for words in ("Waiting for you", "Compares colours", "red circle above blue", "opens a file"):
        assert words in strip.inner_text()
    assert strip.get_attribute("aria-label") == "Step 1: Waiting for you"
    assert (
        "Step 1 is proposed" in notebook.page.locator("[aria-live=polite].maia-Aloud").inner_text()
    )


def test_a_proposal_is_scrolled_to_until_its_buttons_are_in_view(notebook):
    code = "\\n".join(f"x{i} = {i}" for i in range(20))
    notebook.write("cell-1", f"print(end='line\\n' * 30)\nkernel.propose('{code}', after='cell-1')")
    proposed(notebook)
    notebook.page.wait_for_function(
        """() => {
            const button = document.querySelector('.maia-Footer .maia-mod-primary');
            const { outerNode } = window.jupyterapp.shell.currentWidget.content;
            return button && button.getBoundingClientRect().bottom
                <= outerNode.getBoundingClientRect().bottom; }"""
    )


def test_who_types_elsewhere_goes_on_typing_when_a_proposal_arrives(notebook):
    page = notebook.page
    later = "import threading; threading.Timer(1, kernel.propose).start()"
    notebook.write("cell-1", later)
    notebook.run("cell-1")
    notebook.editor("cell-3").click()
    page.keyboard.press("End")
    page.keyboard.type(" # before")
    notebook.step(1, "waiting").wait_for()
    page.keyboard.type(" and after")
    assert notebook.source("cell-3") == "unrelated = 1 # before and after"


def test_approving_sends_the_text_as_it_stands_and_then_runs_it_once(notebook):
    strip = proposed(notebook)
    strip.get_by_label("Note to the agent, sent with the approval").fill("looks good")
    strip.get_by_role("button", name="Approve & run").dblclick()
    notebook.step(1, "done").wait_for()
    assert "42" in notebook.output("amber-fox-1")
    notebook.run("cell-2")
    assert notebook.output("cell-2").count("('approve', 'looks good')") == 1


def test_an_approved_step_that_the_kernel_dropped_behind_a_failing_cell_can_be_run(notebook):
    strip = proposed(notebook)
    said = "kernel.say_step, (1, 'approved'), {'run': True}"
    notebook.write(
        "cell-3", f"import threading, time\nthreading.Timer(1, {said}).start()\ntime.sleep(3)\n1/0"
    )
    notebook.run("cell-3", done=False)
    notebook.step(1, "approved").wait_for()
    assert strip.get_by_role("button").count() == 0
    strip.get_by_role("button", name="Run").click()
    notebook.step(1, "done").wait_for()
    assert "42" in notebook.output("amber-fox-1") and strip.get_by_role("button").count() == 0


def test_an_edited_proposal_shows_its_changes_and_runs_by_shift_enter(notebook):
    strip = proposed(notebook)
    notebook.editor("amber-fox-1").click()
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.type("\nprint('mine')")
    strip.get_by_role("button", name="Show changes").click()
    assert strip.locator("[data-maia-diff=added]").all_inner_texts() == ["+ print('mine')\n"]
    notebook.editor("amber-fox-1").click()
    notebook.page.keyboard.press("Shift+Enter")
    notebook.step(1, "done").wait_for()
    assert "mine" in notebook.output("amber-fox-1")


def test_restore_puts_the_agents_text_back(notebook):
    strip = proposed(notebook)
    offered = notebook.source("amber-fox-1")
    notebook.editor("amber-fox-1").click()
    notebook.page.keyboard.type("nonsense")
    strip.get_by_role("button", name="Restore").click()
    assert notebook.source("amber-fox-1") == offered


def test_a_rejected_proposal_stays_as_a_raw_cell_with_its_reason(notebook):
    strip = proposed(notebook)
    strip.get_by_role("button", name="Reject…").click()
    notebook.page.keyboard.type("too few images")
    notebook.page.keyboard.press("Enter")
    notebook.step(1, "rejected").wait_for()
    assert notebook.cells()[1]["cell_type"] == "raw"
    notebook.step(1).get_by_text("too few images").wait_for()
    notebook.wait_for_focus("amber-fox-1")


def test_escape_leaves_a_rejection_undone(notebook):
    strip = proposed(notebook)
    strip.get_by_role("button", name="Reject…").click()
    notebook.page.keyboard.type("hmm")
    notebook.page.keyboard.press("Escape")
    strip.get_by_role("button", name="Approve & run").wait_for()
    assert notebook.cells()[1]["cell_type"] == "code"


def test_what_the_kernel_refuses_does_not_run_and_says_why(notebook):
    proposed(notebook)
    refuse = "kernel.refuse = 'the session is paused: run %maia resume'"
    notebook.write("cell-3", refuse)
    notebook.run("cell-3")
    notebook.step(1).get_by_role("button", name="Approve & run").click()
    notebook.step(1).get_by_role("alert").get_by_text("run %maia resume").wait_for()
    assert notebook.cells()[1]["execution_count"] is None


def test_what_is_decided_elsewhere_leaves_neither_a_refusal_nor_a_question_behind(notebook):
    strip = proposed(notebook)
    notebook.write("cell-3", "kernel.refuse = 'not now'")
    notebook.run("cell-3")
    strip.get_by_role("button", name="Approve & run").click()
    strip.get_by_role("alert").get_by_text("not now").wait_for()
    strip.get_by_role("button", name="Reject…").click()
    notebook.write("cell-3", "kernel.say_step(1, 'done', '0.1 s')")
    notebook.run("cell-3")
    notebook.step(1, "done").wait_for()
    strip.get_by_text("0.1 s").wait_for()
    assert strip.get_by_role("alert").count() == strip.locator("input").count() == 0


def test_a_conclusion_is_accepted_once_however_often_the_button_is_pressed(notebook):
    proposed(notebook)
    notebook.write("cell-3", "kernel.say_step(1, 'scored')")
    notebook.run("cell-3")
    # Both before any answer: a kernel would refuse what comes after its own.
    accept = notebook.step(1).get_by_role("button", name="Accept")
    accept.evaluate("button => { button.click(); button.click(); }")
    notebook.run("cell-2")
    assert notebook.output("cell-2").count("'accept'") == 1


def test_a_conclusion_that_was_accepted_while_the_page_was_away_is_there_afterwards(notebook):
    proposed(notebook)
    notebook.write("cell-3", "kernel.say_step(1, 'scored')")
    notebook.run("cell-3")
    notebook.step(1, "scored").wait_for()
    away = (
        "send, kernel.comm.send = kernel.comm.send, lambda said: None\n"
        "kernel.open = {}; kernel.say_step(1, 'accepted'); kernel.comm.send = send\n"
        "kernel.conclusions = [{'type': 'markdown', 'owner': kernel.owner, 'session': 'amber-fox',"
        " 'cell_id': 'words', 'after_cell_id': 'amber-fox-1', 'source': 'It is red.'}]"
    )
    notebook.write("cell-3", away)
    notebook.run("cell-3")
    notebook.save()
    notebook.reload()
    notebook.step(1, "accepted").wait_for()
    assert ids(notebook)[1:3] == ["amber-fox-1", "words"]
    # Who deletes it has seen it.
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.model.sharedModel.deleteCell(2)"
    )
    notebook.save()
    notebook.reload()
    notebook.step(1).get_by_text("Accepted").wait_for()
    assert "words" not in ids(notebook)


def test_one_undo_takes_back_one_proposal_and_a_redone_one_can_be_approved(notebook):
    proposed(notebook)
    notebook.step(1).get_by_role("button", name="Approve & run").click()
    notebook.step(1, "done").wait_for()
    proposed(notebook, 2)
    page = notebook.page
    notebook.command("notebook:enter-command-mode")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.model.sharedModel.undo()")
    assert "amber-fox-2" not in ids(notebook)
    assert "amber-fox-1" in ids(notebook)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.model.sharedModel.redo()")
    notebook.step(2, "waiting").wait_for()
    assert notebook.step(2).count() == 1
    notebook.step(2).get_by_role("button", name="Approve & run").click()
    notebook.step(2, "done").wait_for()


def test_a_deleted_proposal_comes_back_when_it_is_asked_for(notebook):
    proposed(notebook)
    page = notebook.page
    page.evaluate("() => window.jupyterapp.shell.currentWidget.model.sharedModel.deleteCell(1)")
    notebook.step(1).wait_for(state="detached")
    page.get_by_role("button", name="amber-fox: waiting for you").click()
    notebook.step(1, "waiting").wait_for()
    notebook.wait_for_focus("amber-fox-1")


def test_a_pasted_copy_is_a_cell_like_any_other(notebook):
    proposed(notebook)
    page = notebook.page
    page.evaluate(
        """() => { const shared = window.jupyterapp.shell.currentWidget.model.sharedModel;
            const { id, ...copy } = shared.cells[1].toJSON(); shared.insertCell(3, copy); }"""
    )
    page.wait_for_timeout(300)
    assert notebook.step(1).count() == 1
    assert page.locator(".jp-Cell[data-maia-state]").count() == 1


def test_a_reload_finds_the_kernel_again_and_every_step_in_its_place(notebook):
    proposed(notebook)
    notebook.step(1).get_by_role("button", name="Approve & run").click()
    notebook.step(1, "done").wait_for()
    proposed(notebook, 2)
    notebook.save()
    notebook.reload()
    notebook.step(1, "done").wait_for()
    notebook.step(2, "waiting").get_by_role("button", name="Approve & run").click()
    notebook.step(2, "done").wait_for()
    assert ids(notebook)[:3] == ["cell-0", "amber-fox-1", "amber-fox-2"]


def test_a_proposal_that_was_never_saved_comes_back_after_a_reload(notebook):
    notebook.save()
    proposed(notebook)
    notebook.reload()
    notebook.step(1, "waiting").wait_for()
    assert ids(notebook).count("amber-fox-1") == 1


def test_without_its_kernel_a_saved_proposal_says_what_to_do_and_does_not_run(notebook):
    proposed(notebook)
    notebook.command("kernelmenu:restart")
    notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
    notebook.step(1).get_by_text("from a saved session").wait_for()
    notebook.wait_for_kernel()
    notebook.editor("amber-fox-1").click()
    notebook.page.keyboard.press("Shift+Enter")
    notebook.step(1).get_by_role("alert").wait_for()
    assert notebook.cells()[1]["execution_count"] is None


def test_a_kernel_of_another_version_is_named_in_a_notification(lab):
    server, page = lab
    other = "import page_kernel; page_kernel.PageKernel.version = '9.9'"
    with opened(page, server, "other_version", [other, LOAD]) as notebook:
        notebook.run("cell-0")
        notebook.run("cell-1")
        notebook.page.get_by_text("The kernel has maia_lab 9.9").wait_for()


def test_the_whole_review_works_with_the_keyboard_alone(notebook):
    proposed(notebook)
    page = notebook.page
    page.keyboard.press("Alt+Shift+P")
    notebook.wait_for_focus("amber-fox-1")
    page.keyboard.press("Alt+Shift+R")
    page.keyboard.type("no")
    page.keyboard.press("Escape")
    notebook.step(1).get_by_role("button", name="Approve & run").wait_for()
    notebook.wait_for_focus("amber-fox-1")
    page.keyboard.press("Shift+Enter")
    notebook.step(1, "done").wait_for()
    notebook.wait_for_focus("amber-fox-1")


def test_what_the_agent_is_writing_is_shown_by_its_end_and_not_read_aloud(notebook):
    page = notebook.page
    notebook.command("maia:panel")
    notebook.write(
        "cell-3",
        """
kernel.phase, kernel.lines = "thinking", []
kernel.lines = [{"step": 1, "cell_id": "x", "state": "done", "why": "", "by": ""}]
kernel.comm.send(kernel.session())
text = "\\n".join(f"<i>line {n}" for n in range(20))
kernel.comm.send({"type": "stream", "session": "amber-fox", "text": text})
""",
    )
    notebook.run("cell-3")
    stream = page.locator(".maia-Panel .maia-Stream")
    stream.get_by_text("<i>line 19").wait_for()
    assert stream.inner_text().split("\n") == [f"<i>line {n}" for n in range(12, 20)]
    assert stream.get_attribute("aria-live") == "off"
    assert "line" not in page.locator(".maia-Aloud").inner_text()


def test_the_side_panel_approves_sets_the_policy_and_asks_for_a_conclusion(notebook):
    proposed(notebook)
    notebook.command("maia:panel")
    panel = notebook.page.locator(".maia-Panel")
    panel.get_by_label("Who decides").select_option("safe")
    panel.get_by_role("button", name="Conclude now").click()
    panel.get_by_role("button", name="Approve & run").click()
    notebook.step(1, "done").wait_for()
    notebook.run("cell-2")
    heard = notebook.output("cell-2")
    assert "('policy', None)" in heard and "('note', None)" in heard and "('approve', '')" in heard


def test_a_paused_session_offers_to_go_on_or_to_end_and_nothing_to_approve(notebook):
    proposed(notebook)
    notebook.command("maia:panel")
    notebook.write("cell-2", "kernel.say_session('paused')")
    notebook.run("cell-2")
    panel, strip = notebook.page.locator(".maia-Panel"), notebook.step(1)
    panel.get_by_role("button", name="Resume").wait_for()
    for place in (panel, strip):
        assert place.get_by_role("button", name="Approve").count() == 0
    notebook.editor("amber-fox-1").click()
    notebook.page.keyboard.press("Shift+Enter")
    strip.get_by_text("The session is paused").wait_for()
    panel.get_by_role("button", name="Stop").click()
    notebook.write("cell-2", "print([said['type'] for said in kernel.heard])")
    notebook.run("cell-2")
    heard = notebook.output("cell-2")
    assert "'stop'" in heard and "'approve'" not in heard


def test_what_is_typed_for_one_session_is_not_said_to_another(notebook):
    proposed(notebook)
    notebook.command("maia:panel")
    panel = notebook.page.locator(".maia-Panel")
    panel.get_by_label("Say something to the agent").fill("look at the red ones")
    another = (
        "kernel.comm.send({**kernel.session(), 'active': False})\n"
        "kernel.comm.send({**kernel.session(), 'session': 'blue-owl'})"
    )
    notebook.write("cell-3", another)
    notebook.run("cell-3")
    panel.get_by_text("blue-owl").wait_for()
    assert panel.get_by_label("Say something to the agent").input_value() == ""


def test_every_command_is_in_the_palette(notebook):
    page = notebook.page
    commands = page.evaluate(
        "() => window.jupyterapp.commands.listCommands().filter(c => c.startsWith('maia:'))"
    )
    assert len(commands) >= 7
    notebook.command("apputils:activate-command-palette")
    page.locator(".lm-CommandPalette-input").fill("maia")
    for command in commands:
        # What cannot be done now is there, and hidden.
        item = page.locator(f".lm-CommandPalette-item[data-command='{command}']")
        item.wait_for(state="attached")
    page.keyboard.press("Escape")


def test_a_link_to_a_step_leads_to_its_cell(notebook):
    proposed(notebook)
    words = {
        "type": "markdown",
        "session": "amber-fox",
        "cell_id": "words",
        "after_cell_id": "cell-3",
        "source": "[the step](#cell-id=amber-fox-1)",
    }
    notebook.write("cell-3", f"kernel.comm.send({{**{words}, 'owner': kernel.owner}})")
    notebook.run("cell-3")
    notebook.page.get_by_role("link", name="the step").click()
    notebook.wait_for_focus("amber-fox-1")


def test_no_shortcut_of_ours_is_a_list_of_selectors(notebook):
    selectors = notebook.page.evaluate(
        """() => window.jupyterapp.commands.keyBindings
            .filter(binding => binding.command.startsWith('maia:'))
            .map(binding => binding.selector)"""
    )
    assert len(selectors) >= 5
    assert not [selector for selector in selectors if "," in selector]
