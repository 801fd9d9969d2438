"""What each ``%maia`` command does."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from maia_lab import access, config, places
from maia_lab.config import Config
from maia_lab.errors import DataError, SessionError
from maia_lab.notebook.display import say, table
from maia_lab.notebook.kernel import Notebook, conclusion
from maia_lab.notebook.live import HUMAN, Live
from maia_lab.notebook.opening import Opening, asking
from maia_lab.notebook.replay import Replay
from maia_lab.notebook.subject import Progress, Subject, named
from maia_lab.observation import Score
from maia_lab.plain import visible
from maia_lab.scoring.evaluation import Scores
from maia_lab.scoring.rating import Sitting, concluded, rated_by
from maia_lab.session import Session
from maia_lab.sessions import find, listed
from maia_lab.start import again, same
from maia_lab.state import Phase

if TYPE_CHECKING:
    from maia_lab.notebook.panel import Panel


class Commands:
    """One notebook's commands."""

    def __init__(self, notebook: Notebook) -> None:
        """Serve one notebook."""
        self._notebook = notebook
        opening = Opening(notebook)
        self.describe = self.ask = self.compare = self.bias = self.spurious = opening.describe
        self.resume = opening.resume
        self.replay = Replay(notebook.shell).replay
        # Widgets live as long as the kernel: a session has one panel, however often it is shown.
        self._panels: dict[Live, Panel] = {}

    def run(self, options: argparse.Namespace, body: str | None) -> None:
        """Do what was parsed; ``body`` is the cell's, for ``%%maia``."""
        if body is not None and options.command not in ("ask", "try", "replay"):
            raise SessionError(options.command, "takes no cell body", "write it with one %")
        if options.command == "try":
            raise SessionError("try", "runs a cell's body", "begin a cell with %%maia try")
        if options.command == "ask":
            options.question = (body or "").strip()
            if not options.question:
                raise SessionError("ask", "needs a question", "write it in the cell's body")
        getattr(self, options.command.replace("-", "_"))(options)

    def pause(self, options: argparse.Namespace) -> None:
        """Leave the session as it is."""
        del options
        live = self._notebook.lives.need()
        live.pause("paused by the reviewer")
        self._notebook.page.tell(live)
        say(f"{live.name} is paused; go on with %maia resume.")

    def stop(self, options: argparse.Namespace) -> None:
        """End the session."""
        live = self._notebook.lives.need()
        live.stop(" ".join(options.reason) or "stopped by the reviewer")
        self._notebook.page.tell(live)
        say(f"{live.name} has ended without a conclusion.")

    # Decide and speak.

    def approve(self, options: argparse.Namespace) -> None:
        """Approve the open proposal, or accept the scored conclusion."""
        notebook, live = self._notebook, self._notebook.lives.need()
        if live.phase is Phase.SCORED:
            self.accept(options)
            return
        offered = live.waiting
        if offered is None:
            raise SessionError(
                live.name, f"has nothing to approve ({live.session.state})", "see %maia status"
            )
        if notebook.page.there:
            note = " ".join(options.note)
            live.approve(live.source(offered), live.cell(offered.step), note, run=True)
            notebook.page.tell(live)
        else:
            notebook.run_here(live, "human")
            notebook.go_on(live)

    def reject(self, options: argparse.Namespace) -> None:
        """Send the open proposal or the scored conclusion back."""
        live = self._notebook.lives.need()
        live.reject(" ".join(options.reason))
        if live.phase is Phase.THINKING:
            live.below = self._notebook.cell or live.below
        self._notebook.go_on(live)

    def accept(self, options: argparse.Namespace) -> None:
        """Let the scored conclusion stand."""
        del options
        live = self._notebook.lives.need()
        self._scored(live)
        self._notebook.accept(live)
        self._notebook.page.tell(live)

    def not_yet(self, options: argparse.Namespace) -> None:
        """Send the scored conclusion back."""
        self._scored(self._notebook.lives.need())
        self.reject(options)

    def _scored(self, live: Live) -> None:
        if live.phase is not Phase.SCORED:
            raise SessionError(
                live.name, f"has no scored conclusion ({live.session.state})", "see %maia status"
            )

    def note(self, options: argparse.Namespace) -> None:
        """Speak to the agent."""
        live = self._notebook.lives.need()
        live.session.note(" ".join(options.text))
        self._notebook.page.tell(live)
        say("The agent reads it before its next step.")

    def hypothesis(self, options: argparse.Namespace) -> None:
        """Add, pin or strike a hypothesis."""
        live = self._notebook.lives.need()
        name = live.hypothesis(options.action, " ".join(options.text))
        self._notebook.page.tell(live)
        say(f"{name}: {live.hypotheses[name]}")

    # Who decides.

    def auto(self, options: argparse.Namespace) -> None:
        """Let the next experiments run by themselves."""
        if options.count < 0:
            raise SessionError(options.count, "is no number of steps", "say 0 or more")
        live = self._notebook.lives.need()
        live.auto_left = options.count
        say(f"The next {options.count} experiments of {live.name} run by themselves.")
        self._let_run(live)

    def policy(self, options: argparse.Namespace) -> None:
        """Say who decides from now on."""
        live = self._notebook.lives.need()
        if options.policy is None:
            say(f"{live.name}: {live.policy}")
            return
        live.set_policy(options.policy)
        if options.policy == "auto":
            say("Review is off: every experiment runs by itself, with your rights.")
        self._let_run(live)

    def _let_run(self, live: Live) -> None:
        notebook = self._notebook
        if notebook.page.there:
            notebook.let_run(live)
        elif live.waiting is not None and (policy := live.lets_run):
            notebook.run_here(live, policy)
            notebook.go_on(live)

    def budget(self, options: argparse.Namespace) -> None:
        """Say what is left; or set a limit anew."""
        live = self._notebook.lives.need()
        session = live.session
        if options.limit is not None:
            if options.most is None:
                raise SessionError(options.limit, "needs a number", f"{options.limit} 30")
            limit, most = f"max_{options.limit}", options.most
            # What the environment sets, as a class key may, is not raised here either.
            Config.read(**{limit: int(most) if most.is_integer() else most})
            session.budget(limit, most)
            self._notebook.page.tell(live)
        setting = session.opened.setting
        say(
            f"{live.name}: step {session.state.step} of {setting.max_steps},"
            f" {session.seconds:.0f} of {setting.max_seconds:.0f} s of work,"
            f" {session.spent.tokens} of {setting.max_tokens or 'any'} tokens,"
            f" ${session.spent.money:.2f} of {setting.max_money or 'any'}."
        )

    # Look.

    def status(self, options: argparse.Namespace) -> None:
        """Say where everything stands, and bring back the open proposal."""
        del options
        notebook = self._notebook
        say(f"front end: {notebook.page.link.mode}")
        if not notebook.lives.by_name:
            say("No session yet; %maia describe UNIT begins one.")
        for live in notebook.lives.by_name.values():
            mark = "→" if live is notebook.lives.active else " "
            unit = live.session.opened.question.unit
            say(f"{mark} {live.name} · {unit} · {live.session.state} · review: {live.policy}")
        if notebook.lives.active is not None:
            notebook.show(notebook.lives.active)

    def exemplars(self, options: argparse.Namespace) -> None:
        """Show the images that activate a unit most."""
        stratum: str | float = options.stratum
        if options.stratum not in ("top", "bottom", "median"):
            try:
                stratum = float(options.stratum)
            except ValueError:
                raise SessionError(
                    options.stratum, "is not a stratum", "say top, bottom, median, or 0.9"
                ) from None
        with Progress() as progress:
            study = Subject(self._notebook.shell.user_ns, options).study(progress)
        shown = study.tools.dataset_exemplars(study.system, options.count, stratum)
        study.tools.display(shown)

    def units(self, options: argparse.Namespace) -> None:
        """List a model's layers."""
        from maia_lab.doors import open_model

        namespace = self._notebook.shell.user_ns
        given = namespace.get(options.model, options.model)
        model = open_model(given, named(namespace, options.preprocess))
        name = options.model
        for layer, kind, count in model.layers():
            say(f"{layer:<28} {kind:<12} {count:>6} units   e.g. {name}/{layer}/{count - 1}")

    def panel(self, options: argparse.Namespace) -> None:
        """Show hypotheses, steps and buttons."""
        from IPython.display import display as show

        from maia_lab.notebook.panel import Panel

        live = self._notebook.lives.need(options.session)
        if live not in self._panels:
            self._panels[live] = Panel(self._notebook, live)
        show(self._panels[live].box)  # type: ignore[no-untyped-call]

    def rate(self, options: argparse.Namespace) -> None:
        """Have a scored conclusion rated once more: here by hand, or by whoever is named."""
        if options.count < 2:
            raise SessionError(f"{options.count} images", "are too few", "say --count 40")
        name = options.session or self._notebook.lives.need().name
        live, session = self._notebook.lives.by_name.get(name), self._open(name)
        concluded(session)
        if access.asked("", options.rater):
            access.prepare(Config.read().base_url, *asking(self._notebook.shell))
        with Progress() as progress:
            study = live.study if live is not None else same(session, again(session, progress))
            if options.rater is None:
                sitting = Sitting(session, study, options.count, options.seed, progress)
        if options.rater is None:
            self._rate_by_hand(name, sitting)
            return
        with self._writable(name) as writable:
            rated_by(writable, study, options.rater)
        table(self._scores(name))

    def _rate_by_hand(self, name: str, sitting: Sitting) -> None:
        from IPython.display import display as show

        from maia_lab.notebook.rating import Rating

        def done(score: Score) -> Sequence[Score]:
            with self._writable(name) as writable:
                writable.rate([score], HUMAN)
            return self._scores(name)

        show(Rating(sitting, done).box)  # type: ignore[no-untyped-call]

    @contextmanager
    def _writable(self, name: str) -> Iterator[Session]:
        """A session that can be added to: as this kernel has it, or opened for the moment."""
        live = self._notebook.lives.by_name.get(name)
        if live is not None and not live.session.journal.readonly:
            yield live.session
            return
        session = find(name)
        with session.journal:
            yield session
        if live is not None:
            live.session = session

    def _scores(self, name: str) -> Scores:
        """A session's scores, once they are told wherever it is shown."""
        notebook, live = self._notebook, self._notebook.lives.by_name.get(name)
        if live is not None:
            notebook.page.tell(live)
            if live.phase is Phase.CONCLUDED and notebook.page.there:
                notebook.page.tell_conclusion(live, conclusion(live))
        return self._open(name).scores

    def report(self, options: argparse.Namespace) -> None:
        """Write a session's report, notebook and summary."""
        name = options.session or self._notebook.lives.need().name
        for path in self._open(name).report(Path(options.out)).values():
            say(f"wrote {path}")

    def export(self, options: argparse.Namespace) -> None:
        """Write a session as a notebook, a page or a summary beside this notebook."""
        from maia_lab import report

        name = options.session or self._notebook.lives.need().name
        path = Path(options.out or f"{name}.ipynb")
        if path.suffix not in report.FORMATS:
            known = ", ".join(report.FORMATS)
            raise DataError(str(path), "has an ending of no format", f"choose one of {known}")
        if path.exists():
            raise DataError(str(path), "is there already", "name another file with --out")
        try:
            path.write_text(report.FORMATS[path.suffix](self._open(name).journal), "utf-8")
        except OSError as error:
            raise DataError(
                str(path), f"cannot be written ({error.strerror})", "name another with --out"
            ) from error
        say(f"wrote {path}")

    def sessions(self, options: argparse.Namespace) -> None:
        """List all sessions."""
        del options
        found = [f"{name:<20} {unit:<28} {stands}" for name, unit, _, stands in listed()]
        say("\n".join(map(visible, found)) or f"No sessions in {places.sessions()} yet.")

    def manual(self, options: argparse.Namespace) -> None:
        """Print what an experiment may use."""
        from maia_lab.doors import vocabulary
        from maia_lab.manual import manual

        say(manual(vocabulary(options.generator) if options.generator else None))

    def config(self, options: argparse.Namespace) -> None:
        """Show what holds where a line does not say, or change the user's file."""
        if options.change == "set" and options.value is not None:
            say(config.put(options.key, options.value))
        elif options.change == "unset" and options.key is not None:
            say(config.drop(options.key))
        elif options.change is None:
            say(config.show())
        else:
            raise SessionError(
                f"config {options.change}", "lacks something", "say config set KEY VALUE"
            )

    def doctor(self, options: argparse.Namespace) -> None:
        """Say what is installed and what works here."""
        from maia_lab.doctor import findings

        del options
        for finding in findings():
            say(f"{'ok  ' if finding.fine else 'FAIL'} {finding.what}: {finding.says}")
        say(f"ok   front end: {self._notebook.page.link.mode}")

    def _open(self, name: str) -> Session:
        live = self._notebook.lives.by_name.get(name)
        return live.session if live is not None else self._known(name)

    def _known(self, name: str) -> Session:
        return find(name, readonly=True)
