"""All sessions of one notebook, and what happens next in each."""

from __future__ import annotations

import secrets
import sys

from IPython.core.interactiveshell import InteractiveShell

from maia_lab.errors import SessionError
from maia_lab.executor import LocalExecutor
from maia_lab.images import decode
from maia_lab.notebook import display, wire
from maia_lab.notebook.display import say
from maia_lab.notebook.gate import Gate
from maia_lab.notebook.hooks import Hooks, parent
from maia_lab.notebook.live import HUMAN, Live, Lives
from maia_lab.notebook.overheard import Printed
from maia_lab.notebook.page import Page
from maia_lab.observation import Observation, Picture
from maia_lab.session import sha256
from maia_lab.state import Phase


class Notebook:
    """What drives the sessions of one kernel: its cells, its page, and its agents' threads.

    Attributes:
        shell: whose cells they are.
        lives: the sessions.
        page: the other end, where there is one.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        """Prepare; :meth:`install` begins."""
        self.shell, self.lives = shell, Lives()
        self.page = Page(secrets.token_hex(8), self.lives, self.receive)
        self._hooks = Hooks(shell, Gate(shell, self.lives, self.page, self._done))
        self._begun: dict[str, str] = {}

    def install(self) -> None:
        """Look at cells from now on, and call the page."""
        self._hooks.install()
        self.page.link.open()

    def remove(self) -> None:
        """Leave the shell as it was; sessions are paused."""
        self._hooks.remove()
        for live in self.lives.by_name.values():
            if not live.session.journal.readonly:
                live.pause("the extension was unloaded")
                live.session.journal.close()
        self.page.link.close()

    # Which session.

    def take(self, live: Live, magic: str | None) -> None:
        """Make a session the active one, begun or taken up by this magic's cell."""
        self.activate(live)
        live.below = magic or live.below
        if magic:
            live.magic = magic
            self._begun[magic] = live.name
        live.bind(self.shell.user_ns)

    def activate(self, live: Live) -> None:
        """Let this session go on, and no other."""
        before = self.lives.active
        if live is not self.lives.by_name.get(live.name):
            self.page.overhear(live)
        self.lives.by_name[live.name] = live
        self.lives.active = live
        if before is not None and before is not live:
            if not before.session.state.ended and before.phase is not Phase.PAUSED:
                before.pause(f"{live.name} went on instead")
                say(f"{before.name} is paused; go back to it with %maia resume {before.name}.")
            self.page.tell(before)

    def begun_by(self, magic: str | None) -> str | None:
        """The session that this cell began, as the kernel or the notebook remembers it."""
        if magic is None:
            return None
        known = self._begun.get(magic) or self.page.link.sessions.get(magic)
        if known is None and not self.page.link.owner:
            # JupyterLab sends the cell's own metadata along; the page itself says so only later.
            sent = parent(self.shell).get("metadata", {}).get("maia")
            known = sent.get("session") if isinstance(sent, dict) else None
        return known if isinstance(known, str) else None

    @property
    def cell(self) -> str | None:
        """The id of the cell that runs now."""
        sent = parent(self.shell).get("metadata", {}).get("cellId")
        return sent if isinstance(sent, str) else None

    # What happens next.

    def go_on(self, live: Live) -> None:
        """Do whatever comes next: think, offer, or say how it ended."""
        self.page.tell(live)
        if live is not self.lives.active or live.phase is not Phase.THINKING:
            return
        if self.page.there:
            live.think_apart(self.let_run)
            return
        say("The agent is thinking …")
        silent = live.session.aloud.heard_by(Printed())
        try:
            while live.phase is Phase.THINKING:
                live.think()
                if policy := live.lets_run:
                    self.run_here(live, policy)
        finally:
            silent()
        self.show(live)

    def let_run(self, live: Live) -> None:
        """There is something to decide, or the end: what a policy lets run, the page runs."""
        offered, policy = live.waiting, live.lets_run
        if live is self.lives.active and offered is not None and policy:
            live.approve(live.source(offered), live.cell(offered.step), by=policy, run=True)
        self.page.tell(live)

    def work_here(self, live: Live) -> None:
        """Work a session to its end within this cell; what its policy holds back goes to the agent.

        Raises:
            SessionError: it was paused.
        """
        while not live.session.state.ended:
            if live.phase is Phase.THINKING:
                live.think()
            elif policy := live.lets_run:
                self.run_here(live, policy)
            elif live.waiting is not None:
                live.reject("Nobody reviews this: use system, tools and plain Python.", live.policy)
            elif live.phase is Phase.SCORED:
                self.accept(live, live.policy)
            else:
                raise SessionError(live.name, f"is {live.session.state}", "go on with %maia resume")
        self.show(live)

    def run_here(self, live: Live, by: str) -> None:
        """Approve the open proposal, run it within this cell, and show what comes out."""
        offered = live.waiting
        if offered is None:
            return
        self._describe(live)
        say(offered.proposal.code)
        live.approve(live.source(offered), None, by=by)
        live.begin(None)
        executor = LocalExecutor(
            live.study.names, live.study.tools.recorder, live.session.journal.keep
        )
        try:
            observation = executor.run(offered.proposal.code)
        finally:
            live.running = False
        self._observed(live, observation)
        for part in observation.parts:
            if isinstance(part, Picture):
                display.picture(decode(live.session.journal.image(part.sha256)), part.alt)
            else:
                sys.stdout.write(part.text)
        if observation.error:
            say(observation.error)
        if observation.outcome == "interrupted":
            live.pause("interrupted")

    def accept(self, live: Live, by: str = HUMAN) -> None:
        """Let the scored conclusion stand, and write it down."""
        live.session.accept(by)
        text = conclusion(live)
        if self.page.there:
            self.page.tell_conclusion(live, text)
        else:
            display.markdown(text)

    def _done(self, live: Live, observation: Observation) -> None:
        """A step's cell has ended."""
        self._observed(live, observation)
        if live.phase is not Phase.THINKING:
            self._say_next(live)
        self.go_on(live)

    def _observed(self, live: Live, observation: Observation) -> None:
        if live.session.state.ended:
            return
        live.session.observed(observation)
        if observation.outcome == "interrupted":
            live.auto_left = 0
        if live.phase is Phase.SCORED and live.policy == "auto":
            self.accept(live, live.policy)

    # What the page asks for.

    def receive(self, message: wire.FromPage) -> None:
        """Do what the page asks; what cannot be done is raised."""
        if message["type"] == "hello" or message["type"] == "present":
            return
        ticketed = message["type"] == "approve" or message["type"] == "reject"
        live = self.lives.need(
            message["ticket"]["session"] if ticketed else message["session"]  # type: ignore[typeddict-item]
        )
        if message["type"] == "approve":
            _check(live, message["ticket"], message["cell_id"])
            text = message["source"]
            if sha256(text) != message["ticket"]["sha256"]:
                raise SessionError("the ticket", "is of another text", "look at it and try again")
            live.approve(text, message["cell_id"], message["note"])
        elif message["type"] == "reject":
            _check(live, message["ticket"], message["cell_id"])
            live.reject(message["note"])
        elif message["type"] == "accept":
            _check_scored(live, message["step"])
            self.accept(live)
        elif message["type"] == "not_yet":
            _check_scored(live, message["step"])
            live.reject(message["note"])
        elif message["type"] == "note":
            if live.say(message["text"]):
                self.go_on(live)
                return
        elif message["type"] == "hypothesis":
            live.hypothesis(message["action"], message["text"])
        elif message["type"] == "auto":
            live.auto_left = max(0, message["n"])
            self.let_run(live)
        elif message["type"] == "policy":
            live.set_policy(message["policy"])
            self.let_run(live)
        elif message["type"] == "stop":
            live.stop("stopped by the reviewer")
        elif message["type"] == "pause":
            live.pause("paused by the reviewer")
        elif message["type"] == "resume":
            live.resume()
            self.activate(live)
        if message["type"] in ("reject", "not_yet", "resume"):
            self.go_on(live)
        else:
            self.page.tell(live)

    # Words in a cell's output.

    def show(self, live: Live) -> None:
        """Say where a session stands, and bring back the open proposal."""
        offered = live.waiting
        self.page.tell(live)
        if offered is None:
            self._say_next(live)
        elif self.page.there:
            self.page.tell_again(live)
        else:
            self._describe(live)
            self.shell.set_next_input(live.source(offered))
            say(
                f"{live.name}/{offered.step} is the next cell. Running it, as it stands or edited,"
                ' approves it; %maia reject "…" sends it back with a reason.'
            )

    def _describe(self, live: Live) -> None:
        from maia_lab.console.terminal import page, tell_proposal

        if live.waiting is not None:
            tell_proposal(page(sys.stdout), live.waiting)

    def _say_next(self, live: Live) -> None:
        if live.phase is Phase.SCORED and not self.page.there:
            say('It is scored. %maia accept lets it stand; %maia not-yet "test …" sends it back.')
        elif live.phase is Phase.PAUSED:
            say(f"{live.name} is paused: {live.session.state.why}. Go on with %maia resume.")
        elif live.phase is Phase.STOPPED:
            say(f"{live.name} has ended: {live.session.state.why}.")


def conclusion(live: Live) -> str:
    """The accepted conclusion as Markdown, its evidence linked to the steps' cells."""
    from markupsafe import Markup

    from maia_lab.report.story import Story
    from maia_lab.report.summary import words

    def cell(step: int) -> Markup:
        return Markup(f"#cell-id={live.cell(step)}")

    return str(words().conclusion(Story.read(live.session.journal), cell)).strip()


def _check(live: Live, ticket: wire.Ticket, cell_id: str) -> None:
    """See that a ticket of the page is for the proposal that waits now, in its own cell."""
    step = f"{live.name}/{ticket['step']}"
    if live.phase is Phase.PAUSED:
        raise SessionError(live.name, "is paused", f"go on with %maia resume {live.name}")
    opened = live.session.ticket
    shown = (ticket["step"], ticket["revision"], ticket["epoch"])
    if shown != (opened.step, opened.revision, opened.epoch):
        raise SessionError(step, "is not what waits now", "look at the newest proposal")
    if cell_id != live.cell(opened.step):
        raise SessionError(step, "is decided in its own cell", "this one is a copy")


def _check_scored(live: Live, step: int) -> None:
    if live.phase is not Phase.SCORED or step != live.session.state.step:
        raise SessionError(
            f"{live.name}/{step}", "is not a conclusion that waits", "look at the newest step"
        )
