"""A server of the Messages API on this machine: strict, scripted, and broken on demand.

It is what the agent is tested and measured against where no key and no network are to be had.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from maia_lab.bench.strict import Refused, check

Block = dict[str, Any]
VERSION = "2026-10-21"


@dataclass(slots=True)
class Reply:
    """What the server answers to one request."""

    content: list[Block] = field(default_factory=list)
    stop: str = "tool_use"
    usage: dict[str, Any] = field(
        default_factory=lambda: {"input_tokens": 1000, "output_tokens": 200}
    )
    details: dict[str, Any] | None = None
    """Of a refusal."""
    seconds: float = 0.0
    """Taken before the first event."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong instead of an answer."""

    kind: str
    """A status (``"429"``), or how a stream breaks: one of :data:`BREAKS`."""
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 200
    """Of a broken stream: bytes that still come."""


BREAKS = ("refuse", "eof", "rst", "rst-early", "stall", "garbage", "error", "unknown")
"""``refuse``: closed before a word; ``unknown`` sends an event of an unknown type, then all."""
Script = Callable[[Block, int], Reply]
"""Given a request's body and its number from 0, what to answer."""


def call(name: str, said: Any, id: str = "", thinking: str = "") -> list[Block]:
    """The blocks of an answer that calls one tool."""
    block = {"type": "tool_use", "id": id or "toolu_1", "name": name, "input": said}
    if not thinking:
        return [block]
    return [{"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"}, block]


def events(reply: Reply, model: str = "loopback", piece: int = 17) -> Iterator[bytes]:
    """An answer as server-sent events, its texts cut into pieces."""
    usage = reply.usage | {"output_tokens": 1}
    message: Block = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield _event("message_start", message=message)
    yield _event("ping")
    for index, block in enumerate(reply.content):
        empty = {"text": "", "thinking": "", "signature": "", "input": {}}
        start = block | {key: nothing for key, nothing in empty.items() if key in block}
        yield _event("content_block_start", index=index, content_block=start)
        for kind, key, text in _pieces(block):
            size = piece if key != "signature" else len(text)
            for at in range(0, len(text), size or 1):
                delta = {"type": kind, key: text[at : at + size]}
                yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    end: Block = {"stop_reason": reply.stop, "stop_details": reply.details}
    written = {"output_tokens": reply.usage["output_tokens"]}
    yield _event("message_delta", delta=end, usage=written)
    yield _event("message_stop")


def _pieces(block: Block) -> list[tuple[str, str, str]]:
    match block["type"]:
        case "text":
            return [("text_delta", "text", block["text"])]
        case "thinking":
            return [
                ("thinking_delta", "thinking", block["thinking"]),
                ("signature_delta", "signature", block["signature"]),
            ]
        case "tool_use":
            said = block["input"]
            raw = said if isinstance(said, str) else json.dumps(said)
            return [("input_json_delta", "partial_json", raw)]
    return []


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


class Loopback:
    """The server, in a thread of its own.

    Attributes:
        requests: bodies, in the order in which they came.
        refused: why requests were refused, where they broke a rule.
        faults: what goes wrong next, one a request.
        models: what it says of models, by name; others are unknown to it.
        key: the only one it takes.
    """

    def __init__(self, script: Script, key: str = "loopback-key") -> None:
        """Answer by a script."""
        self.requests: list[Block] = []
        self.refused: list[str] = []
        self.faults: deque[Fault] = deque()
        self.models: dict[str, Any] = {}
        self.key = key
        self._script, self._lock, self._over = script, Lock(), Event()
        self._paused = False
        self._answered = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._get(self)

            def do_POST(self) -> None:
                server._post(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Loopback:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _get(self, to: BaseHTTPRequestHandler) -> None:
        name = to.path.rpartition("/")[2]
        if not self._known(to):
            return
        if name in self.models:
            _send(to, 200, {"type": "model", "id": name, "display_name": name} | self.models[name])
        elif self.models:
            _send(to, 404, _error("not_found_error", f"model: {name}"))
        else:
            _send(to, 404, {"detail": "Not Found"})

    def _known(self, to: BaseHTTPRequestHandler) -> bool:
        given = to.headers.get("x-api-key") or to.headers.get("authorization") or ""
        if given.removeprefix("Bearer ") != self.key:
            _send(to, 401, _error("authentication_error", "invalid x-api-key"))
            return False
        if to.headers.get("anthropic-version") != VERSION:
            _send(to, 400, _error("invalid_request_error", "anthropic-version: wrong"))
            return False
        return True

    def _post(self, to: BaseHTTPRequestHandler) -> None:
        raw = to.rfile.read(int(to.headers["content-length"]))
        with self._lock:
            fault = self.faults.popleft() if self.faults else None
            if fault is not None and fault.kind == "rst-early":
                _reset(to)
                return
            if not self._known(to):
                return
            body = json.loads(raw)
            self.requests.append(body)
            if self.models and body["model"] not in self.models:
                _send(to, 404, _error("not_found_error", f"model: {body['model']}"))
                return
            try:
                check(body, self._paused)
            except (Refused, KeyError, TypeError, IndexError) as error:
                self.refused.append(f"{type(error).__name__}: {error}")
                _send(to, 400, _error("invalid_request_error", str(error)))
                return
            if fault is not None and (fault.kind.isdecimal() or fault.kind == "refuse"):
                _fail(to, fault)
                return
            reply = self._script(body, self._answered)
            self._answered += fault is None or fault.kind == "unknown"
            self._paused = reply.stop == "pause_turn"
        self._over.wait(reply.seconds)
        self._stream(to, reply, body["model"], fault)

    def _stream(
        self, to: BaseHTTPRequestHandler, reply: Reply, model: str, fault: Fault | None
    ) -> None:
        to.close_connection = True
        to.send_response(200)
        to.send_header("content-type", "text/event-stream")
        to.send_header("connection", "close")
        to.end_headers()
        whole = b"".join(events(reply, model))
        fault = fault or Fault("")
        try:
            match fault.kind:
                case "":
                    to.wfile.write(whole)
                case "unknown":
                    to.wfile.write(_event("weather", sky="blue") + whole)
                case "garbage":
                    garbage = b"\n\nevent: ping\ndata: {not json\n\n"
                    to.wfile.write(whole[: fault.after] + garbage)
                case "error":
                    to.wfile.write(whole[: whole.index(b"\n\n") + 2])
                    to.wfile.write(
                        _event("error", error={"type": "overloaded_error", "message": "busy"})
                    )
                case kind:
                    to.wfile.write(whole[: fault.after])
                    to.wfile.flush()
                    if kind == "rst":
                        time.sleep(0.02)
                        _reset(to)
                    elif kind == "stall":
                        self._over.wait(600)
            to.wfile.flush()
        except OSError:  # Whoever asked has gone.
            return


def _fail(to: BaseHTTPRequestHandler, fault: Fault) -> None:
    if fault.kind == "refuse":
        to.close_connection = True
        to.connection.shutdown(socket.SHUT_RDWR)
        return
    names = {"429": "rate_limit_error", "529": "overloaded_error"}
    body = fault.body or _error(names.get(fault.kind, "api_error"), "something went wrong")
    _send(to, int(fault.kind), body, fault.headers)


def _error(kind: str, message: str, **details: Any) -> Block:
    error: Block = {"type": kind, "message": message}
    return {"type": "error", "error": error | ({"details": details} if details else {})}


def _send(
    to: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str] | None = None
) -> None:
    plain = isinstance(body, str)
    data = body.encode() if plain else json.dumps(body).encode()
    to.close_connection = True
    to.send_response(status)
    to.send_header("content-type", "text/html" if plain else "application/json")
    for name, value in (headers or {}).items():
        to.send_header(name, value)
    to.send_header("content-length", str(len(data)))
    to.end_headers()
    to.wfile.write(data)


def _reset(to: BaseHTTPRequestHandler) -> None:
    """Close so that the other end meets a reset."""
    to.close_connection = True
    linger = struct.pack("ii", 1, 0)
    to.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    to.connection.close()
