"""Random clicks, runs, edits, copies and pauses through a real kernel: does anything slip through?

A walk keeps its own account of what was approved, by the answers to its clicks alone, and compares
with it what the kernel let run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from maia_lab.bench.frontend import FrontEnd, Message

UNIT = "synthetic/one/1001"
EVENTS = 12
"""Of one walk."""
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
"""What, run in the kernel, seeds a bug that a walk must find: the test of the test."""


class Walk:
    """One session under random events.

    Attributes:
        wrong: what was approved or ran and should not have.
    """

    def __init__(self, page: FrontEnd, number: int, chance: random.Random) -> None:
        """Begin a session of its own."""
        self.wrong: list[tuple[str, int, str]] = []
        self._page, self._chance = page, chance
        page.told.clear()
        page.about = ""
        magic = f"magic-{number}"
        page.run(f"%maia describe {UNIT} --new", magic)
        first = page.until(lambda m: m["type"] == "proposal" and m["after_cell_id"] == magic)
        page.about = str(first["session"])
        self._offered: list[Message] = [first]
        self._approved: tuple[str, str] | None = None
        self._done: set[int] = set()

    def wander(self) -> list[tuple[str, int, str]]:
        """Let things happen at random; returns :attr:`wrong`."""
        events = [self._approve] * 3 + [self._run] * 4 + [self._reject, self._pause, self._resume]
        for _ in range(EVENTS):
            self._chance.choice(events)()
            self._look()
        return self.wrong

    def _look(self) -> None:
        while True:
            try:
                self._offered.append(self._page.proposal(0.02))
            except TimeoutError:
                return
            self._approved = None

    def _text(self, proposal: Message) -> str:
        head = str(proposal["source"]).partition("\n")[0]
        return f"{head}\nx = {self._chance.randrange(3)}"

    def _approve(self) -> None:
        proposal = self._chance.choice(self._offered)
        text = self._text(proposal)
        cell = self._chance.choice([proposal["cell_id"]] * 3 + ["copy"])
        if self._page.approve(proposal, text, cell_id=cell)["ok"]:
            if self._approved or proposal is not self._offered[-1] or cell == "copy":
                self.wrong.append(("approved", proposal["step"], cell))
            self._approved = (cell, text)

    def _run(self) -> None:
        proposal = self._chance.choice(self._offered)
        text, cell = self._text(proposal), self._chance.choice([proposal["cell_id"], "copy"])
        if self._approved and self._chance.random() < 0.5:
            cell, text = self._approved
        as_approved = (cell, text) == self._approved
        step = self._offered[-1]["step"] if as_approved else proposal["step"]
        reply, _ = self._page.run(text, cell)
        if reply["status"] != "ok":
            return
        if as_approved:
            self._done.add(step)
            self._approved = None
        elif step not in self._done:
            self.wrong.append(("ran", step, cell))

    def _reject(self) -> None:
        proposal = self._offered[-1]
        message = {"type": "reject", "cell_id": proposal["cell_id"], "note": "no"}
        if self._page.ask({**message, "ticket": self._page.ticket(proposal)})["ok"]:
            self._approved = None

    def _pause(self) -> None:
        self._page.ask({"type": "pause", "session": self._page.about})

    def _resume(self) -> None:
        self._page.ask({"type": "resume", "session": self._page.about})


def unapproved(page: FrontEnd, seed: int, walks: int) -> Iterator[tuple[str, int, str]]:
    """What ran or was approved and should not have, over many sessions."""
    chance = random.Random(seed)
    for number in range(walks):
        yield from Walk(page, number, chance).wander()
