"""A reviewer at the terminal, and the policies that decide where nobody sits at one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TextIO

from maia_lab.allowlist import refusals
from maia_lab.console.terminal import (
    indented,
    page,
    tell_changes,
    tell_code,
    tell_proposal,
)
from maia_lab.errors import SessionError
from maia_lab.events import Offered
from maia_lab.flags import parsed, visible
from maia_lab.observation import Score
from maia_lab.proposal import Conclusion
from maia_lab.review import Approve, Edit, Reject, Stop, Verdict


class ConsoleReviewer:
    """Shows every proposal with its code, and asks."""

    name = "human"

    def __init__(self, input: TextIO | None = None, output: TextIO | None = None) -> None:
        """Read answers from ``input`` and write to ``output``: the standard streams."""
        self._input = sys.stdin if input is None else input
        self._page = page(output)
        self._answered = False

    def review(self, offered: Offered, say: Callable[[str], None]) -> Verdict:
        """Ask until there is a verdict.

        Raises:
            SessionError: input ended before there was one, or nobody is there to answer: it is no
                terminal, and is empty.
        """
        code = offered.proposal.code
        # What is scored must be what is concluded.
        fixed = isinstance(offered.proposal, Conclusion)
        tell_proposal(self._page, offered)
        tell_code(self._page, code, {flag.line for flag in offered.flags})
        while True:
            edit = "" if fixed else "[e]dit  "
            answer = self._ask(f"[a]pprove  {edit}[r]eject  [s]ay  [q]uit for good  [?]")
            if answer is None:
                raise _ended("the proposal was decided")
            word, _, rest = answer.partition(" ")
            match word.lower():
                case "a" | "approve":
                    return Approve(rest.strip())
                case "e" | "edit" if not fixed:
                    edited = self._edit(offered.proposal.code, code)
                    if edited is None:
                        continue
                    if parsed(edited) is not None:
                        return Edit(edited, rest.strip())
                    code = edited
                case "r" | "reject":
                    if reason := rest.strip() or self._ask("why not? The agent reads it"):
                        return Reject(reason)
                    self._tell("A rejection needs a reason: the agent goes by it.", "yellow")
                case "s" | "say":
                    if note := rest.strip() or self._ask("to the agent"):
                        say(note)
                        self._tell("The agent reads it before its next step.")
                case "q" | "quit":
                    return Stop(rest.strip() or "stopped at the console")
                case _:
                    self._tell(
                        "a: run it as shown · e: change it in $EDITOR, then run · r: send it back"
                        " with a reason · s: speak to the agent, decide afterwards · q: end the"
                        " session · Ctrl-C: leave it, to be resumed. Words may"
                        " follow the letter: r one image is too few"
                    )

    def accept(self, scores: Sequence[Score]) -> str:
        """Ask whether a scored conclusion stands: ``""``, or what is to be tested before it does.

        Raises:
            SessionError: input ended before an answer.
        """
        figures = [f"{s.of} {s.precision:.2f}" for s in scores if s.precision is not None]
        if figures:
            self._tell("precision on held-out images: " + ", ".join(figures))
        while True:
            answer = self._ask("[y] it stands  [n] not yet, test …  [q] decide later")
            if answer is None or answer.lower() in ("q", "quit"):
                raise _ended("the conclusion was accepted")
            if answer.lower() in ("y", "yes", "a", "accept"):
                return ""
            word, _, rest = answer.partition(" ")
            no = word.lower() in ("n", "no", "r")
            # "y fine" is no test that is asked for, nor is "y but test crosses" a yes.
            unclear = word.lower().strip(",.;:!") in ("y", "yes", "q", "quit", "accept")
            note = rest.strip() if no else "" if unclear else answer
            if no and not note:
                note = self._ask("what is to be tested first? The agent reads it") or ""
            if len(note.split()) > 1:
                return note
            self._tell("Say y, or n with what to test: n does it answer green crosses as well?")

    def _ask(self, question: str) -> str | None:
        """One line of input, stripped; None at its end."""
        self._page.print(f"  {question} ", style="bold cyan", end="> ")
        line = self._input.readline() if self._input is not None else ""
        typed = self._input is not None and self._input.isatty()
        if not (line and typed):
            # Nobody's return key ended the line.
            self._page.print()
        if line:
            self._answered = True
            return visible(line).strip()
        if self._answered or typed:
            return None
        raise SessionError(
            "review='ask'",
            "needs someone to answer, and standard input is no terminal and is empty",
            "use --review safe, or on a throwaway machine --review auto",
        )

    def _tell(self, text: str, style: str = "bright_black") -> None:
        from rich.text import Text

        self._page.print(indented(Text(text, style)))

    def _edit(self, original: str, code: str) -> str | None:
        """Open an editor on ``code``; None if nothing came of it."""
        handle, name = tempfile.mkstemp(suffix=".py", prefix="maia-")
        os.close(handle)
        path = Path(name)
        try:
            path.write_text(code, encoding="utf-8", newline="\n")
            command = _editor()
            try:
                status = subprocess.run([*command, name], check=False).returncode
            except OSError as error:
                self._tell(f"{command[0]} does not start ({error}); set EDITOR.", "yellow")
                return None
            edited = path.read_text(encoding="utf-8", errors="replace")
        finally:
            path.unlink(missing_ok=True)
        if status or edited == original:
            self._tell(f"The editor ended with {status}." if status else "Nothing was changed.")
            return None
        tell_changes(self._page, original, edited)
        if parsed(edited) is None:
            self._tell("This is not Python; edit it again, or decide on the original.", "yellow")
        return edited


def _ended(before: str) -> SessionError:
    return SessionError("the console", f"was left before {before}", "resume the session")


def _editor() -> list[str]:
    """The user's editor as a command."""
    fallback = "notepad" if os.name == "nt" else "vi"
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or fallback
    return shlex.split(chosen, posix=os.name != "nt") or [fallback]


class PolicyReviewer:
    """Decides by rule: ``auto`` runs everything, ``safe`` what the allow-list knows."""

    def __init__(self, policy: Literal["safe", "auto"]) -> None:
        """Choose the rule."""
        self.name = policy

    def review(self, offered: Offered, say: Callable[[str], None]) -> Verdict:  # noqa: ARG002
        """Approve, or reject with the reasons that the agent can act on."""
        # A conclusion's code is written by Conclusion itself, out of literals.
        if self.name == "auto" or isinstance(offered.proposal, Conclusion):
            return Approve()
        reasons = refusals(offered.proposal.code)
        if not reasons:
            return Approve()
        return Reject(
            "Nobody reviews this session, so only code made of listed parts runs. Not on the list: "
            + "; ".join(reasons[:5])
            + ". Write the experiment with system, tools, plain Python, math and statistics."
        )

    def accept(self, scores: Sequence[Score]) -> str:  # noqa: ARG002
        """Let every scored conclusion stand."""
        return ""
