"""Begin a session from a cell, or go back to the one it began."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable

from IPython.core.interactiveshell import InteractiveShell

from maia_lab import access, places
from maia_lab.config import Config
from maia_lab.errors import SessionError
from maia_lab.notebook import display
from maia_lab.notebook.display import say
from maia_lab.notebook.hooks import parent
from maia_lab.notebook.kernel import Notebook, conclusion
from maia_lab.notebook.live import Live
from maia_lab.notebook.subject import Progress, Subject
from maia_lab.session import Session
from maia_lab.sessions import find
from maia_lab.start import describe, resume
from maia_lab.state import Phase

LIMITED = ("steps", "seconds", "tokens", "money")
ANSWER = 0.5
"""Seconds a front end has to say that it has the labextension, once it is needed."""


class Opening:
    """The commands that open sessions."""

    def __init__(self, notebook: Notebook) -> None:
        """Serve one notebook."""
        self._notebook = notebook

    def describe(self, options: argparse.Namespace) -> None:
        """Begin a session; or go back to the one that this cell began."""
        self._own_page()
        name = options.session or (
            None if options.new else self._notebook.begun_by(self._notebook.cell)
        )
        live = self._notebook.lives.by_name.get(name) if name else None
        subject = Subject(self._notebook.shell.user_ns, options)
        if live is not None and subject.of(live.session):
            self._again(live)
        elif name and (known := _find(name)) is not None:
            if not subject.of(known):
                if options.session:
                    raise SessionError(
                        name, f"studies {known.opened.question.unit}", "leave out --session"
                    )
                self._begin(options, subject)
            else:
                self._reopen(known, subject)
        elif options.session:
            study = subject.study()
            self._notebook.shell.user_ns.update(study.names)
            say(
                f"{name} is not on this machine: its cells run as ordinary ones, with `system` and"
                " `tools` of the same unit. To begin a session of that name, say"
                f" --name {name}."
            )
        else:
            self._begin(options, subject)

    def _begin(self, options: argparse.Namespace, subject: Subject) -> None:
        limits = {f"max_{of}": getattr(options, of) for of in LIMITED}
        settled = Config.read(agent=options.agent, **limits)
        options.agent, remark = access.experimenter(settled)
        question = getattr(options, "question", None)
        if options.wait and options.review == "ask":
            raise SessionError(
                "--wait",
                "leaves nobody to approve: a cell that runs takes no answers",
                "add --review safe or, on a throwaway machine, --review auto",
            )
        if access.asked(options.agent, options.rater):
            said = access.prepare(settled.base_url, *asking(self._notebook.shell))
            remark = f"{remark} {said}".strip()
        box: list[Live] = []
        with Progress() as progress:
            describe(
                **subject.where,
                **subject.options,
                task=options.task,
                generator=options.generator,
                editor=options.editor,
                rater=options.rater,
                agent=options.agent,
                review=options.review,
                **limits,
                seed=options.seed,
                session=options.name,
                question=question,
                progress=progress,
                driver=lambda session, study, agent: _boxed(
                    box, Live(session, study, agent, options.review)
                ),
            )
        live = box[0]
        self._notebook.take(live, self._notebook.cell)
        if remark:
            say(remark)
        if options.review == "auto":
            say("Review is off: every experiment runs by itself, with your rights.")
        self._greet(live)
        if options.wait:
            self._notebook.work_here(live)
        else:
            self._notebook.go_on(live)

    def _greet(self, live: Live) -> None:
        opened = live.session.opened
        line = f"{live.name} studies {opened.about} with {opened.setting.data}"
        line += f"; images by {opened.setting.generator}" if opened.setting.generator else ""
        say(line + ".")
        if not self._notebook.page.there:
            say(
                f"Add --session {live.name} to this line to come back to it after a restart."
                f" The page's buttons are not there ({self._notebook.page.link.why})."
            )

    def _again(self, live: Live) -> None:
        """The same cell, run again in the same kernel."""
        notebook = self._notebook
        notebook.take(live, notebook.cell or live.magic)
        if live.session.state.ended:
            self._show_ended(live)
            return
        live.resume()
        say(f"{live.name} goes on ({live.session.state}). --new would begin another session.")
        self._proceed(live)

    def _proceed(self, live: Live) -> None:
        if live.phase is Phase.THINKING:
            self._notebook.go_on(live)
        else:
            self._notebook.page.tell(live)
            self._notebook.show(live)

    def _reopen(self, known: Session, subject: Subject) -> None:
        """A session of an earlier kernel."""
        with Progress() as progress:
            study = subject.study(progress, known)
        if known.state.ended:
            study.tools.may_conclude = lambda: known.concluding
            study.tools.folder = known.journal.folder or study.tools.folder
            live = Live(known, study, None, "ask")
            self._notebook.take(live, self._notebook.cell)
            self._show_ended(live)
            return
        setting = known.opened.setting
        if access.asked(setting.agent, dict(setting.options).get("rater")):
            url = Config.read().base_url
            if remark := access.prepare(url, *asking(self._notebook.shell)):
                say(remark)
        box: list[Live] = []
        resume(
            known.name,
            study=study,
            driver=lambda session, study, agent: _boxed(box, Live(session, study, agent, "ask")),
        )
        self._notebook.take(box[0], self._notebook.cell)
        say(f"{known.name} goes on ({box[0].session.state}).")
        self._proceed(box[0])

    def _show_ended(self, live: Live) -> None:
        say(f"{live.name} has ended; `system` and `tools` are its own. --new begins another.")
        if live.phase is Phase.CONCLUDED:
            display.markdown(conclusion(live))
        self._notebook.page.tell(live)

    def resume(self, options: argparse.Namespace) -> None:
        """Go on with a session of this kernel, or open one from the disk."""
        self._own_page()
        name = options.session or self._notebook.lives.need().name
        live = self._notebook.lives.by_name.get(name)
        if live is None:
            known = _find(name)
            if known is None:
                raise SessionError(
                    name, f"is not a session in {places.sessions()}", "see %maia sessions"
                )
            if objects := dict(known.opened.setting.options).get("objects"):
                raise SessionError(
                    name,
                    f"was begun with variables of its notebook ({objects})",
                    f"define them and run its %maia describe line with --session {name}",
                )
            unit = known.opened.question.unit
            options = argparse.Namespace(
                unit=str(unit), data=None, preprocess=None, classes=None, seed=0
            )
            self._reopen(known, Subject(self._notebook.shell.user_ns, options))
            return
        if live.session.state.ended:
            self._show_ended(live)
            return
        self._notebook.activate(live)
        live.below = self._notebook.cell or live.below
        live.bind(self._notebook.shell.user_ns)
        live.resume()
        self._proceed(live)

    def _own_page(self) -> None:
        """Let the page that runs this cell be the one that inserts the next."""
        link, sent = self._notebook.page.link, parent(self._notebook.shell)
        link.settle(ANSWER)
        link.own(sent.get("header", {}).get("session"))
        # Only JupyterLab and Notebook 7 say this of a cell, and they always answer.
        if "deletedCells" in sent.get("metadata", {}) and link.expect():
            say("What comes next is seen once the cells that wait have run; if not, %maia status.")


def asking(
    shell: InteractiveShell,
) -> tuple[Callable[[str], str] | None, Callable[[str], str] | None]:
    """How to put a question, and one whose answer is not shown; None where nobody can answer."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not kernel._allow_stdin:
        return None, None
    # Looked up now: while a cell runs, both are the front end's.
    return input, getpass.getpass


def _find(name: str) -> Session | None:
    try:
        return find(name, readonly=True)
    except SessionError:
        return None


def _boxed(box: list[Live], live: Live) -> Callable[[], None]:
    """A driver that hands its session over to the notebook's cells."""
    box.append(live)

    def wait() -> None:
        raise SessionError(live.name, "goes on in this notebook's cells", "run the next one")

    return wait
