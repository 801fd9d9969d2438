"""What a server keeps of the requests it has read, and what is billed for it: a model.

Rates and rules are the vendor's published ones (reading from the cache a tenth of the input price,
writing 1.25 times for five minutes and twice for an hour; 20 blocks are looked back from a mark);
tokens are counted roughly, at 3.5 characters each and 750 pixels an image token.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

SECONDS = {"5m": 300.0, "1h": 3600.0}
WRITE = {"5m": 1.25, "1h": 2.0}
READ = 0.1
LOOKBACK = 20


@dataclass(slots=True)
class Cache:
    """A server's memory over one session, and the bill so far."""

    billed: float = 0.0
    """Input tokens, each at its rate."""
    total: float = 0.0
    resent: int = 0
    """Pictures that were sent before and had to be read anew."""
    _until: dict[str, float] = field(default_factory=dict)
    _ttl: dict[str, str] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def replay(cls, bodies: Sequence[dict[str, Any]], pause: float) -> Cache:
        """Read requests in turn, ``pause`` seconds apart."""
        cache = cls()
        for number, body in enumerate(bodies):
            cache.read(body, number * pause)
        return cache

    @property
    def share(self) -> float:
        """Of all input, billed at the plain input price."""
        return self.billed / self.total

    def read(self, body: dict[str, Any], now: float) -> None:
        """Take one request at a time in seconds."""
        prefix, sizes, hashes, marks, pictures = hashlib.sha256(), [], [], {}, []
        for number, (block, mark) in enumerate(_blocks(body)):
            prefix.update(json.dumps(block, sort_keys=True).encode())
            sizes.append(_tokens(block))
            hashes.append(prefix.hexdigest())
            pictures.append([b["source"]["data"] for b in _images(block)])
            if mark:
                marks[number] = mark["ttl"]
        hit = -1
        for mark in marks:
            for at in range(mark, max(mark - LOOKBACK, -1), -1):
                if self._until.get(hashes[at], -1.0) >= now:
                    hit = max(hit, at)
                    break
        if hit >= 0:
            self._until[hashes[hit]] = now + SECONDS[self._ttl[hashes[hit]]]
        last = max(marks, default=-1)
        for number, size in enumerate(sizes):
            rate = READ if number <= hit else WRITE[marks[last]] if number <= last else 1.0
            self.billed += rate * size
            self.total += size
            for data in pictures[number]:
                self.resent += data in self._seen and number > hit
                self._seen.add(data)
        for number, ttl in marks.items():
            self._until[hashes[number]] = now + SECONDS[ttl]
            self._ttl[hashes[number]] = ttl


def _blocks(body: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Everything in the order in which it counts as a prefix, marks taken off."""
    for tool in body["tools"]:
        yield tool, None
    for block in body["system"]:
        yield {k: v for k, v in block.items() if k != "cache_control"}, block.get("cache_control")
    for message in body["messages"]:
        for block in message["content"]:
            bare = {k: v for k, v in block.items() if k != "cache_control"}
            yield {"role": message["role"], **bare}, block.get("cache_control")


def _images(block: dict[str, Any]) -> list[dict[str, Any]]:
    inner = block["content"] if block.get("type") == "tool_result" else [block]
    return [b for b in inner if b.get("type") == "image"]


def _tokens(block: dict[str, Any]) -> float:
    pictures = _images(block)
    pixels = sum(_pixels(picture["source"]["data"]) for picture in pictures)
    data = sum(len(picture["source"]["data"]) for picture in pictures)
    return (len(json.dumps(block)) - data) / 3.5 + pixels / 750


def _pixels(data: str) -> int:
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        return picture.width * picture.height
