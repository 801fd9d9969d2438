"""Every message between kernel and page: what ``labextension/src/wire.ts`` mirrors.

One comm, target :data:`TARGET`, opened by the kernel at ``%load_ext maia_lab`` with :class:`Hello`
as its data. The kernel's messages reach every page of the notebook; a page acts on them as follows.

**Owner.** ``owner`` is the ``clientId`` of the one page that inserts, changes and runs cells
(header field ``session`` of its messages; whoever ran the magic or approved last). Any other page
only mirrors: it decorates cells that are there. A page that did not get an ``owner`` that is its
own answers :class:`Present` only when its own id is asked for in :class:`Who`.

**Approval.** The page sends :class:`Approve` and waits for :class:`Answer` with the same ``re``;
only after ``ok`` it runs the cell. ``sha256`` of a ticket is of the cell's whole text at the click,
header comment included, as UTF-8 with the newlines of the shared model; ``source`` is that same
text. The kernel's gate compares it with what is run. A cell run in any other way is refused by the
kernel with an error output. A refused ticket changes nothing.

**Cells.** The kernel chooses a proposal's cell id. A cell with that id that is there already (after
a reload, a restart, an undo) is adopted with its text as it stands; only its metadata is renewed.
The page keeps ``metadata.maia`` as :class:`CellMetadata`.

**Stop.** The page's own ``kernel.interrupt()`` first, then :class:`Stop`.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

TARGET = "maia-lab"
PROTOCOL = 1
"""Raised when a message changes its meaning; pages and kernels of different numbers do not talk."""

StepState = Literal[
    "waiting",
    "approved",
    "running",
    "done",
    "error",
    "rejected",
    "interrupted",
    "scored",
    "accepted",
    "edited-after",
]
"""``scored``: a conclusion that ran and waits to be accepted; ``edited-after``: done, then changed
and run again without advancing the session. What nobody saw the end of (a killed kernel) is
``error``."""

SessionPhase = Literal["thinking", "waiting", "running", "scored", "paused", "concluded", "stopped"]


# Nouns.


class Ticket(TypedDict):
    """The right to decide one proposal once, exactly as it was shown."""

    session: str
    step: int
    revision: int
    sha256: str
    """Of the cell's whole text at the click; for a rejection any text's, it is not compared."""
    epoch: str
    """The proposal's ``epoch``, given back."""


class Hypothesis(TypedDict):
    """One claim, with how it stands by measurement."""

    id: str
    text: str
    status: Literal["supported", "indicated", "contradicted", "unclear", "untested", "struck"]
    """``indicated``: not yet confirmed on fresh images; ``unclear``: no difference was clear."""
    speaks_for: list[str]
    """One line a measured difference that supports it."""
    speaks_against: list[str]
    pinned: bool


class Prediction(TypedDict):
    """What a hypothesis says will be measured in this step, in words."""

    hypothesis: str
    """Its id."""
    text: str


class Flag(TypedDict):
    """Something a reviewer should look at."""

    kind: Literal["risk", "method"]
    text: str
    line: int
    """In the cell's text, from 1, header comment counted; 0: no single line."""


class CellMetadata(TypedDict):
    """``metadata.maia`` of a cell: of a step's cell, or (without ``step``) of the magic's cell."""

    session: str
    step: NotRequired[int]
    revision: NotRequired[int]
    sha: NotRequired[str]
    """sha256 of the text as proposed, header comment included."""
    state: NotRequired[StepState]
    agent: NotRequired[str]
    tokens: NotRequired[int]
    """That a language model was sent and wrote for this step."""


# Kernel to page.


class Hello(TypedDict):
    """Who opened the comm; the page answers with :class:`PageHello`."""

    type: Literal["hello"]
    protocol: int
    version: str
    """Of the maia_lab package; the page compares it with its own and says both when they differ."""
    epoch: str
    """Of the kernel process."""


class Who(TypedDict):
    """Another page said hello: is ``client`` still there?

    Without :class:`Present` within two seconds the other page becomes the owner.
    """

    type: Literal["who"]
    client: str


class Proposal(TypedDict):
    """An experiment or a conclusion arrives: insert it below ``after_cell_id``, do not run it."""

    type: Literal["proposal"]
    owner: str
    session: str
    step: int
    revision: int
    """Above 1: offered again (after a restart, a pause): older tickets are void."""
    epoch: str
    kind: Literal["experiment", "conclusion"]
    cell_id: str
    after_cell_id: str | None
    """None: below the active cell."""
    source: str
    """The cell's text, header comment included."""
    metadata: CellMetadata
    agent: str
    why: str
    hypotheses: list[Hypothesis]
    predictions: list[Prediction]
    flags: list[Flag]
    estimate: str
    """What it may cost, in words: what similar steps took, or the limit. May be empty."""
    run: bool
    """Approved already (``auto``, ``safe``, ``%maia approve``): run it at once, no ticket."""


class Step(TypedDict):
    """A step's cell changed its state: renew its metadata and footer."""

    type: Literal["step"]
    session: str
    step: int
    revision: int
    cell_id: str
    state: StepState
    words: str
    """For people, one line; the reason of a rejection, how long it took."""
    run: NotRequired[bool]
    """With ``approved``: the owner runs the cell now (approved elsewhere: a policy, the panel)."""


class Answer(TypedDict):
    """Acknowledges one message of the page."""

    type: Literal["answer"]
    re: str
    """The message's ``id``."""
    ok: bool
    why: str
    """One line for people when not ok."""


class Markdown(TypedDict):
    """The accepted conclusion, to be inserted (or renewed, by id) as a rendered Markdown cell."""

    type: Literal["markdown"]
    owner: str
    session: str
    cell_id: str
    after_cell_id: str | None
    source: str


class StepLine(TypedDict):
    """One step in the panel's list."""

    step: int
    cell_id: str
    state: StepState
    why: str
    by: str


class SessionState(TypedDict):
    """A session in full, sent whenever something of it changes: status bar and panel."""

    type: Literal["session"]
    session: str
    unit: str
    phase: SessionPhase
    words: str
    """The phase for people: ``step 3, waiting for a verdict``, ``paused: …``."""
    active: bool
    """One session of a notebook is; the others are paused or over."""
    magic_cell_id: str | None
    """The cell that began it: the page writes ``metadata.maia = {session}`` there."""
    agent: str
    world: str
    """Data, generator, editor, captioner in use, in one line."""
    policy: Literal["ask", "safe", "auto"]
    auto_left: int
    """Steps that still run by themselves (``auto N``)."""
    steps: list[StepLine]
    hypotheses: list[Hypothesis]
    budget: str
    """``step 3 of 25, 1 of 30 min``."""


class Stream(TypedDict):
    """The end of what the agent is writing right now; empty: it has finished."""

    type: Literal["stream"]
    session: str
    text: str


class State(TypedDict):
    """Everything, to a page that said hello: replaces whatever it knew."""

    type: Literal["state"]
    epoch: str
    version: str
    owner: str
    sessions: list[SessionState]
    proposals: list[Proposal]
    """Those that are open now: at most one a session."""
    steps: list[Step]
    """The last state of every step."""
    conclusions: list[Markdown]
    """Those accepted in this kernel: for a page whose cell does not yet say that it is accepted."""


FromKernel = Hello | Who | Proposal | Step | Answer | Markdown | SessionState | Stream | State


# Page to kernel. ``id`` is any string unique on the page; every message but hello and present is
# answered by :class:`Answer`.


class PageHello(TypedDict):
    """A page is there: after the comm opened, after a reload, after a kernel restart."""

    type: Literal["hello"]
    protocol: int
    version: str
    """Of the labextension."""
    client: str
    """``kernel.clientId``."""
    sessions: dict[str, str]
    """Cell id → session of the magics' cells, from ``metadata.maia``: by this a magic that is run
    again finds its session."""


class Present(TypedDict):
    """The answer to :class:`Who` with one's own id."""

    type: Literal["present"]
    client: str


class Approve(TypedDict):
    """Run this text as the open step."""

    type: Literal["approve"]
    id: str
    ticket: Ticket
    cell_id: str
    source: str
    note: str
    """Told to the agent; may be empty."""


class Reject(TypedDict):
    """Do not run it; the note goes back to the agent. After ``ok`` the page makes the cell raw."""

    type: Literal["reject"]
    id: str
    ticket: Ticket
    cell_id: str
    note: str


class Note(TypedDict):
    """Speak to the agent without deciding anything."""

    type: Literal["note"]
    id: str
    session: str
    text: str


class Accept(TypedDict):
    """Let the scored conclusion stand."""

    type: Literal["accept"]
    id: str
    session: str
    step: int


class NotYet(TypedDict):
    """Send the scored conclusion back: what is to be tested first."""

    type: Literal["not_yet"]
    id: str
    session: str
    step: int
    note: str


class Auto(TypedDict):
    """Let the next ``n`` experiments run by themselves, visibly; 0 turns it off.

    A conclusion always asks to be accepted.
    """

    type: Literal["auto"]
    id: str
    session: str
    n: int


class SetPolicy(TypedDict):
    """Say who decides from now on."""

    type: Literal["policy"]
    id: str
    session: str
    policy: Literal["ask", "safe", "auto"]


class Hypothesise(TypedDict):
    """Add, pin or strike a hypothesis; the agent is told."""

    type: Literal["hypothesis"]
    id: str
    session: str
    action: Literal["add", "pin", "strike"]
    text: str
    """The claim to add, or the id to pin or strike."""


class Stop(TypedDict):
    """End the session. A running cell has been interrupted by the page itself."""

    type: Literal["stop"]
    id: str
    session: str


class Pause(TypedDict):
    """Leave the session as it is; the next proposal waits for :class:`Resume`."""

    type: Literal["pause"]
    id: str
    session: str


class Resume(TypedDict):
    """Go on with a paused session of this kernel, and make it the active one."""

    type: Literal["resume"]
    id: str
    session: str


FromPage = (
    PageHello
    | Present
    | Approve
    | Reject
    | Note
    | Accept
    | NotYet
    | Auto
    | SetPolicy
    | Hypothesise
    | Stop
    | Pause
    | Resume
)
