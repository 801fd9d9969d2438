"""Images put into words by a model that knows nothing of what they are wanted for."""

from __future__ import annotations

import json
from collections.abc import Sequence

from PIL import Image

from maia_lab import access
from maia_lab.agents.aside import Aside, keep
from maia_lab.agents.claude import MODEL
from maia_lab.agents.server import AgentError, Server
from maia_lab.agents.tools import Unusable
from maia_lab.session import Session

AT_ONCE = 10
"""Images in one request."""
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
        server = server or Server(model or MODEL, base_url, access.key(base_url))
        self._aside = Aside(server, "captions", TOOL)
        self.name = f"{server.model} (sees images only)"

    def paid_by(self, session: Session) -> None:
        """Count what it costs in a session, and stop where that session's budget does."""
        self._aside.session = session

    def describe(self, images: Sequence[Image.Image]) -> list[str]:
        """One sentence an image.

        Raises:
            BudgetError: the session's budget does not pay for it.
            AgentError: the model does not answer.
        """
        files = [self._aside.file(DESCRIBE, [image]) for image in images]
        new = {file: image for file, image in zip(files, images, strict=True) if not file.exists()}
        for at in range(0, len(new), AT_ONCE):
            batch = list(new.items())[at : at + AT_ONCE]
            lines = self._ask([DESCRIBE, *(image for _, image in batch)], len(batch))
            for (file, _), line in zip(batch, lines, strict=True):
                keep(file, [line])
        return [json.loads(file.read_text("utf-8"))[0] for file in files]

    def summarize(self, images: Sequence[Image.Image], ordinary: Sequence[Image.Image]) -> str:
        """What images have in common that ordinary ones have not."""
        file = self._aside.file(SUMMARIZE, [*images, *ordinary])
        if not file.exists():
            parts: list[str | Image.Image] = [SUMMARIZE, "Group 1:", *images]
            keep(file, self._ask([*parts, "Group 2:", *ordinary], None))
        return "\n".join(json.loads(file.read_text("utf-8")))

    def _ask(self, parts: Sequence[str | Image.Image], count: int | None) -> list[str]:
        def check(said: dict[str, list[str]]) -> str:
            lines = len(said["lines"])
            return "" if count in (None, lines) else f"{lines} lines for {count} images"

        try:
            return list(self._aside.ask(parts, check)["lines"])
        except Unusable as error:
            raise AgentError(
                self._aside.by, f"did not describe the images ({error})", "look yourself"
            ) from None
