"""The language-model agent against a strict server on this machine: what it sends and survives."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import httpx2
from anthropic import AsyncAnthropic
from PIL import Image

from maia_lab.agents.claude import ClaudeAgent, request
from maia_lab.agents.messages import conversation
from maia_lab.agents.server import AgentError, Server
from maia_lab.bench.cached import Cache
from maia_lab.bench.damage import accepted, damaged
from maia_lab.bench.histories import random_history, refused
from maia_lab.bench.loopback import Block, Fault, Loopback, Reply, call, events
from maia_lab.bench.table import Row, Table
from maia_lab.brief import brief
from maia_lab.events import Opened, Setting
from maia_lab.journal import Journal
from maia_lab.loop import next_thought
from maia_lab.observation import Observation, Picture, Text
from maia_lab.proposal import Conclusion
from maia_lab.review import Approve
from maia_lab.session import Session
from maia_lab.state import Phase
from maia_lab.tasks import DESCRIBE
from maia_lab.unit import Unit

STEPS, IMAGES = 12, 35
KINDS = ("429", "529", "500", "502", "rst-early", "refuse", "eof", "rst", "garbage", "error")
SYSTEM = brief()
PAUSES = (30.0, 360.0, 4200.0)
"""Seconds that a reviewer takes over a step."""


def agent(seeds: Sequence[int], n: int = 5000) -> Table:
    """Measure the agent.

    Args:
        seeds: of pictures, damages and histories.
        n: damaged streams, and random histories, shared among the seeds.
    """
    each = -(-n // len(seeds))
    sessions = [_twelve_steps(seed) for seed in seeds]
    caches = {pause: [Cache.replay(bodies, pause) for bodies, _ in sessions] for pause in PAUSES}
    taken = [sum(accepted(stream) for stream in damaged(each, seed)) for seed in seeds]
    wrong = [sum(_is_refused(seed * 100_003 + i) for i in range(each)) for seed in seeds]
    shares = [
        Row.of(
            "billed-input-share" if pause == PAUSES[0] else f"billed-input-share/{pause / 60:g}min",
            [cache.share for cache in found],
            "of all input",
            "<= 0.4" if pause == PAUSES[0] else "",
            f"modelled: {STEPS} steps, {IMAGES} images, {pause:g} s over each",
        )
        for pause, found in caches.items()
    ]
    resent = [float(cache.resent) for cache in caches[PAUSES[0]]]
    overhead = [1000 * median(seconds) for _, seconds in sessions]
    survived = [float(_faults(seed)) for seed in seeds]
    rows = (
        *shares,
        Row.of("agent-overhead", overhead, "ms a step", "<= 100", "network and model left out"),
        Row.of(
            "images-resent", resent, "images", "<= 0", "sent before and not read from the cache"
        ),
        Row.of("faults-survived", survived, "in a row", ">= 20", "across the pauses they cause"),
        _none("damaged-accepted", taken, each, "streams"),
        _none("histories-rejected", wrong, each, "histories"),
    )
    return Table("agent", tuple(seeds), rows)


def _none(name: str, found: Sequence[int], each: int, unit: str) -> Row:
    note = f"{each} for each seed"
    total, n = float(sum(found)), each * len(found)
    return Row(name, total, min(found), max(found), n, unit, "<= 0", note)


def opened(journal: Journal, **setting: Any) -> Session:
    """A session of the shape that the benches ask about."""
    asked = DESCRIBE.ask(Unit("scenes", "layer4", 12))
    made = Setting("claude", "scenes", "3000 scenes", "scenes renderer", "scenes editor", **setting)
    return Session.open(journal, Opened(journal.name, asked, made))


def experiment(number: int, code: str = "print(1)") -> list[Block]:
    """The blocks of an answer that proposes one."""
    said = {
        "why": f"Experiment {number}: does it answer red more than blue?",
        "hypotheses": [{"id": "H1", "text": "fires for red things"}],
        "predicts": [{"hypothesis": "H1", "higher": ["red"], "lower": ["blue"]}],
        "code": code,
    }
    thinking = "If red and blue differ, shape cannot be all of it. " * 8
    return call("run_experiment", said, f"toolu_{number:03d}", thinking)


def drive(session: Session, asked: ClaudeAgent, observation: Observation) -> None:
    """Think one step, approve it and let it come to something."""
    next_thought(session, asked)
    if session.state.phase is not Phase.WAITING:
        return
    offered = session.state.offered
    session.decide(session.ticket, Approve(), "human")
    session.began()
    if offered is None or not isinstance(offered.proposal, Conclusion):
        session.observed(observation)


def _twelve_steps(seed: int) -> tuple[list[Block], list[float]]:
    """One session's requests, and the seconds that each took on this side."""
    dice = random.Random(seed)
    sent: list[bytes] = []
    seconds: list[float] = []
    journal = Journal.memory(f"bench-{seed}")
    session = opened(journal)

    class Canned(Server):
        """Answers without a network; making the client still counts."""

        def _client(self) -> AsyncAnthropic:
            super()._client()

            def answer(asked: httpx2.Request) -> httpx2.Response:
                if asked.method == "GET":
                    return httpx2.Response(404, json={})
                reply = Reply(experiment(len(sent)))
                sent.append(asked.content)
                sse = b"".join(events(reply))
                return httpx2.Response(
                    200, content=sse, headers={"content-type": "text/event-stream"}
                )

            transport = httpx2.MockTransport(answer)
            return AsyncAnthropic(
                api_key="k", max_retries=0, http_client=httpx2.AsyncClient(transport=transport)
            )

    asked = ClaudeAgent(pixels=journal.image, server=Canned("claude-opus-5-5", key="k"))
    for number in range(STEPS):
        count = IMAGES // STEPS + (number < IMAGES % STEPS)
        shown = [_picture(journal, dice) for _ in range(count)]
        text = Text("red 0.91, blue 0.13\n" * 12)
        began = time.perf_counter()
        next_thought(session, asked)
        seconds.append(time.perf_counter() - began)
        session.decide(session.ticket, Approve(), "human")
        session.began()
        session.observed(Observation((text, *shown), seconds=2.0))
    return [json.loads(body) for body in sent], seconds


def _picture(journal: Journal, dice: random.Random) -> Picture:
    """A contact sheet's worth of pixels that do not compress well."""
    wide, high = dice.choice((640, 800, 1104)), dice.choice((304, 480, 640))
    noise = dice.randbytes(wide // 8 * (high // 8) * 3)
    small = Image.frombytes("RGB", (wide // 8, high // 8), noise)
    file = io.BytesIO()
    small.resize((wide, high)).save(file, "PNG")
    return Picture(journal.keep(file.getvalue()), "8 images, activations 0.9 to 0.1", wide, high)


def _faults(seed: int, most: int = 20) -> int:
    """How many faults in a row a session gets over."""
    dice = random.Random(seed)
    kinds = [dice.choice(KINDS) for _ in range(most)]
    session = opened(Journal.memory("faults"))
    with Loopback(lambda _body, number: Reply(experiment(number))) as server:
        server.faults.extend(
            Fault(kind, "<html>busy</html>" if kind == "502" else None, after=dice.randint(0, 900))
            for kind in kinds
        )
        at = Server("loopback", server.url, server.key, pause=0.01)
        asked = ClaudeAgent(pixels=session.journal.image, server=at)
        for _ in range(most):
            try:
                drive(session, asked, Observation())
            except AgentError as error:
                session.pause(str(error))
                session.resume()
            if session.state.step:
                break
        whole = session.state.step == 1 and not server.refused
        return most - len(server.faults) if whole else 0


def _is_refused(seed: int) -> bool:
    session = random_history(seed)
    briefing = session.briefing
    said = conversation(briefing.events, session.journal.image, "m at h")
    body = request(briefing.events, SYSTEM, "m", said)
    paused = bool(said.messages) and said.messages[-1]["role"] == "assistant"
    return bool(refused(body, paused))
