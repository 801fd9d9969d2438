"""Answers that broke on their way, or were broken from the start: none of them is a proposal."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from anthropic._streaming import SSEDecoder

from maia_lab.agents.answer import Answer, Damaged, ServerSaid, read
from maia_lab.agents.tools import Unusable, proposal
from maia_lab.bench.loopback import Reply, call, events

SAID = {
    "why": "If blue is as strong as red, H1 falls.",
    "hypotheses": [{"id": "H1", "text": "fires for red"}, {"id": "H2", "text": "fires for blue"}],
    "predicts": [{"hypothesis": "H1", "higher": ["red"], "lower": ["blue", "green"]}],
    "code": 'print(tools.compare({w: tools.text2image(w) for w in ["red", "blue"]}))\n',
}
WHOLE = json.dumps(SAID)
THOUGHT = "Red or blue?"


def accepted(stream: bytes) -> bool:
    """Whether a stream becomes a proposal."""

    async def pieces() -> AsyncIterator[bytes]:
        yield stream

    async def whole() -> bool:
        answer = Answer()
        try:
            await read(SSEDecoder().aiter_bytes(pieces()), answer, lambda _: None)
            name, said = answer.call()
            proposal(name, said)
        except (Damaged, ServerSaid, Unusable):
            return False
        return True

    return asyncio.run(whole())


def sound() -> bytes:
    """The answer before anything happens to it."""
    return b"".join(events(Reply(call("run_experiment", SAID, thinking=THOUGHT))))


def damaged(n: int, seed: int) -> Iterator[bytes]:
    """So many broken answers, no kind left out."""
    dice = random.Random(seed)
    kinds: list[Callable[[random.Random], bytes]] = [_cut, _event_gone, _event_twice, _garbled]
    kinds += [_stopped_otherwise, _error_between, _misplaced, _input, _input, _calls]
    for number in range(n):
        yield kinds[number % len(kinds)](dice)


def _events() -> list[bytes]:
    return list(events(Reply(call("run_experiment", SAID, thinking=THOUGHT))))


def _structural(dice: random.Random, found: list[bytes]) -> int:
    """The place of an event without which an answer is not whole."""
    kinds = (b"message_start", b"content_block_start", b"content_block_stop", b"message_delta")
    places = [i for i, event in enumerate(found) if event[7:].startswith(kinds)]
    return dice.choice(places)


def _cut(dice: random.Random) -> bytes:
    whole = sound()
    return whole[: dice.randrange(whole.rindex(b'"message_stop"'))]


def _event_gone(dice: random.Random) -> bytes:
    found = _events()
    del found[dice.choice((_structural(dice, found), len(found) - 1))]
    return b"".join(found)


def _event_twice(dice: random.Random) -> bytes:
    found = _events()
    place = _structural(dice, found)
    found.insert(dice.randint(place, len(found) - 1), found[place])
    return b"".join(found)


def _garbled(dice: random.Random) -> bytes:
    found = _events()
    place = dice.randrange(len(found))
    if dice.random() < 0.2:
        found[place] = found[place].replace(b"data: {", b"data: \xff\xfe{")
        return b"".join(found)
    head, _, data = found[place].partition(b"data: ")
    cut = dice.randrange(len(data) - 3)
    found[place] = head + b"data: " + data[:cut] + b"\n\n"
    if not data[:cut]:
        # An event without data says nothing: what it should have said is missing.
        del found[place:]
    return b"".join(found)


def _stopped_otherwise(dice: random.Random) -> bytes:
    other = ("null", '"max_tokens"', '"end_turn"', '"refusal"', '"pause_turn"', '"asleep"', '""')
    return sound().replace(
        b'"stop_reason": "tool_use"', f'"stop_reason": {dice.choice(other)}'.encode()
    )


def _error_between(dice: random.Random) -> bytes:
    found = _events()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    place = dice.randint(0, len(found) - 1)
    found.insert(place, f"event: error\ndata: {json.dumps(error)}\n\n".encode())
    return b"".join(found)


def _misplaced(dice: random.Random) -> bytes:
    found = _events()
    places = [i for i, event in enumerate(found) if b'"index": 1' in event]
    place = dice.choice(places)
    other = dice.choice((0, 2, 7))
    found[place] = found[place].replace(b'"index": 1', f'"index": {other}'.encode())
    return b"".join(found)


def _input(dice: random.Random) -> bytes:
    """JSON that is none, or that fits no tool."""
    said: dict[str, Any] = json.loads(WHOLE)
    key = dice.choice(list(said))
    wrong: list[Any] = [None, 7, {}, [1], [[]], True]
    match dice.randrange(9):
        case 0:
            raw: Any = WHOLE[: dice.randrange(1, len(WHOLE))]
        case 1:
            raw = WHOLE.replace('"why": "', '"why": "a" "', 1)
        case 2:
            raw = WHOLE[:-1] + dice.choice((",}", ', "code": "pass"}', "}}", "} and more"))
        case 3:
            raw = WHOLE.replace('["red"]', dice.choice(('["red",]', '["red" "blue"]', '["red"')), 1)
        case 4:
            del said[key]
            raw = said
        case 5:
            raw = said | {dice.choice(("shell", "Code", "note")): "x"}
        case 6:
            raw = said | {key: dice.choice(wrong)}
        case 7:
            code = dice.choice(("", "  \n", "print(", "the code", "x = 1\n  y = 2", "\0"))
            raw = said | {"code": code}
        case _:
            raw = WHOLE.replace('"text": "fires for red"', '"text": NaN', 1)
    return b"".join(events(Reply(call("run_experiment", raw))))


def _calls(dice: random.Random) -> bytes:
    """Another number of calls than one, or of another tool."""
    one = call("run_experiment", SAID)
    match dice.randrange(4):
        case 0:
            content = one + call("run_experiment", SAID, "toolu_2")
        case 1:
            content = [{"type": "text", "text": WHOLE}]
        case 2:
            content = call(dice.choice(("", "bash", "Run_experiment")), SAID)
        case _:
            content = call("conclude", SAID)
    return b"".join(events(Reply(content)))
