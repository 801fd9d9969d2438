"""Images put into words by a model that knows nothing of what they are wanted for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from maia_lab import access
from maia_lab.agents.claude import MODEL
from maia_lab.agents.messages import image, jpeg
from maia_lab.agents.server import AgentError, Asked, Failures, Server
from maia_lab.agents.tools import Unusable, misfit
from maia_lab.errors import BudgetError
from maia_lab.events import Answered
from maia_lab.journal.disk import write_whole
from maia_lab.places import cache
from maia_lab.provenance import pixel_hash
from maia_lab.session import Session
from maia_lab.spending import Price, Usage

AT_ONCE = 10
"""Images in one request."""
MOST_OUTPUT = 2_000
DESCRIBE = (
    "Describe each image in one plain sentence: what is in it, its colours, materials and textures,"
    " how many, and the background. Say what is there, not what it may mean."
)
SUMMARIZE = (
    "Two groups of images follow. In up to eight short lines, say what the first group has in"
    " common that is rarer in the second, most telling first, each with how many of each group show"
    " it. Say only what can be seen."
)
SCHEMA = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {"type": "string"},
            "description": "One for each image, in order; or one for each thing in common",
        }
    },
    "required": ["lines"],
    "additionalProperties": False,
}
TOOL = {
    "name": "say",
    "description": "Say what the images show.",
    "input_schema": SCHEMA,
    "strict": True,
}


class ClaudeCaptioner:
    """Describes images through the Messages API; each image and question is asked once.

    Attributes:
        name: as it is shown to people.
    """

    def __init__(
        self, model: str = "", base_url: str = "", *, server: Server | None = None
    ) -> None:
        """Name the model and its server; nothing is sent yet."""
        self._server = server or Server(model or MODEL, base_url, access.key(base_url))
        self.name = f"{self._server.model} (sees images only)"
        self._session: Session | None = None

    def paid_by(self, session: Session) -> None:
        """Count what it costs in a session, and stop where that session's budget does."""
        self._session = session

    def describe(self, images: Sequence[Image.Image]) -> list[str]:
        """One sentence an image.

        Raises:
            BudgetError: the session's budget does not pay for it.
            AgentError: the model does not answer.
        """
        files = [self._file(DESCRIBE, [image]) for image in images]
        new = {file: image for file, image in zip(files, images, strict=True) if not file.exists()}
        for at in range(0, len(new), AT_ONCE):
            batch = list(new.items())[at : at + AT_ONCE]
            lines = self._ask(DESCRIBE, [[image for _, image in batch]], len(batch))
            for (file, _), line in zip(batch, lines, strict=True):
                _keep(file, [line])
        return [json.loads(file.read_text("utf-8"))[0] for file in files]

    def summarize(self, images: Sequence[Image.Image], ordinary: Sequence[Image.Image]) -> str:
        """What images have in common that ordinary ones have not."""
        file = self._file(SUMMARIZE, [*images, *ordinary])
        if not file.exists():
            _keep(file, self._ask(SUMMARIZE, [images, ordinary], None))
        return "\n".join(json.loads(file.read_text("utf-8")))

    def _file(self, question: str, images: Sequence[Image.Image]) -> Path:
        asked = json.dumps([self._server.by, question, *map(pixel_hash, images)])
        return cache() / "captions" / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"

    def _ask(
        self, question: str, groups: Sequence[Sequence[Image.Image]], count: int | None
    ) -> list[str]:
        content: list[dict[str, Any]] = [{"type": "text", "text": question}]
        for number, group in enumerate(groups, 1):
            if len(groups) > 1:
                content.append({"type": "text", "text": f"Group {number}:"})
            content += [image(jpeg(picture)) for picture in group]
        body = {
            "model": self._server.model,
            "max_tokens": MOST_OUTPUT,
            "messages": [{"role": "user", "content": content}],
            "tools": [TOOL],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        }
        pixels = sum(p.width * p.height for group in groups for p in group)
        self._afford(1500 + pixels // 700)
        wrong = ""
        for _ in range(2):
            asked = _aside(self._once(body))
            try:
                name, said = asked.answer.call()
                wrong = misfit(said, SCHEMA, name)
                if not wrong and count in (None, len(said["lines"])):
                    return list(said["lines"])
                wrong = wrong or f"{len(said['lines'])} lines for {count} images"
            except Unusable as error:
                wrong = str(error)
        raise AgentError(self._server.by, f"did not describe the images ({wrong})", "look yourself")

    async def _once(self, body: dict[str, Any]) -> Asked:
        failed = Failures()
        try:
            asked = await self._server.ask(body, lambda _: None, failed)
            self._bill(asked, asked.answer.stop)
            return asked
        finally:
            for attempt, why in failed.tries:
                if attempt.answer.usage.tokens:
                    self._bill(attempt, why)

    def _afford(self, sent: int) -> None:
        if self._session is None:
            return
        left, price = self._session.briefing, Price.of(self._server.model)
        cost = price.cost(Usage(input=sent, output=MOST_OUTPUT)) if price else 0.0
        short = left.tokens_left is not None and left.tokens_left < 2 * (sent + MOST_OUTPUT)
        if short or (left.money_left is not None and left.money_left < 2 * cost):
            raise BudgetError(
                "the budget", "is kept for the conclusion", "look at tools.display(images)"
            )

    def _bill(self, asked: Asked, stop: str) -> None:
        if self._session is not None:
            usage, price = asked.answer.usage, Price.of(self._server.model)
            self._session.keep(
                Answered(
                    asked.answer.model or self._server.model,
                    self._server.by,
                    "",
                    stop,
                    usage,
                    price.cost(usage) if price else None,
                    round(asked.seconds, 3),
                    "captions",
                    asked.request,
                )
            )


def _keep(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(lines).encode())


def _aside(asking: Coroutine[Any, Any, Asked]) -> Asked:
    """Wait for it on a thread of its own: a notebook's has an event loop already."""
    done: list[Asked] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(asyncio.run(asking))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="maia-captions", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)
    if failed:
        raise failed[0]
    return done[0]
