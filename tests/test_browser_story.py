"""A session as a researcher lives it: real JupyterLab, real browser, real kernel, offline agent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from browser import chromium, opened, serving, skip_without_browser

pytestmark = pytest.mark.browser

DESCRIBE = "%maia describe scenes/layer4/31"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    skip_without_browser()
    with serving(tmp_path_factory.mktemp("story")) as server, chromium(server) as page:
        yield server, page


@pytest.fixture
def notebook(lab, request):
    server, page = lab
    sources = ["%load_ext maia_lab", DESCRIBE, "print('unrelated')"]
    with opened(page, server, request.node.name, sources) as notebook:
        notebook.run("cell-0")
        notebook.run("cell-1")
        notebook.step(1, "waiting").wait_for()
        yield notebook
        assert notebook.complaints == []


def session_of(notebook):
    return notebook.step(1).get_attribute("data-maia-session")


def journal_of(notebook):
    """Everything that was written down of the notebook's session."""
    home = Path(os.environ["MAIA_HOME"])
    files = [p for p in home.rglob("*") if p.is_file() and session_of(notebook) in str(p)]
    return "".join(p.read_text(errors="replace") for p in files if p.suffix == ".jsonl")


def approve(notebook, step):
    notebook.step(step, "waiting").get_by_role("button", name="Approve").click()


def cell_of(notebook, step):
    return next(
        cell for cell in notebook.cells() if cell["metadata"].get("maia", {}).get("step") == step
    )


def test_a_session_is_reviewed_cell_by_cell_from_the_first_proposal_to_the_conclusion(notebook):
    page = notebook.page
    first = cell_of(notebook, 1)
    assert first["source"].startswith(f"# maia: {session_of(notebook)}/1 · ")
    assert first["execution_count"] is None

    approve(notebook, 1)
    notebook.step(1, "done").wait_for()
    assert any("image" in str(o.get("data", {}).keys()) for o in cell_of(notebook, 1)["outputs"])

    notebook.step(2, "waiting").wait_for()
    notebook.editor(cell_of(notebook, 2)["id"]).click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nprint('the human', 40 + 2)")
    notebook.step(2).get_by_text("edited by you").wait_for()
    page.keyboard.press("Shift+Enter")
    notebook.step(2, "done").wait_for()
    assert "the human 42" in notebook.output(cell_of(notebook, 2)["id"])
    assert "print('the human', 40 + 2)" in journal_of(notebook)

    notebook.step(3, "waiting").get_by_role("button", name="Reject…").click()
    page.keyboard.type("look at the shapes first")
    page.keyboard.press("Enter")
    notebook.step(3, "rejected").wait_for()
    assert cell_of(notebook, 3)["cell_type"] == "raw"
    assert "look at the shapes first" in journal_of(notebook)

    notebook.step(4, "waiting").wait_for()
    page.locator(".maia-Strip").get_by_label("Say something to the agent").fill(
        "mind the background"
    )
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('.maia-Strip input').value")
    assert "mind the background" in journal_of(notebook)

    step = 4
    while notebook.step(step).get_by_role("button", name="Approve & score").count() == 0:
        approve(notebook, step)
        notebook.step(step, "done").wait_for()
        step += 1
        notebook.step(step, "waiting").wait_for()
        assert step < 25
    approve(notebook, step)
    notebook.step(step, "scored").get_by_role("button", name="Accept").click()
    notebook.step(step, "accepted").wait_for()
    page.get_by_role("heading", name="Conclusion").wait_for()
    assert notebook.cells()[-2]["cell_type"] == "markdown"
    page.get_by_role("button", name=f"{session_of(notebook)}: concluded").wait_for()


def test_run_all_runs_nothing_that_nobody_approved(notebook):
    notebook.command("notebook:run-all-cells")
    notebook.page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget.model.sharedModel.cells[2]
            .toJSON().outputs.length > 0"""
    )
    cell = cell_of(notebook, 1)
    assert "approve" in str(cell["outputs"]).lower()
    assert not [output for output in cell["outputs"] if output["output_type"] == "display_data"]
    notebook.step(1, "waiting").wait_for()
    approve(notebook, 1)
    notebook.step(1, "done").wait_for()


def test_a_double_click_runs_a_step_once(notebook):
    notebook.step(1).get_by_role("button", name="Approve & run").dblclick()
    notebook.step(2, "waiting").wait_for()
    assert cell_of(notebook, 1)["execution_count"] == 3
    notebook.run("cell-2")
    assert notebook.cells()[notebook.index("cell-2")]["execution_count"] == 4


def test_a_reload_in_the_middle_goes_on_where_it_was(notebook):
    approve(notebook, 1)
    notebook.step(2, "waiting").wait_for()
    notebook.save()
    notebook.reload()
    notebook.step(1, "done").wait_for()
    approve(notebook, 2)
    notebook.step(2, "done").wait_for()
    notebook.step(3, "waiting").wait_for()


def test_a_cell_that_ran_can_be_edited_and_run_again_without_advancing_the_session(notebook):
    approve(notebook, 1)
    notebook.step(2, "waiting").wait_for()
    cell = cell_of(notebook, 1)["id"]
    notebook.editor(cell).click()
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.type("\nprint('again')")
    notebook.run(cell)
    notebook.step(1, "edited-after").wait_for()
    notebook.step(2, "waiting").wait_for()


def test_stop_interrupts_what_runs_and_ends_the_session(notebook):
    cell = cell_of(notebook, 1)["id"]
    notebook.editor(cell).click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type("import time; time.sleep(600)")
    notebook.page.keyboard.press("Shift+Enter")
    notebook.step(1, "running").wait_for()
    notebook.command("maia:stop")
    notebook.step(1, "interrupted").wait_for()
    notebook.page.get_by_role("button", name=f"{session_of(notebook)}: stopped").wait_for()


def test_steps_run_by_themselves_as_cells_and_a_conclusion_that_is_sent_back_is_tested(notebook):
    step, waiting = 1, notebook.page.locator(".maia-Footer[data-maia-state=waiting]")
    # A conclusion is no experiment: its scoring is asked for.
    while waiting.get_by_role("button", name="Approve & score").count() == 0:
        notebook.page.locator(".maia-Strip").get_by_role("button", name="without asking").click()
        others = f".maia-Footer[data-maia-state=waiting]:not([data-maia-step='{step}'])"
        notebook.page.locator(others).wait_for()
        step = int(waiting.get_attribute("data-maia-step"))
    assert all(cell_of(notebook, number)["execution_count"] for number in range(1, step))
    approve(notebook, step)
    notebook.step(step, "scored").get_by_role("button", name="Not yet…").click()
    notebook.page.keyboard.type("test it on a plain background")
    notebook.page.keyboard.press("Enter")
    notebook.step(step + 1).wait_for()
    assert "test it on a plain background" in journal_of(notebook)
