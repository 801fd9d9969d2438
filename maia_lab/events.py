"""What can happen in a session, each as one noun: the journal is a list of these."""

from __future__ import annotations

from dataclasses import dataclass, fields

from maia_lab.observation import Observation
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import Flag, Policy, Verdict
from maia_lab.task import Question


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything a session was opened with that its results depend on."""

    agent: str
    world: str
    data: str
    """The data set's name; its digest stands in ``digests``."""
    generator: str = ""
    """Empty: none in use."""
    editor: str = ""
    captioner: str = ""
    policy: Policy = "ask"
    max_steps: int = 25
    max_seconds: float = 1800.0
    seed: int = 0
    digests: tuple[tuple[str, str], ...] = ()
    """(``weights``, hash) and (``data``, hash): checked before a session goes on."""
    options: tuple[tuple[str, str], ...] = ()
    """How to open the same study again: ``data`` folder, ``generator`` and the like, by name."""
    version: str = ""
    """Of maia_lab."""


LIMITS = tuple(f.name for f in fields(Setting) if f.name.startswith("max_"))
"""The budget's parts, by the names of their fields in :class:`Setting`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The first event of a session."""

    session: str
    question: Question
    setting: Setting


@dataclass(frozen=True, slots=True)
class Offered:
    """A proposal waits for a verdict. Nothing of it has run."""

    step: int
    """From 1; a rejected proposal's step stays used."""
    revision: int
    """From 1; higher when the same step is offered again."""
    proposal: Proposal | Conclusion
    by: str
    """The agent's name, or ``human`` for an experiment of her own."""
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """A verdict was given. It is on disk before any code runs."""

    step: int
    revision: int
    verdict: Verdict
    by: str
    """``human``, or the policy that decided (``auto``, ``safe``), or ``ledger``, ``budget``."""


@dataclass(frozen=True, slots=True)
class Began:
    """Approved code starts to run. Without an Observed of the same step, its outcome is unknown."""

    step: int
    revision: int
    sha256: str
    """Of the code that runs."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What an approved run came to."""

    step: int
    observation: Observation


@dataclass(frozen=True, slots=True)
class Noted:
    """Someone spoke: the agent reads it before its next proposal."""

    text: str
    by: str = "human"


@dataclass(frozen=True, slots=True)
class Budgeted:
    """A limit of the session's setting was set anew."""

    limit: str
    """Which: ``max_steps``, ``max_seconds``, …"""
    most: float
    by: str = "human"


@dataclass(frozen=True, slots=True)
class Paused:
    """The session waits; resuming goes on from here."""

    why: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The session goes on, in the process named by ``epoch``; older tickets are void."""

    epoch: str
    policy: Policy = "ask"
    """Chosen anew: a policy does not survive a restart."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The scored conclusion of ``step`` stands."""

    step: int
    by: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The session ended without an accepted conclusion."""

    why: str
    by: str


Event = (
    Opened
    | Offered
    | Decided
    | Began
    | Observed
    | Noted
    | Budgeted
    | Paused
    | Resumed
    | Accepted
    | Stopped
)
