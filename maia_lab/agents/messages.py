"""A session as a language model reads it: a fold of the journal that can always be sent.

Whatever happened (a call nobody answered, a picture that is gone, an answer that came too late),
the messages alternate, every tool call has its one result, and every picture decodes. The same
events give the same bytes, and more events only add to them, so that a server can keep what it
has read: nobody gets stuck with a history that is refused.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from maia_lab.agents.words import difference, fenced, opening, shortened, standing
from maia_lab.errors import MaiaError
from maia_lab.events import (
    Answered,
    Budgeted,
    Decided,
    Event,
    Noted,
    Observed,
    Offered,
    Opened,
    Repaired,
)
from maia_lab.images import decode
from maia_lab.observation import Observation, Picture
from maia_lab.review import Approve, Edit, Reject

Block = dict[str, Any]
Pixels = Callable[[str], bytes]
"""A kept picture's file, by its sha256; raises MaiaError where it is gone."""
MOST_IMAGES = 80
"""Pictures in a request; servers take 100, and none above 2000 px beside 20 others."""
MOST_BYTES = 20 * 2**20
"""Of all pictures, as they are sent; servers take requests of 32 MB."""
WIDEST = 1568
"""Pixels a side: what is larger is shrunk by the server, and paid for."""
LONGEST = 12_000
"""Characters of one step's printed text."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KNOWN = {"text": "text", "tool_use": "name", "thinking": "signature", "redacted_thinking": "data"}
"""Blocks of an answer that go back, and what each cannot do without."""


@dataclass(slots=True)
class Conversation:
    """The messages of a request, and what did not get into it."""

    messages: list[Block]
    images: list[str]
    """sha256 of the pictures it holds, oldest first, repetitions included."""
    size: int
    """Bytes of the pictures, as sent."""
    pixels: int
    missing: list[str] = field(default_factory=list)
    """sha256 of pictures that cannot be read: words stand in their place."""

    @property
    def surplus(self) -> tuple[str, ...]:
        """The oldest pictures that are to go, so many at once that the next are far off."""
        if len(self.images) <= MOST_IMAGES and self.size <= MOST_BYTES:
            return ()
        return self.oldest_half

    @property
    def oldest_half(self) -> tuple[str, ...]:
        """The older half of the pictures, by hash."""
        return tuple(dict.fromkeys(self.images[: (len(self.images) + 1) // 2]))


def conversation(events: Sequence[Event], pixels: Pixels, by: str = "") -> Conversation:
    """Everything that happened, as messages.

    Args:
        events: of a session, as its agent is told them.
        pixels: finds the pictures.
        by: who will read it: another model's thinking is left out, since nobody else can read it.
    """
    return _Fold(events, pixels, by).read()


class _Fold:
    def __init__(self, events: Sequence[Event], pixels: Pixels, by: str) -> None:
        self._events, self._pixels, self._by = events, pixels, by
        dropped = (e.images for e in events if isinstance(e, Repaired))
        self._dropped = {sha256 for images in dropped for sha256 in images}
        forgot = (n for n, e in enumerate(events) if isinstance(e, Repaired) and e.thinking)
        self._thinks_from = max(forgot, default=-1)
        self._out = Conversation([], [], 0, 0)
        self._calls: list[str] = []
        """Tool calls of the last answer, which the next message has to answer."""
        self._result: list[Block] = []
        self._others: list[tuple[int, Block]] = []
        """What else it is told, each with the number of its event."""
        self._ids: set[str] = set()
        self._own: set[int] = set()
        """Steps that the researcher proposed."""
        self._codes: dict[int, str] = {}
        self._unfinished = False
        self._now = 0

    def read(self) -> Conversation:
        for number, event in enumerate(self._events):
            self._now = number
            self._take(event)
        if not self._unfinished:
            self._flush("Go on.")
        return self._out

    def _take(self, event: Event) -> None:
        match event:
            case Opened():
                self._tell(_text(opening(event)))
            case Answered(purpose="step"):
                self._answered(event)
            case Offered(step=step, proposal=proposal, by=by):
                if self._codes.get(step, proposal.code) != proposal.code:
                    self._say(step, _text("That change did not run: your code was offered again."))
                self._codes[step] = proposal.code
                if by == "human":
                    self._own.add(step)
                    said = f"The researcher runs an experiment of their own as step {step}"
                    code = fenced(proposal.code, "python")
                    self._say(step, _text(f"{said}: {proposal.why}\n{code}"))
            case Decided(step=step):
                if words := self._decided(event):
                    self._say(step, _text(words))
            case Observed(step=step, observation=observation):
                self._observed(step, observation)
            case Noted(text=text, by=by):
                who = "The researcher says" if by == "human" else f"Note ({by})"
                self._tell(_text(f"{who}: {text}"))
            case Budgeted(limit=limit, most=most):
                self._tell(_text(f"The budget changes: {limit} is now {most:g}."))
            case Repaired(told=told) if told:
                self._tell(_text(told))
            case _:
                return

    # What the model said.

    def _answered(self, event: Answered) -> None:
        blocks = [b for b in _blocks(event.content) if self._sendable(b, event)]
        while blocks and "thinking" in blocks[-1]["type"]:
            blocks.pop()  # Nothing follows from it, and no message may end so.
        if not blocks:
            return
        messages = self._out.messages
        seen = event.seen or self._now
        later = [told for told in self._others if told[0] >= seen]
        self._others = [told for told in self._others if told[0] < seen]
        if self._unfinished:
            messages[-1]["content"] += blocks
        else:
            self._flush("Go on.")
            messages.append({"role": "assistant", "content": blocks})
        self._others = later
        for block in blocks:
            if block["type"] == "tool_use":
                block["id"] = self._fresh(block["id"])
                self._calls.append(block["id"])
        # A server that paused in the middle gets its words back as they are, to go on from there.
        self._unfinished = event.stop == "pause_turn" and not self._calls

    def _sendable(self, block: Block, event: Answered) -> bool:
        kind = block.get("type")
        if not isinstance(kind, str) or not isinstance(block.get(_KNOWN.get(kind, "")), str):
            return False
        if kind == "text":
            return bool(block["text"].strip())
        if kind == "tool_use":
            return isinstance(block.get("input"), dict) and bool(block["name"])
        own = not self._by or event.by == self._by
        return own and self._now > self._thinks_from

    def _fresh(self, id: object) -> str:
        """An id that no other call has: some servers count from zero in each answer."""
        plain = id if isinstance(id, str) and _ID.fullmatch(id) else "call"
        name, number = plain, 1
        while name in self._ids:
            number += 1
            name = f"{plain[:56]}_{number}"
        self._ids.add(name)
        return name

    # What it is told.

    def _flush(self, otherwise: str) -> None:
        """Write the next message of the user: results first, each call with exactly one."""
        content: list[Block] = []
        for call in self._calls:
            nothing = [_text("This call was not taken up: nothing was run.")]
            result, self._result = self._result or nothing, []
            content.append({"type": "tool_result", "tool_use_id": call, "content": result})
        content += [*self._result, *(block for _, block in self._others)]
        if not content:
            content = [_text(otherwise)]
        self._out.messages.append({"role": "user", "content": content})
        self._calls, self._result, self._others = [], [], []

    def _tell(self, block: Block) -> None:
        self._others.append((self._now, block))

    def _say(self, step: int, block: Block) -> None:
        """Tell something of a step: of the model's own, as the result of its call."""
        if step in self._own:
            self._tell(block)
        else:
            self._result.append(block)

    def _decided(self, event: Decided) -> str:
        who = {"human": "The researcher", "ledger": "The ledger of measurements"}
        by = who.get(event.by, f"The policy {event.by}")
        note = f" Their note: {event.verdict.note}" if event.verdict.note else ""
        match event.verdict:
            case Approve():
                return f"{by} approved step {event.step}.{note}" if note else ""
            case Edit(code=code):
                before = self._codes.get(event.step, "")
                self._codes[event.step] = code
                return (
                    f"{by} changed your code before it ran. This is the difference:\n"
                    f"{fenced(difference(before, code), 'diff')}{note}"
                )
            case Reject(note=why):
                return f"{by} sent step {event.step} back: {why}"
            case _:
                return ""

    def _observed(self, step: int, seen: Observation) -> None:
        self._say(step, _text(f"Step {step} ran in {seen.seconds:.1f} s and put out:"))
        left = LONGEST
        for part in seen.parts:
            if isinstance(part, Picture):
                self._say(step, self._picture(part))
            elif part.text.strip():
                self._say(step, _text(shortened(part.text, left)))
                left = max(500, left - len(part.text))
        if not seen.parts:
            self._say(step, _text("(nothing)"))
        if seen.outcome != "done":
            error = shortened(seen.error, 4000)
            self._say(step, _text(f"It ended with: {seen.outcome}.\n{error}"))
        if seen.measurements or seen.remarks:
            self._say(step, _text(standing(self._events[: self._now + 1], step)))

    def _picture(self, picture: Picture) -> Block:
        gone = f"[picture: {picture.alt}; no longer shown, sha256 {picture.sha256[:12]}]"
        if picture.sha256 in self._dropped:
            return _text(gone)
        try:
            data, count = _jpeg(picture.sha256, self._pixels)
        except MaiaError:
            self._out.missing.append(picture.sha256)
            return _text(gone.replace("no longer shown", "its file cannot be read"))
        self._out.images.append(picture.sha256)
        self._out.size += len(data)
        self._out.pixels += count
        return image(data)


def image(data: str) -> Block:
    """A picture as a block, from :func:`jpeg`."""
    source = {"type": "base64", "media_type": "image/jpeg", "data": data}
    return {"type": "image", "source": source}


def jpeg(picture: Image.Image) -> str:
    """A picture as it is sent: no larger than is looked at, and in base64."""
    shown = picture.convert("RGB")
    if max(shown.size) > WIDEST:
        shown.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=90, subsampling=0)
    return base64.b64encode(file.getvalue()).decode()


_SENT: dict[str, tuple[str, int]] = {}
"""Pictures of this process as they were sent, by hash."""


def _jpeg(sha256: str, pixels: Pixels) -> tuple[str, int]:
    if sha256 not in _SENT:
        picture = decode(pixels(sha256))
        if len(_SENT) >= 2 * MOST_IMAGES:
            del _SENT[next(iter(_SENT))]
        _SENT[sha256] = jpeg(picture), min(picture.width, WIDEST) * min(picture.height, WIDEST)
    return _SENT[sha256]


def _blocks(content: str) -> list[Block]:
    try:
        blocks = json.loads(content) if content else []
    except ValueError:
        return []
    return [b for b in blocks if isinstance(b, dict)] if isinstance(blocks, list) else []


def _text(text: str) -> Block:
    # Half a surrogate pair cannot be sent at all.
    sound = text.encode("utf-8", "replace").decode("utf-8")
    return {"type": "text", "text": sound if sound.strip() else "(blank)"}
