"""What the page is told, and when: whatever changed since it was told last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from maia_lab.notebook import wire
from maia_lab.notebook.comm import Link
from maia_lab.notebook.live import Live, Lives
from maia_lab.notebook.overheard import Overheard
from maia_lab.notebook.told import Told
from maia_lab.version import __version__


class Page:
    """The page's picture of all sessions.

    Attributes:
        link: the line to it.
    """

    def __init__(self, epoch: str, lives: Lives, receive: Callable[[wire.FromPage], None]) -> None:
        """Tell of ``lives``; ``receive`` takes what the page says."""
        self.link = Link(epoch, receive, self.tell_all)
        self._lives = lives
        self._guard = threading.RLock()
        self._watchers: list[Callable[[Live], None]] = []
        self._offered: dict[str, tuple[int, int]] = {}
        self._states: dict[tuple[str, int], wire.Step] = {}
        self._conclusions: dict[str, wire.Markdown] = {}

    @property
    def there(self) -> bool:
        """Whether a page with the labextension is there: then only tickets approve."""
        return self.link.connected

    def watch(self, watcher: Callable[[Live], None]) -> None:
        """Have someone else told, too, whenever something has changed: a panel."""
        self._watchers.append(watcher)

    def tell(self, live: Live) -> None:
        """Tell what has changed in a session."""
        # Cells, the page's messages and the agent's thread all come by: each tells the newest, and
        # nobody approves meanwhile, or the page would hear of an approval and not that it runs it.
        with live.guard, self._guard:
            for watcher in self._watchers:
                watcher(live)
            if self.there:
                self._tell(live)

    def _tell(self, live: Live) -> None:
        told = Told(live, live is self._lives.active, self.link.owner)
        proposal, approval = told.proposal(), live.approval
        run = approval is not None and approval.run
        if proposal is not None:
            offered = (proposal["step"], proposal["revision"])
            if self._offered.get(live.name) != offered:
                self._offered[live.name] = offered
                # It is told once: with the proposal if that is new, else with the step.
                proposal["run"], run = run, False
                self.link.send(proposal)
        for number, step in told.steps().items():
            if self._states.get((live.name, number)) != step:
                self._states[live.name, number] = step
                if run and step["state"] == "approved":
                    self.link.send({**step, "run": True})
                else:
                    self.link.send(step)
        self.link.send(told.session())

    def tell_again(self, live: Live) -> None:
        """Send the open proposal once more: its cell may be gone."""
        self._offered.pop(live.name, None)
        self.tell(live)

    def tell_all(self) -> None:
        """Tell everything, to a page that has just come."""
        lives = list(self._lives.by_name.values())
        with ExitStack() as held:
            # Else what it is told of a moment ago would come after, and replace, what is so now.
            for guard in (*(live.guard for live in lives), self._guard):
                held.enter_context(guard)
            self._tell_all(lives)

    def _tell_all(self, lives: Sequence[Live]) -> None:
        state = wire.State(
            type="state",
            epoch=self.link.epoch,
            version=__version__,
            owner=self.link.owner,
            sessions=[],
            proposals=[],
            steps=[],
            conclusions=list(self._conclusions.values()),
        )
        for live in lives:
            told = Told(live, live is self._lives.active, self.link.owner)
            state["sessions"].append(told.session())
            state["steps"] += told.steps().values()
            if (proposal := told.proposal()) is not None:
                state["proposals"].append(proposal)
                self._offered[live.name] = (proposal["step"], proposal["revision"])
        self.link.send(state)

    def overhear(self, live: Live) -> None:
        """Have the page shown what a session's agent is writing."""

        def show(text: str) -> None:
            if self.there:
                self.link.send(wire.Stream(type="stream", session=live.name, text=text))

        live.session.aloud.heard_by(Overheard(show))

    def tell_conclusion(self, live: Live, text: str) -> None:
        """Have the accepted conclusion written into a Markdown cell."""
        step = live.cell(live.session.state.step)
        told = self._conclusions[live.name] = wire.Markdown(
            type="markdown",
            owner=self.link.owner,
            session=live.name,
            cell_id=f"{step}-words",
            after_cell_id=live.below or step,
            source=text,
        )
        self.link.send(told)
