"""The text of a cell, and the comment at its head that says which step it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from maia_lab.events import Offered
from maia_lab.plain import one_line
from maia_lab.proposal import Conclusion, Hypothesis

HEAD = 100
"""Characters of the comment at most."""
_MARK = re.compile(r"# maia: ([A-Za-z0-9][\w.-]{0,63})/(\d{1,6})(?:\.(\d{1,6}))? · [^\n]*\n?")
_TRY = re.compile(r"%%maia[ \t]+try\b([^\n]*)\n?")


class Mark(NamedTuple):
    """What a cell's first line says it is."""

    session: str
    step: int
    revision: int


def source(session: str, offered: Offered, known: Mapping[str, Hypothesis]) -> str:
    """The text of a proposal's cell: a comment with what it tests, and its code.

    Args:
        session: the session's name.
        offered: the proposal.
        known: the session's hypotheses, by id.
    """
    proposal = offered.proposal
    if isinstance(proposal, Conclusion):
        about = "the conclusion, scored on held-out images"
    else:
        texts = {**known, **{h.id: h for h in proposal.hypotheses}}
        tested = dict.fromkeys(p.hypothesis for p in proposal.predicts)
        claims = "; ".join(texts[i].text if i in texts else i for i in tested)
        about = f"tests: {claims}" if claims else proposal.why
    again = f".{offered.revision}" if offered.revision > 1 else ""
    head = one_line(f"# maia: {session}/{offered.step}{again} · {about}")
    return f"{head if len(head) <= HEAD else head[: HEAD - 1] + '…'}\n{proposal.code}"


def mark(text: str) -> Mark | None:
    """Read the first line; None where it names no step."""
    found = _MARK.match(text)
    return Mark(found[1], int(found[2]), int(found[3] or 1)) if found else None


def code(text: str) -> str:
    """A cell's text without that line: what is decided, kept and told to the agent."""
    found = _MARK.match(text)
    return text[found.end() :] if found else text


def own_experiment(text: str) -> tuple[str, str] | None:
    """The words and the code of a ``%%maia try`` cell; None for any other."""
    found = _TRY.match(text.lstrip("\n"))
    if found is None:
        return None
    return found[1].strip().strip("\"'").strip(), text.lstrip("\n")[found.end() :]


def cell_id(session: str, step: int) -> str:
    """The id of a step's cell: up to 64 letters, digits, dashes and underscores."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", session)
    if plain != session or len(session) > 40:
        plain = f"{plain[:30]}-{hashlib.sha256(session.encode()).hexdigest()[:8]}"
    return f"maia-{plain}-{step}"


def is_ours(text: str, cell: str | None) -> bool:
    """Whether a cell looks like a step's: what is refused when the gate itself fails."""
    marked = mark(text) is not None or own_experiment(text) is not None
    return marked or (cell or "").startswith("maia-")
