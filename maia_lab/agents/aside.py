"""A question about images beside a session's conversation: asked blind and once, and paid by it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from maia_lab.agents.messages import image, jpeg
from maia_lab.agents.server import Asked, Failures, Server
from maia_lab.agents.tools import Unusable, misfit
from maia_lab.errors import BudgetError
from maia_lab.events import Answered
from maia_lab.journal.disk import write_whole
from maia_lab.places import cache
from maia_lab.provenance import pixel_hash
from maia_lab.session import Session
from maia_lab.spending import Price, Usage
from maia_lab.thought import Thought

MOST_OUTPUT = 2_000


class Aside:
    """A model that is asked about images and told nothing else; what it said is kept on disk.

    Attributes:
        by: model and host.
        model: the model's name.
        session: whose budget pays; None: nobody counts.
    """

    def __init__(
        self, server: Server, purpose: Literal["captions", "ratings"], tool: dict[str, Any]
    ) -> None:
        """Ask a server, for answers that call this one tool."""
        self._server, self._purpose, self._tool = server, purpose, tool
        self.by, self.model = server.by, server.model
        self.session: Session | None = None

    def file(self, question: str, images: Sequence[Image.Image]) -> Path:
        """Where the answer to a question about these images is kept on this machine."""
        asked = json.dumps([self.by, question, *map(pixel_hash, images)])
        return cache() / self._purpose / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"

    def ask(
        self, parts: Sequence[str | Image.Image], check: Callable[[dict[str, Any]], str]
    ) -> dict[str, Any]:
        """Ask, once more if the answer cannot be used; ``check`` says what is wrong with one.

        Raises:
            BudgetError: the session's budget does not pay for it.
            AgentError: the model does not answer.
            Unusable: what it answers cannot be used.
        """
        content = [
            {"type": "text", "text": part} if isinstance(part, str) else image(jpeg(part))
            for part in parts
        ]
        body = {
            "model": self.model,
            "max_tokens": MOST_OUTPUT,
            "messages": [{"role": "user", "content": content}],
            "tools": [self._tool],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        }
        pixels = sum(part.width * part.height for part in parts if not isinstance(part, str))
        wrong = ""
        for _ in range(2):
            self._afford(1500 + pixels // 700)
            asked = _apart(self._once(body))
            try:
                name, said = asked.answer.call()
            except Unusable as error:
                wrong = str(error)
                continue
            wrong = misfit(said, self._tool["input_schema"], name) or check(said)
            if not wrong:
                return said
        raise Unusable(wrong)

    async def _once(self, body: dict[str, Any]) -> Asked:
        failed = Failures()
        try:
            asked = await self._server.ask(body, self._hear, failed)
            self._bill(asked, asked.answer.stop)
            return asked
        finally:
            self.tell(Thought("done"))
            for attempt, why in failed.tries:
                if attempt.answer.usage.tokens:
                    self._bill(attempt, why)

    def tell(self, thought: Thought) -> None:
        """Be heard where the session's agent is."""
        if self.session is not None:
            self.session.aloud.tell(thought)

    def _hear(self, thought: Thought) -> None:
        # What it writes is no more than what it was asked for; that it waits is news.
        if thought.kind == "wait":
            self.tell(thought)

    def _afford(self, sent: int) -> None:
        if self.session is None:
            return
        left, price = self.session.briefing, Price.of(self.model)
        cost = price.cost(Usage(input=sent, output=MOST_OUTPUT)) if price else 0.0
        short = left.tokens_left is not None and left.tokens_left < 2 * (sent + MOST_OUTPUT)
        if short or (left.money_left is not None and left.money_left < 2 * cost):
            raise BudgetError(
                "the budget",
                f"does not pay for {self._purpose} beside a conclusion",
                "raise it, or look at tools.display(images)",
            )

    def _bill(self, asked: Asked, stop: str) -> None:
        if self.session is not None:
            usage, price = asked.answer.usage, Price.of(self.model)
            self.session.keep(
                Answered(
                    asked.answer.model or self.model,
                    self.by,
                    "",
                    stop,
                    usage,
                    price.cost(usage) if price else None,
                    round(asked.seconds, 3),
                    self._purpose,
                    asked.request,
                )
            )


def keep(file: Path, said: object) -> None:
    """Keep an answer, so that it is asked for once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(said).encode())


def _apart(asking: Coroutine[Any, Any, Asked]) -> Asked:
    """Wait for it on a thread of its own: a notebook's has an event loop already."""
    done: list[Asked] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(asyncio.run(asking))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="maia-aside", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)
    if failed:
        raise failed[0]
    return done[0]
