"""A model that says of images how well a description fits: it sees both and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import access
from maia_lab.agents.aside import Aside, keep
from maia_lab.agents.claude import MODEL
from maia_lab.agents.server import AgentError, Server
from maia_lab.agents.tools import Unusable
from maia_lab.config import Config
from maia_lab.scoring.rater import combined
from maia_lab.session import Session
from maia_lab.thought import Thought

AT_ONCE = 20
"""Images in one request."""
WIDEST = 512
"""Pixels a side as they are sent: more is paid for, and a network saw less."""
ASK = (
    "For each of these images, in order, say how sure you are that it shows what stands between"
    " the lines: 0 certainly not, 1 certainly. Go by what can be seen, and judge each image by"
    " itself.\n---\n{phrase}\n---"
)
TOOL = {
    "name": "rate",
    "description": "Rate the images.",
    "input_schema": {
        "type": "object",
        "properties": {
            "ratings": {
                "type": "array",
                "items": {"type": "number"},
                "description": "One from 0 to 1 for each image, in order",
            }
        },
        "required": ["ratings"],
        "additionalProperties": False,
    },
    "strict": True,
}


class ClaudeRater:
    """Rates images through the Messages API; each image and phrase is asked once.

    Attributes:
        name: as it is shown to people.
        most: held-out images that it is shown of one unit.
    """

    most = 200

    def __init__(self, model: str = "", *, server: Server | None = None) -> None:
        """Name the model; nothing is sent yet. What is not given is as configured."""
        if server is None:
            settled = Config.read()
            access.check(settled.base_url)
            key = access.key(settled.base_url)
            server = Server(model or settled.model or MODEL, settled.base_url, key)
        self._aside = Aside(server, "ratings", TOOL)
        self.name = f"{server.model} (sees images and description only)"

    def paid_by(self, session: Session) -> None:
        """Count what it costs in a session, and stop where that session's budget does."""
        self._aside.session = session

    def rate(
        self, images: Sequence[Image.Image], labels: Sequence[str], suppressed_by: Sequence[str]
    ) -> NDArray[np.float64]:
        """The surest label's rating, less what suppresses: 0 to 1.

        Raises:
            BudgetError: the session's budget does not pay for it.
            AgentError: the model does not answer, or not with ratings.
        """
        rated = {phrase: self._rated(images, phrase) for phrase in (*labels, *suppressed_by)}
        return combined([rated[each] for each in labels], [rated[each] for each in suppressed_by])

    def _rated(self, images: Sequence[Image.Image], phrase: str) -> NDArray[np.float64]:
        ask = ASK.format(phrase=phrase)
        files = [self._aside.file(ask, [image]) for image in images]
        new = {file: image for file, image in zip(files, images, strict=True) if not file.exists()}
        for at in range(0, len(new), AT_ONCE):
            batch = list(new.items())[at : at + AT_ONCE]
            told = f"{self._aside.model} rates images: {at} of {len(new)} done"
            self._aside.tell(Thought("rating", told))
            ratings = self._ask([ask, *(_small(image) for _, image in batch)], len(batch))
            for (file, _), rating in zip(batch, ratings, strict=True):
                keep(file, rating)
        return np.array([json.loads(file.read_text("utf-8")) for file in files], float)

    def _ask(self, parts: Sequence[str | Image.Image], count: int) -> list[float]:
        def check(said: dict[str, list[float]]) -> str:
            ratings = said["ratings"]
            if len(ratings) != count:
                return f"{len(ratings)} ratings for {count} images"
            absurd = [rating for rating in ratings if not 0 <= rating <= 1]
            return f"{absurd[0]} is not between 0 and 1" if absurd else ""

        try:
            return list(self._aside.ask(parts, check)["ratings"])
        except Unusable as error:
            raise AgentError(
                self._aside.by, f"did not rate the images ({error})", "name another rater"
            ) from None


def _small(image: Image.Image) -> Image.Image:
    shown = image.copy()
    shown.thumbnail((WIDEST, WIDEST))
    return shown
