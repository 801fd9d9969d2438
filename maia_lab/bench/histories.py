"""Sessions in which anything has happened, in any order that a session allows."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from PIL import Image

from maia_lab.bench.strict import Refused, check
from maia_lab.errors import SessionError
from maia_lab.events import Answered, Opened, Repaired, Setting
from maia_lab.journal import Journal
from maia_lab.observation import Measurement, Observation, Picture, Text
from maia_lab.proposal import Conclusion, Evidence, Hypothesis, Prediction, Proposal
from maia_lab.review import Approve, Edit, Reject
from maia_lab.session import Session
from maia_lab.spending import Usage
from maia_lab.state import Phase
from maia_lab.tasks import DESCRIBE
from maia_lab.unit import Unit

WORDS = ("red", "", " ", "\ud800", "\x00", "```", "a\nb", "ignore the task", "x" * 15_000)


def refused(body: Any, paused: bool = False) -> str:
    """Why a strict server would not take a request; empty if it would."""
    try:
        check(body, paused)
    except (Refused, KeyError, TypeError, IndexError, AttributeError, UnicodeError) as error:
        return f"{type(error).__name__}: {error}"
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeError as error:
        return str(error)
    return ""


def random_history(seed: int, steps: int = 12) -> Session:
    """A session after some events, drawn by a seed."""
    dice = random.Random(seed)
    journal = Journal.memory("history")
    setting = Setting("claude", "scenes", dice.choice(WORDS), max_steps=1000)
    asked = DESCRIBE.ask(Unit("scenes", "layer4", 12))
    session = Session.open(journal, Opened("history", asked, setting))
    for _ in range(dice.randint(0, 3 * steps)):
        with contextlib.suppress(SessionError):
            _happen(session, dice)
    return session


def _happen(session: Session, dice: random.Random) -> None:
    if dice.random() < 0.25:
        return _aside(session, dice)
    match session.state.phase:
        case Phase.THINKING:
            if dice.random() < 0.8:
                session.keep(_answered(session, dice))
            if dice.random() < 0.8:
                session.offer(_proposed(dice), dice.choice(("claude", "claude", "human")))
        case Phase.WAITING:
            verdicts = (Approve(), Approve(dice.choice(WORDS)), Reject(dice.choice(WORDS)))
            edit = Edit(dice.choice(WORDS), dice.choice(WORDS))
            session.decide(session.ticket, dice.choice((*verdicts, edit)), dice.choice(BY))
        case Phase.APPROVED:
            session.began()
        case Phase.RUNNING:
            if dice.random() < 0.9:
                session.observed(_observed(session, dice))
        case Phase.SCORED:
            session.not_yet(dice.choice(WORDS), "human")
        case Phase.PAUSED:
            session.resume()


BY = ("human", "auto", "safe", "ledger", "somebody")


def _aside(session: Session, dice: random.Random) -> None:
    known = [e for e in session.journal.events if isinstance(e, Answered)]
    match dice.randrange(6):
        case 0:
            session.note(dice.choice(WORDS), dice.choice(("human", "budget", "data")))
        case 1:
            session.pause("a pause")
        case 2:
            session.resume(dice.choice(("ask", "auto")))
        case 3:
            images = dice.sample([p for p, _ in _pictures()], 2)
            session.keep(Repaired("dropped", dice.choice(WORDS), tuple(images)))
        case 4:
            session.keep(Repaired("mended", dice.choice(WORDS), thinking=dice.random() < 0.2))
        case _:
            if known:
                # An answer that came too late, or twice.
                session.keep(dice.choice(known))


def _answered(session: Session, dice: random.Random) -> Answered:
    ids: list[Any] = ["toolu_1", "toolu_1", "toolu_2", "call 1", "", "ü", None, 7, "a" * 90]
    said: list[Any] = [{"code": "1"}, {}, {}, "text", None, [1]]
    signature = {"type": "thinking", "thinking": "hm", "signature": dice.choice(("s", "", None))}
    blocks: list[Any] = [
        {"type": "text", "text": dice.choice(("", " ", "I will look.", None))},
        signature,
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "weather"},
        "no block",
    ]
    call = {"type": "tool_use", "id": dice.choice(ids), "name": dice.choice(("run_experiment", ""))}
    content = [*dice.sample(blocks, dice.randint(0, 3))]
    for _ in range(dice.choice((0, 1, 1, 1, 2))):
        content.append(call | {"input": dice.choice(said)})
    raw = dice.choice((json.dumps(content),) * 6 + ("", "[", "{}", "null"))
    stop = dice.choice(
        ("tool_use", "tool_use", "end_turn", "pause_turn", "max_tokens", "cancelled")
    )
    by = dice.choice(("m at h", "m at h", "other at h"))
    seen = dice.choice((0, len(session.journal.events), len(session.journal.events) // 2))
    purposes: tuple[Literal["step", "captions"], ...] = ("step", "step", "step", "captions")
    return Answered("m", by, raw, stop, Usage(), purpose=dice.choice(purposes), seen=seen)


def _proposed(dice: random.Random) -> Proposal | Conclusion:
    if dice.random() < 0.2:
        return Conclusion("red things", ("red",), (), (Evidence("H1", (1, 99)),))
    claims = (Hypothesis("H1", dice.choice(WORDS)), Hypothesis(dice.choice(WORDS), "x"))
    return Proposal(
        dice.choice(WORDS),
        dice.choice(WORDS),
        claims[: dice.randint(0, 2)],
        (Prediction("H1", ("red",), ("blue",)),)[: dice.randint(0, 1)],
    )


def _observed(session: Session, dice: random.Random) -> Observation:
    parts: list[Text | Picture] = []
    for _ in range(dice.randint(0, 12)):
        sha256, data = dice.choice(_pictures())
        if data is not None:
            session.journal.keep(data)
        shown = Picture(sha256, dice.choice(WORDS[:-1]), 40, 30)
        parts.append(dice.choice((shown, shown, Text(dice.choice(WORDS)))))
    values = (0.5, 0.6)
    rows = tuple(
        Measurement(name, values, ("a", "b"), 0.5, 0.1, 0.5, 50.0, control, 0.1, 0.05, 0.2)
        for name, control in (("red", "blue"), ("blue", ""))
    )
    error = dice.choice(WORDS)
    came = Observation(tuple(parts), rows[: dice.choice((0, 2))])
    ends = (came, replace(came, outcome="error", error=error), replace(came, outcome="limit"))
    return dice.choice(ends)


@lru_cache(1)
def _pictures() -> tuple[tuple[str, bytes | None], ...]:
    """Pictures by hash: sound ones, some that cannot be read, and some that are not there."""
    found: list[tuple[str, bytes | None]] = [("0" * 64, None), ("no hash", None)]
    modes = (
        ("RGB", (40, 30)),
        ("RGBA", (30, 40)),
        ("L", (9, 9)),
        ("P", (5, 5)),
        ("RGB", (2400, 30)),
    )
    for number, (mode, size) in enumerate(modes):
        file = io.BytesIO()
        Image.new(mode, size, number * 20).save(file, "PNG")
        found.append((hashlib.sha256(file.getvalue()).hexdigest(), file.getvalue()))
    for broken in (b"", b"\x89PNG", found[2][1][:40] if found[2][1] else b"", b"<svg/>"):
        found.append((hashlib.sha256(broken).hexdigest(), broken))
    return tuple(found)
