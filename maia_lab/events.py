"""What can happen in a session, each as one noun: the journal is a list of these."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from maia_lab.observation import Observation, Score
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import Flag, Policy, Verdict
from maia_lab.spending import Usage
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
    max_tokens: int | None = None
    """Of a language model, sent and written; None: no limit."""
    max_money: float | None = None
    """US dollars; None: no limit."""
    seed: int = 0
    digests: tuple[tuple[str, str], ...] = ()
    """(``weights``, hash), (``data``, hash), and of a generator or editor that has one: checked
    before a session goes on."""
    options: tuple[tuple[str, str], ...] = ()
    """How to open the same study again: ``data`` folder, ``generator`` and the like, by name."""
    version: str = ""
    """Of maia_lab."""

    @property
    def beside(self) -> list[str]:
        """Addresses of the units that are studied beside the first."""
        text = dict(self.options).get("beside", "")
        # One a line; earlier versions set commas between them, which the name of a class may hold.
        return text.splitlines() if "\n" in text else list(filter(None, text.split(",")))


LIMITS = tuple(f.name for f in fields(Setting) if f.name.startswith("max_"))
"""The budget's parts, by the names of their fields in :class:`Setting`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The first event of a session."""

    session: str
    question: Question
    setting: Setting

    @property
    def about(self) -> str:
        """What is studied: the unit, and what stands beside it."""
        unit, beside = str(self.question.unit), self.setting.beside
        if not beside:
            return unit
        return f"{unit} and {beside[0] if len(beside) == 1 else f'{len(beside)} more'}"


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
class Answered:
    """A language model answered a request or broke off; what it cost counts either way."""

    model: str
    """As the server names it."""
    by: str
    """Model and host: ``claude-opus-5-5 at api.anthropic.com``."""
    content: str
    """Its content blocks as JSON, kept as they came: they go back to the model unchanged."""
    stop: str
    """The stop reason, or what cut the answer short."""
    usage: Usage
    cost: float | None = None
    """US dollars, by the price table of that day; None: the model's price is not known."""
    seconds: float = 0.0
    purpose: Literal["step", "captions", "ratings"] = "step"
    request: str = ""
    """sha256 of the request's body, which the events that it had seen rebuild."""
    seen: int = 0
    """Events of the session when it was asked: what happened meanwhile, it did not know."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What could not be used or sent was mended, so that the session goes on."""

    what: str
    """In words, for people."""
    told: str = ""
    """What the model is told of it in its next request; empty: nothing."""
    images: tuple[str, ...] = ()
    """sha256 of pictures that requests hold no longer: words stand in their place."""
    thinking: bool = False
    """Thinking before this is no longer sent."""


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
class Rated:
    """The scored conclusion of ``step`` was scored once more, by another rater."""

    step: int
    scores: tuple[Score, ...]
    by: str
    """``human``, or the rater's address (``clip:FOLDER``)."""


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
    | Answered
    | Repaired
    | Paused
    | Resumed
    | Accepted
    | Rated
    | Stopped
)
