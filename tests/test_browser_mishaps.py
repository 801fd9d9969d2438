"""What else happens to a notebook: two tabs, a restart, moved cells, ▶, the dark, Notebook 7."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from browser import TOKEN, Notebook, chromium, opened, serving, skip_without_browser

pytestmark = pytest.mark.browser

SOURCES = ["%load_ext maia_lab", "%maia describe synthetic/one/1001", "print('unrelated')"]
CONTRAST = """element => {
    const light = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ground = node => {
        const colour = getComputedStyle(node).backgroundColor;
        return /, 0\\)|transparent/.test(colour) && node.parentElement
            ? ground(node.parentElement) : colour; };
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    skip_without_browser()
    with serving(tmp_path_factory.mktemp("mishaps")) as server, chromium(server) as page:
        yield server, page


@pytest.fixture
def notebook(lab, request):
    server, page = lab
    with opened(page, server, request.node.name, SOURCES) as notebook:
        notebook.run("cell-0")
        notebook.run("cell-1")
        notebook.step(1, "waiting").wait_for()
        yield notebook
        assert notebook.complaints == []


def approve(notebook, step):
    notebook.step(step, "waiting").get_by_role("button", name="Approve").click()


def cell_of(notebook, step):
    return next(
        cell for cell in notebook.cells() if cell["metadata"].get("maia", {}).get("step") == step
    )


def began(notebook):
    """How often each step's code began to run, as the journal says."""
    name = notebook.step(1).get_attribute("data-maia-session")
    (file,) = Path(os.environ["MAIA_HOME"]).rglob(f"{name}/journal.jsonl")
    events = [json.loads(line)["event"] for line in file.read_text().splitlines()]
    return [event["step"] for event in events if event["is"] == "Began"]


def test_two_tabs_that_approve_at_once_run_a_step_once(notebook):
    notebook.save()
    other = notebook.page.context.new_page()
    try:
        url = f"{notebook.server.url}/lab/workspaces/other/tree/{notebook.name}"
        other.goto(f"{url}?reset&token={TOKEN}")
        tab = Notebook(other, notebook.server, notebook.name)
        for page in (tab, notebook):
            page.step(1, "waiting").get_by_role("button", name="Approve").wait_for()
        for page in (tab, notebook):
            page.page.evaluate(
                "() => void document.querySelector('.maia-Footer .maia-mod-primary')?.click()"
            )
        for page in (tab, notebook):
            page.step(1, "done").wait_for()
        assert began(notebook) == [1]
    finally:
        other.close()


def test_restart_and_run_all_runs_the_science_and_not_the_agent(notebook):
    # Each cell takes a while to end, so that the click comes before the page has said hello.
    slow = "get_ipython().events.register('post_run_cell', lambda *_: __import__('time').sleep(1))"
    notebook.write("cell-0", f"{SOURCES[0]}\n{slow}")
    approve(notebook, 1)
    notebook.step(2, "waiting").wait_for()
    name = notebook.step(1).get_attribute("data-maia-session")
    page = notebook.page
    notebook.command("runmenu:restart-and-run-all")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget.model.toJSON().cells.some(cell =>
            cell.metadata.maia?.step === 2 && JSON.stringify(cell.outputs).includes('approv'))"""
    )
    notebook.step(2, "waiting").get_by_role("button", name="Approve").wait_for()
    assert notebook.step(2).get_attribute("data-maia-session") == name
    assert cell_of(notebook, 1)["outputs"] and cell_of(notebook, 1)["execution_count"] == 3
    assert began(notebook) == [1]
    approve(notebook, 2)
    notebook.step(2, "done").wait_for()
    assert began(notebook) == [1, 2]


def test_running_everything_at_once_in_a_new_notebook_begins_one_session(lab):
    server, page = lab
    with opened(page, server, "all_at_once", SOURCES) as notebook:
        notebook.command("notebook:run-all-cells")
        notebook.step(1, "waiting").wait_for()
        page.wait_for_timeout(500)
        steps = [cell for cell in notebook.cells() if cell["source"].startswith("# maia: ")]
        assert len(steps) == 1
        approve(notebook, 1)
        notebook.step(2, "waiting").wait_for()
        assert notebook.complaints == []


def test_a_moved_proposal_is_approved_where_it_is_and_the_next_follows_it(notebook):
    notebook.page.evaluate(
        """id => { const { content, model } = window.jupyterapp.shell.currentWidget;
            const from = model.sharedModel.cells.findIndex(cell => cell.getId() === id);
            content.activeCellIndex = from; content.moveCell(from, 0); }""",
        cell_of(notebook, 1)["id"],
    )
    assert notebook.cells()[0]["metadata"]["maia"]["step"] == 1
    approve(notebook, 1)
    notebook.step(2, "waiting").wait_for()
    assert [c["metadata"].get("maia", {}).get("step") for c in notebook.cells()[:2]] == [1, 2]


def test_a_proposal_that_waited_out_a_pause_is_not_called_edited(notebook):
    for line in ("%maia pause", "%maia resume"):
        notebook.write("cell-2", line)
        notebook.run("cell-2")
    strip = notebook.step(1, "waiting")
    strip.get_by_role("button", name="Approve & run").wait_for()
    assert "1.2 · " in cell_of(notebook, 1)["source"].splitlines()[0]
    assert "edited by you" not in strip.inner_text()
    approve(notebook, 1)
    notebook.step(1, "done").wait_for()


def test_the_toolbars_run_button_is_no_approval(notebook):
    cell = cell_of(notebook, 1)["id"]
    notebook.editor(cell).click()
    notebook.page.locator(
        "[data-jp-item-name=run] button, [data-jp-item-name=run] jp-button"
    ).first.click()
    notebook.cell(cell).locator(".jp-OutputArea-output", has_text="waits for approval").wait_for()
    assert began(notebook) == []
    approve(notebook, 1)
    notebook.step(2, "waiting").wait_for()
    page = notebook.page
    page.evaluate("() => window.jupyterapp.shell.currentWidget.model.sharedModel.undo()")
    notebook.step(2).wait_for(state="detached")
    assert notebook.step(1, "done").count() == 1
    page.evaluate("() => window.jupyterapp.shell.currentWidget.model.sharedModel.redo()")
    approve(notebook, 2)
    notebook.step(2, "done").wait_for()


def test_the_strip_can_be_read_in_the_dark_and_by_a_screen_reader(notebook):
    try:
        for name in ("Dark", "Light"):
            notebook.theme(name)
            for part in (".maia-State", ".maia-Why", ".maia-Button"):
                shown = notebook.step(1).locator(part).first.element_handle()
                # A theme's colours come in one after the other.
                notebook.page.wait_for_function(f"shown => ({CONTRAST})(shown) >= 4.5", arg=shown)
        heard = notebook.step(1).aria_snapshot()
        assert 'button "Approve & run"' in heard and 'button "Reject…"' in heard
        assert 'textbox "Note to the agent' in heard and "Waiting for you" in heard
    finally:
        notebook.theme("Light")


def test_notebook_7_reviews_in_the_same_way(lab):
    pytest.importorskip("notebook", reason="Notebook 7 is not installed")
    from browser import write_notebook

    server, page = lab
    write_notebook(server.work / "seven.ipynb", SOURCES)
    seven = page.context.new_page()
    try:
        seven.goto(f"{server.url}/notebooks/seven.ipynb?token={TOKEN}")
        Notebook(seven, server, "seven.ipynb").wait_for_kernel()
        seven.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
        seven.keyboard.press("Shift+Enter")
        seven.keyboard.press("Shift+Enter")
        strip = seven.locator(".maia-Footer[data-maia-step='1']")
        strip.get_by_role("button", name="Approve & run").click()
        seven.locator(".maia-Footer[data-maia-step='1'][data-maia-state=done]").wait_for()
        seven.locator(".maia-Footer[data-maia-step='2'][data-maia-state=waiting]").wait_for()
    finally:
        seven.close()
