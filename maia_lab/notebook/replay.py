"""A recorded session in cells again: run, each shows what was recorded, and runs nothing.

A step's cell is a ``%%maia replay`` cell: with this extension its code is only looked at, without
it the cell is an error. So nothing makes it act, whoever recorded it.
"""

from __future__ import annotations

import argparse
import shlex
import sys

from IPython.core.interactiveshell import InteractiveShell

from maia_lab.console import Retelling
from maia_lab.console.terminal import tell_proposal
from maia_lab.errors import MaiaError, SessionError
from maia_lab.events import Event, Offered
from maia_lab.images import decode
from maia_lab.journal import Journal
from maia_lab.ledger import Ledger
from maia_lab.notebook import cells, display
from maia_lab.notebook.display import say
from maia_lab.observation import Observation, Picture
from maia_lab.plain import one_line, visible
from maia_lab.replay import beats, paced, recording, replay


class Replay:
    """The command, for one notebook."""

    def __init__(self, shell: InteractiveShell) -> None:
        """Serve one shell."""
        self._shell = shell
        self._brought: set[tuple[str, int]] = set()
        """Cells that this kernel has brought already: running one twice brings no second."""

    def replay(self, options: argparse.Namespace) -> None:
        """Tell a session again, a cell a step; or all of it in this cell."""
        journal, remarks = recording(options.session)
        portions, step = beats(journal.events), options.step
        if not 0 <= step < len(portions):
            raise SessionError(
                f"step {step}", f"is not in {journal.name}", f"choose 1 to {len(portions) - 1}"
            )
        if step == 0:
            say(f"Replayed: {one_line(journal.name)}; nothing runs.")
        if options.all or options.pace is not None:
            replay(journal, InCell(journal, code=True), paced(options.pace or 0))
        elif self._step(options.session, journal, portions, step):
            return
        for remark in remarks:
            say(f"{remark}.")
        say("Here the recording ends. Nothing of it ran.")

    def _step(self, session: str, journal: Journal, portions: list[list[Event]], step: int) -> bool:
        """Tell what became of a step, and bring the next one's cell; False if there is none."""
        # A step's proposal was told below the cell before it.
        before = [event for portion in portions[:step] for event in portion]
        told = before + portions[step][: 1 if step else 0]
        narrator = InCell(journal)
        narrator.catch_up(told)
        for event in portions[step][1 if step else 0 :]:
            narrator(event)
        if step + 1 == len(portions):
            return False
        offered = portions[step + 1][0]
        narrator(offered)
        if isinstance(offered, Offered) and (session, step + 1) not in self._brought:
            self._brought.add((session, step + 1))
            findings = Ledger.fold(before + portions[step]).findings
            known = {name: finding.hypothesis for name, finding in findings.items()}
            code = visible(cells.source(one_line(journal.name), offered, known)).rstrip()
            self._shell.set_next_input(
                f"%%maia replay {shlex.quote(session)} --step {step + 1}\n{code}"
            )
        say("What came of it? The next cell shows what was recorded, and runs nothing.")
        return True


class InCell(Retelling):
    """Shows outputs as they were: text, pictures, errors."""

    def __init__(self, journal: Journal, *, code: bool = False) -> None:
        """Take pictures from a journal; ``code``: show it, where no cell does."""
        super().__init__(sys.stdout)
        self._journal, self._code = journal, code

    def _offer(self, offered: Offered) -> None:
        if self._code:
            super()._offer(offered)
        else:
            tell_proposal(self._page, self._shortened(offered))

    def _observed(self, observation: Observation) -> None:
        for part in observation.parts:
            if not isinstance(part, Picture):
                sys.stdout.write(visible(part.text))
                continue
            try:
                display.picture(decode(self._journal.image(part.sha256)), part.alt)
            except MaiaError as error:
                say(f"[{one_line(part.alt)}] {error}")
        if observation.error:
            say(visible(observation.error))
        self._stand(observation)
