"""The panel shows a session and decides it; nothing that is said in it becomes markup."""

import kernels
import pytest

UNIT = "synthetic/one/1001"
PANEL = """
from maia_lab.notebook.panel import Panel
notebook = get_ipython()._maia_lab[0]
panel = Panel(notebook, notebook.lives.need())
"""


@pytest.fixture(scope="module")
def page(own_folders):
    with kernels.opened(labextension=True) as front:
        yield front


def test_a_click_approves_a_cell_that_the_page_then_runs(page):
    page.run(f"%maia describe {UNIT} --name clicked", "magic")
    proposal = page.proposal()
    reply, outputs = page.run(PANEL + "display(panel.box)")
    assert reply["status"] == "ok", outputs
    assert "application/vnd.jupyter.widget-view+json" in outputs[-1][1]["data"]
    page.run("panel._words.value = '<script>x</script>'; panel._on_hypothesis('add')")
    page.run("panel._do(lambda: None)")
    shown = kernels.text(page.run("print(panel._hypotheses.value, panel._head.value)")[1])
    assert "&lt;script&gt;" in shown and "<script" not in shown and UNIT in shown
    page.run("panel._approve.click()")
    assert page.step(1, "approved")["run"]
    assert page.run(proposal["source"], proposal["cell_id"])[0]["status"] == "ok"
    second = page.proposal()
    page.run("panel._reject.click()")
    assert "needs a reason" in kernels.text(page.run("print(panel._said.value)")[1])
    page.run("panel._words.value = 'too vague'; panel._reject.click()")
    assert page.step(2, "rejected")["words"] == "too vague"
    assert page.proposal()["step"] == second["step"] + 1
    assert "rejected" in kernels.text(page.run("print(panel._steps.value)")[1])
    page.run("panel._drawer.selected_index = 0")
    assert "No hypothesis was tested" in kernels.text(page.run("print(panel._plots.value)")[1])


def test_a_paused_session_offers_to_be_resumed_and_nothing_to_approve(page):
    page.run(f"%maia describe {UNIT} --name paused --new", "other")
    page.proposal()
    page.run(PANEL + "panel._pause.click()")
    seen = "print(panel._approve.disabled, panel._pause.description, panel._stop.disabled)"
    assert kernels.text(page.run(seen)[1]).split() == ["True", "Resume", "False"]
    page.run("panel._pause.click()")
    assert page.proposal()["revision"] == 2
    assert kernels.text(page.run(seen)[1]).split() == ["False", "Pause", "False"]


def test_the_magic_shows_it(page):
    reply, outputs = page.run("%maia panel")
    assert reply["status"] == "ok", outputs
    assert any(kind == "display_data" for kind, _ in outputs)


def test_what_speaks_against_a_conclusion_is_shown():
    from maia_lab.events import Offered
    from maia_lab.notebook.panel import _against
    from maia_lab.proposal import Conclusion
    from maia_lab.review import Flag

    flags = (Flag("method", "H1 is contradicted <b>"),)
    said = _against(Offered(1, 1, Conclusion("…", ("red",)), "agent", flags))
    assert "H1 is contradicted &lt;b&gt;" in said
    assert _against(None) == ""


def test_a_policy_that_is_set_elsewhere_is_shown_and_can_be_taken_back(page):
    page.run(f"%maia describe {UNIT} --name policies --new", "policies")
    page.proposal()
    page.run(PANEL)
    page.run("%maia policy safe\n%maia panel")
    shown = "print(panel._policy.value, notebook.lives.need().policy)"
    assert kernels.text(page.run(shown)[1]) == "safe safe\n"
    page.run("panel._policy.value = 'ask'")
    assert kernels.text(page.run(shown)[1]) == "ask ask\n"


def test_shown_again_it_is_the_same_panel_and_nobody_more_listens(page):
    page.run("%maia panel")
    count = "print(len(notebook.page._watchers))"
    before = kernels.text(page.run(count)[1])
    page.run("%maia panel")
    assert kernels.text(page.run(count)[1]) == before
