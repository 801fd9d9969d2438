"""What a server of the Messages API takes: the rules by which a request is refused.

The wording of the complaints is this file's own; the rules are the vendor's published ones.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
from itertools import pairwise
from typing import Any

from PIL import Image

KEYS = {
    *("model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking"),
    *("stream", "metadata", "stop_sequences", "service_tier", "output_config", "cache_control"),
}
MAGIC = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_BYTES = 32 * 2**20


class Refused(Exception):
    """A request breaks a rule."""


def check(body: Any, paused: bool = False) -> None:
    """See that a request would be taken.

    Args:
        body: of the request.
        paused: the last answer was a ``pause_turn``, which comes back at the end.

    Raises:
        Refused: it breaks a rule.
    """
    _must(isinstance(body, dict), "the body is no object")
    _must(len(json.dumps(body)) <= MOST_BYTES, "the request exceeds 32 MB")
    _must(not set(body) - KEYS, f"unknown keys {set(body) - KEYS}")
    _must(isinstance(body.get("model"), str), "model: a string is required")
    _must(type(body.get("max_tokens")) is int and body["max_tokens"] > 0, "max_tokens: above 0")
    names = [tool["name"] for tool in body.get("tools", [])]
    _must(len(set(names)) == len(names), "tools: names must be unique")
    _must(body.get("tool_choice", {}).get("type", "auto") == "auto", "tool_choice: only auto")
    messages = body.get("messages")
    _must(isinstance(messages, list) and bool(messages), "messages: at least one")
    roles = [message["role"] for message in messages]
    _must(roles[0] == "user", "messages: the first must be the user's")
    _must(all(a != b for a, b in pairwise(roles)), "roles must alternate")
    _must(roles[-1] == "user" or paused, "prefill is not supported")
    system = body.get("system", [])
    blocks = list(system) if isinstance(system, list) else []
    for message in messages:
        blocks += _inside(message["content"])
    _must(sum("cache_control" in block for block in blocks + body.get("tools", [])) <= 4, "marks")
    _pictures([block for block in blocks if block["type"] == "image"])
    for block in blocks:
        if block["type"] == "text":
            _must(bool(block["text"].strip()), "text: must not be empty")
    _calls(messages, set(names))


def _calls(messages: list[dict[str, Any]], names: set[str]) -> None:
    seen: set[str] = set()
    for number, message in enumerate(messages):
        content = message["content"]
        _must(isinstance(content, list) and bool(content), f"messages.{number}: content is empty")
        kinds = [block["type"] for block in content]
        if message["role"] == "assistant":
            allowed = {"text", "tool_use", "thinking", "redacted_thinking"}
            _must(set(kinds) <= allowed, f"messages.{number}: {set(kinds) - allowed}")
            _must("thinking" not in kinds[-1], f"messages.{number}: ends in thinking")
            for block in content:
                if block["type"] == "thinking":
                    _must(isinstance(block["signature"], str), "thinking: signature")
            calls = [block for block in content if block["type"] == "tool_use"]
            for call in calls:
                _must(bool(ID.fullmatch(call["id"])), "tool_use.id: pattern")
                _must(call["id"] not in seen, "tool_use.id: must be unique")
                _must(call["name"] in names or bool(call["name"]), "tool_use.name")
                _must(isinstance(call["input"], dict), "tool_use.input: an object")
                seen.add(call["id"])
            if calls:
                after = messages[number + 1] if number + 1 < len(messages) else {"content": []}
                results = [b["tool_use_id"] for b in after["content"] if b["type"] == "tool_result"]
                wanted = [call["id"] for call in calls]
                _must(sorted(results) == sorted(wanted), f"messages.{number}: calls unanswered")
        else:
            _must(set(kinds) <= {"text", "image", "tool_result"}, f"messages.{number}: {kinds}")
            results = [kind == "tool_result" for kind in kinds]
            _must(results == sorted(results, reverse=True), "tool_result: results come first")
            before = messages[number - 1]["content"] if number else []
            ids = {b["id"] for b in before if b["type"] == "tool_use"}
            for block in content:
                if block["type"] == "tool_result":
                    _must(block["tool_use_id"] in ids, f"messages.{number}: orphan result")
                    inner = [b["type"] for b in block["content"]]
                    _must(bool(inner) and set(inner) <= {"text", "image"}, "tool_result: content")


def _pictures(blocks: list[dict[str, Any]]) -> None:
    widest = 0
    for block in blocks:
        source = block["source"]
        try:
            data = base64.b64decode(source["data"], validate=True)
        except binascii.Error:
            raise Refused("image: not base64") from None
        _must(data.startswith(MAGIC[source["media_type"]]), "image: not of its media type")
        try:
            with Image.open(io.BytesIO(data)) as picture:
                picture.load()
                widest = max(widest, *picture.size)
        except Exception as error:
            raise Refused(f"image: cannot be decoded ({error})") from None
    _must(len(blocks) <= 100, "more than 100 images")
    _must(widest <= 8000, "image: more than 8000 px")
    _must(len(blocks) <= 20 or widest <= 2000, "many images: each at most 2000 px")


def _inside(content: Any) -> list[dict[str, Any]]:
    _must(isinstance(content, list), "content: a list of blocks")
    found: list[dict[str, Any]] = []
    for block in content:
        found.append(block)
        if block["type"] == "tool_result":
            found += block["content"]
    return found


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)
