"""Random clicks, runs, edits, copies and pauses through a real kernel: nothing runs unapproved."""

import random

import kernels
import pytest

UNIT = "synthetic/one/1001"
SEQUENCES, EVENTS = 40, 12
BUGS = {
    "the text is not compared": """
import maia_lab.notebook.gate as gate, maia_lab.notebook.live as live
gate.sha256 = live.sha256 = lambda text: "any"
""",
    "the cell is not compared": """
import maia_lab.notebook.gate as gate
kept = gate.Gate._open
def loose(self, live, phase, cell):
    own = live.approval.cell_id if live.approval else cell.id
    return kept(self, live, phase, cell._replace(id=own))
gate.Gate._open = loose
""",
}


@pytest.fixture
def page(own_folders):
    manager = kernels.start()
    front = kernels.FrontEnd(manager, labextension=True)
    front.run("%load_ext maia_lab\nran = []", "load")
    yield front
    front.close()
    manager.shutdown_kernel(now=True)


class Clicks:
    """One session under random events, and what may have run by what was approved."""

    def __init__(self, page, number, chance):
        self.page, self.chance = page, chance
        page.told.clear()
        page.run(f"%maia describe {UNIT} --new", f"magic-{number}")
        self.magic, self.offered = f"magic-{number}", [page.proposal()]
        self.name = self.offered[0]["session"]
        self.approved, self.done, self.wrong = None, {}, []

    @property
    def open(self):
        return self.offered[-1]

    def look(self):
        while True:
            try:
                new = self.page.until(
                    lambda m: m["type"] == "proposal" and m["session"] == self.name, 0.02
                )
            except TimeoutError:
                return
            self.offered.append(new)
            self.approved = None

    def text(self, proposal):
        head = proposal["source"].partition("\n")[0]
        return f"{head}\nran.append({self.chance.randrange(3)})"

    def approve(self):
        proposal = self.chance.choice(self.offered)
        text = self.text(proposal)
        cell = self.chance.choice([proposal["cell_id"]] * 3 + ["copy"])
        if self.page.approve(proposal, text, cell_id=cell)["ok"]:
            if self.approved or proposal is not self.open or cell == "copy":
                self.wrong.append(("approved", proposal["step"], cell))
            self.approved = (cell, text)

    def run(self):
        proposal = self.chance.choice(self.offered)
        text, cell = self.text(proposal), self.chance.choice([proposal["cell_id"], "copy"])
        if self.approved and self.chance.random() < 0.5:
            cell, text = self.approved
        reply, _ = self.page.run(text, cell)
        step = proposal["step"] if (cell, text) != self.approved else self.open["step"]
        if reply["status"] == "ok":
            if (cell, text) == self.approved:
                self.done[step], self.approved = text, None
            elif step not in self.done:
                self.wrong.append(("ran", step, cell, text))

    def reject(self):
        proposal = self.open
        message = {"type": "reject", "cell_id": proposal["cell_id"], "note": "no"}
        if self.page.ask({**message, "ticket": self.page.ticket(proposal)})["ok"]:
            self.approved = None

    def pause(self):
        self.page.ask({"type": "pause", "session": self.name})

    def resume(self):
        self.page.ask({"type": "resume", "session": self.name})

    def wander(self):
        for _ in range(EVENTS):
            events = [self.approve] * 3 + [self.run] * 4 + [self.reject, self.pause, self.resume]
            self.chance.choice(events)()
            self.look()
        return self.wrong


def unapproved(page, seed, sequences):
    """What ran or was approved and should not have, over many sessions."""
    chance = random.Random(seed)
    for number in range(sequences):
        yield from Clicks(page, number, chance).wander()


def test_nothing_runs_that_was_not_approved_as_it_stood_in_its_cell(page):
    assert list(unapproved(page, 1, SEQUENCES)) == []


@pytest.mark.parametrize("bug", BUGS)
def test_such_a_walk_finds_a_bug_in_the_gate(page, bug):
    page.run(BUGS[bug])
    assert next(unapproved(page, 1, SEQUENCES), None) is not None
