"""Who says yes: a verdict on every proposal before any of its code runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Policy = Literal["ask", "safe", "auto"]
"""``ask``: a human decides. ``safe``: allow-listed code runs, the rest asks (headless: goes back to
the agent with the reason). ``auto``: everything runs; for a throwaway machine or a bench."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something in a proposal that a reviewer should look at: a highlight, not a barrier."""

    kind: Literal["risk", "method"]
    """``risk``: what the code could do. ``method``: what the experiment could fail to show."""
    text: str
    line: int = 0
    """In the proposal's code, from 1; 0 where no single line is meant."""


@dataclass(frozen=True, slots=True)
class Approve:
    """Run it as written."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Run this instead; the agent is told the difference."""

    code: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not run it; the note goes back to the agent."""

    note: str


CONCLUDE = "Conclude now, with what has been measured."
"""What the panels say for whoever has seen enough."""

SET_ASIDE = Reject("Set aside: the researcher first runs an experiment of their own.")
"""Not a word against it: it may be proposed again."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the session here."""

    note: str = ""


Verdict = Approve | Edit | Reject | Stop


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to decide one proposal once, exactly as it was shown."""

    session: str
    step: int
    revision: int
    """How often this step has been offered: a resumed session offers it anew."""
    sha256: str
    """Of the proposal's code as shown, UTF-8."""
    epoch: str
    """The process that showed it: a ticket does not survive a restart."""
