"""What a language model answered, put together from its stream: whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from maia_lab.agents.tools import Unusable
from maia_lab.spending import Usage
from maia_lab.thought import Thought

Hear = Callable[[Thought], None]
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
}
"""Kind of a piece → kind of block it belongs to, and the field it continues."""


class Damaged(Exception):
    """The stream broke off, or held what no whole answer holds: it counts for nothing."""


@dataclass(slots=True)
class Answer:
    """An answer as far as it has come."""

    model: str = ""
    blocks: list[dict[str, Any]] | None = None
    """Its content once it is whole, as it goes back to the server; None before."""
    stop: str = ""
    """The stop reason, once it came."""
    why: str = ""
    """Of a refusal: its category and explanation."""
    usage: Usage = field(default_factory=Usage)
    misread: str = ""
    """Why a call's input cannot be read, although everything came."""

    @property
    def content(self) -> str:
        """Its blocks as JSON; empty where they cannot go back."""
        if self.blocks is None or self.misread:
            return ""
        return json.dumps(self.blocks, separators=(",", ":"))

    def call(self) -> tuple[str, dict[str, Any]]:
        """The one tool that is called, and with what.

        Raises:
            Unusable: none is, or more than one, or its input cannot be read.
        """
        if self.misread:
            raise Unusable(f"The call cannot be read: {self.misread}. Call it again.")
        calls = [b for b in self.blocks or () if b["type"] == "tool_use"]
        if len(calls) != 1 or self.stop != "tool_use":
            raise Unusable(f"You made {len(calls) or 'no'} calls. Make exactly one.")
        return calls[0]["name"], calls[0]["input"]


async def read(events: AsyncIterator[Any], answer: Answer, hear: Hear) -> None:
    """Put an answer together from server-sent events, heard as it comes.

    Args:
        events: each with ``event`` and ``data``.
        answer: filled; its usage also where the stream breaks off.
        hear: told every piece.

    Raises:
        Damaged: it is not whole, in whatever way.
        ServerSaid: the server reports an error in the middle.
    """
    reader = _Reader(answer, hear)
    try:
        async for event in events:
            if event.event is not None and event.data:
                reader.take(event.event, _strict(event.data, "an event"))
            if reader.stopped:
                break
    except UnicodeDecodeError as error:
        raise Damaged(f"it is no text ({error.reason})") from error
    if not reader.stopped:
        raise Damaged("the stream ended before the answer did")
    answer.blocks = reader.blocks


class ServerSaid(Exception):
    """An error in the middle of a stream: its type and message."""

    def __init__(self, kind: str, message: str) -> None:
        """Keep both."""
        self.kind, self.message = kind, message
        super().__init__(f"{kind}: {message}")


class _Reader:
    def __init__(self, answer: Answer, hear: Hear) -> None:
        self.answer, self._hear = answer, hear
        self.blocks: list[dict[str, Any]] = []
        self.stopped = False
        self._begun = False
        self._open: dict[str, Any] | None = None
        self._json = ""
        self._peek = Peek()

    def take(self, kind: str, data: Any) -> None:
        if not isinstance(data, dict) or data.get("type") != kind:
            raise Damaged("an event is not what it is called")
        try:
            known = getattr(self, f"_{kind}", None)
            if kind == "ping" or known is None:
                return  # Unknown events are to be ignored, says the protocol.
            if kind != "error" and self._begun == (kind == "message_start"):
                raise Damaged("a message begins twice, or not at all")
            known(data)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise Damaged(f"a {kind} event lacks a part ({error})") from error

    def _error(self, data: dict[str, Any]) -> NoReturn:
        error = data["error"]
        raise ServerSaid(str(error["type"]), str(error["message"]))

    def _message_start(self, data: dict[str, Any]) -> None:
        message = data["message"]
        self._begun = True
        self.answer.model = str(message["model"])
        self._count(message["usage"])

    def _content_block_start(self, data: dict[str, Any]) -> None:
        if self._open is not None or data["index"] != len(self.blocks):
            raise Damaged("blocks overlap, or one is missing")
        if self.answer.stop:
            raise Damaged("a block comes after the end")
        self._open = dict(data["content_block"])
        self._json, self._peek = "", Peek()

    def _content_block_delta(self, data: dict[str, Any]) -> None:
        block, delta = self._block(data), data["delta"]
        kind = delta["type"]
        if kind == "input_json_delta" and block["type"] == "tool_use":
            self._json += delta["partial_json"]
            for part, text in self._peek.feed(delta["partial_json"]):
                self._hear(Thought(part, text))
            return
        if kind not in _DELTAS:
            return  # Citations and the like, which nobody asked for.
        belongs, name = _DELTAS[kind]
        if block["type"] != belongs:
            raise Damaged(f"a {kind} in a {block['type']} block")
        block[name] = block.get(name, "") + delta[name]
        if name != "signature":
            self._hear(Thought("thinking" if name == "thinking" else "words", delta[name]))

    def _content_block_stop(self, data: dict[str, Any]) -> None:
        block = self._block(data)
        if block["type"] == "tool_use":
            try:
                # Without pieces, what stood at the start is all: some servers send it whole.
                said = _strict(self._json, "its input") if self._json else block["input"]
                if not isinstance(said, dict):
                    raise Damaged("its input is no object")
                block["input"] = said
            except Damaged as error:
                self.answer.misread = str(error)
        self.blocks.append(block)
        self._open = None

    def _message_delta(self, data: dict[str, Any]) -> None:
        delta = data["delta"]
        if self._open is not None or self.answer.stop:
            raise Damaged("the message ends inside a block, or twice")
        self._count(data.get("usage") or {})
        self.answer.stop = str(delta["stop_reason"] or "")
        details = delta.get("stop_details") or {}
        said = (details.get("category"), details.get("explanation"))
        self.answer.why = ": ".join(str(text) for text in said if text)

    def _message_stop(self, data: dict[str, Any]) -> None:
        del data
        if self._open is not None or not self.answer.stop:
            raise Damaged("the message stops without a reason")
        self.stopped = True

    def _block(self, data: dict[str, Any]) -> dict[str, Any]:
        if self._open is None or data["index"] != len(self.blocks):
            raise Damaged("a piece belongs to no open block")
        return self._open

    def _count(self, usage: dict[str, Any]) -> None:
        before = self.answer.usage
        split = usage.get("cache_creation") or {}
        hour = int(split.get("ephemeral_1h_input_tokens") or 0)
        written = int(usage.get("cache_creation_input_tokens") or 0)
        self.answer.usage = Usage(
            input=int(usage.get("input_tokens") or before.input),
            cache_read=int(usage.get("cache_read_input_tokens") or before.cache_read),
            cache_write=max(written - hour, 0) or before.cache_write,
            cache_write_1h=hour or before.cache_write_1h,
            output=int(usage.get("output_tokens") or before.output),
        )


def _strict(text: str, what: str) -> Any:
    """Read JSON as it is written, or not at all: no repeated keys, no NaN, nothing left over."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(found)
        if len(read) != len(found):
            raise ValueError("a key stands twice")
        return read

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{what} is no JSON ({error})") from error


_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_SHOWN: dict[str, Literal["why", "code"]] = {"why": "why", "code": "code", "description": "why"}


class Peek:
    """Reads ``why`` and ``code`` out of a call while it is still being written.

    For the eye only: what counts is the whole call.
    """

    def __init__(self) -> None:
        """Start before the first character."""
        self._depth = 0
        self._string: list[str] | None = None
        self._escape = ""
        self._key, self._expects_key = "", True

    def feed(self, piece: str) -> list[tuple[Literal["why", "code"], str]]:
        """The next characters; returns what they add to what is shown."""
        found: dict[Literal["why", "code"], str] = {}
        for character in piece:
            if self._string is None:
                self._outside(character)
            elif text := self._inside(character):
                self._string.append(text)
                if self._depth == 1 and not self._expects_key and self._key in _SHOWN:
                    name = _SHOWN[self._key]
                    found[name] = found.get(name, "") + text
        return list(found.items())

    def _outside(self, character: str) -> None:
        if character == '"':
            self._string = []
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
        elif self._depth == 1 and character in ":,":
            self._expects_key = character == ","

    def _inside(self, character: str) -> str:
        if self._escape:
            self._escape += character
            if self._escape[1] != "u":
                text, self._escape = _ESCAPES.get(character, ""), ""
                return text
            if len(self._escape) < 6:
                return ""
            code, self._escape = self._escape[2:], ""
            try:
                return chr(int(code, 16)).encode("utf-8", "replace").decode()
            except ValueError:
                return ""
        if character == "\\":
            self._escape = character
            return ""
        if character == '"':
            if self._depth == 1 and self._expects_key and self._string is not None:
                self._key = "".join(self._string)
            self._string = None
            return ""
        return character
