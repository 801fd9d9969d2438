"""Who says, of images that nobody drew to order, which of them a description means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.errors import MaiaError
from maia_lab.scoring.metrics import pearson
from maia_lab.spending import Billed
from maia_lab.world import Rater, Words, World

if TYPE_CHECKING:
    from maia_lab.session import Session

FEW_WORDS, FEW_IMAGES = 4, 40
"""On which a rater is tried that is paid."""


@runtime_checkable
class Paid(Billed, Protocol):
    """Rates images for money."""

    @property
    def most(self) -> int | None:
        """Held-out images that it is shown of one unit; None: all."""


def combined(
    wanted: Sequence[NDArray[np.float64]], unwanted: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """How sure a description of several phrases is: the surest label's, less what suppresses."""
    sure: NDArray[np.float64] = np.max(wanted, axis=0)
    return sure * (1 - np.max(unwanted, axis=0)) if len(unwanted) else sure


@dataclass(frozen=True, slots=True)
class WordsRater:
    """Goes by the words that are known to be true of an image: labels of folders, or of scenes."""

    words: Words
    name: str = ""

    def rate(
        self, images: Sequence[Image.Image], labels: Sequence[str], suppressed_by: Sequence[str]
    ) -> NDArray[np.float64]:
        """1 for an image that holds any of the labels and nothing that suppresses, else 0."""
        matches = self.words.matches
        return np.array(
            [
                any(matches(label, image) for label in labels)
                and not any(matches(label, image) for label in suppressed_by)
                for image in images
            ],
            float,
        )


class Calibrated:
    """A rater that was first tried where the truth is known, and says how well it did there."""

    def __init__(self, rater: Rater, world: World) -> None:
        """Try a rater on a world's held-out images, whose words are known, when first asked."""
        self._rater, self._world = rater, world

    @cached_property
    def r(self) -> float:
        """Mean correlation of its ratings with what images hold, over the vocabulary's words."""
        words, images = self._world.words, list(self._world.held_out)
        if words is None:
            return 0.0
        found = []
        for word in self._words:
            held = [words.matches(word, image) for image in images]
            if 0 < sum(held) < len(held):
                # A rater that says the same of every image goes with nothing.
                found.append(pearson(self._rater.rate(images, [word], ()), held) or 0.0)
        return fmean(found) if found else 0.0

    @property
    def _words(self) -> tuple[str, ...]:
        nouns = next(iter(self._world.vocabulary.values()))
        return nouns if self.most is None else nouns[:FEW_WORDS]

    @property
    def most(self) -> int | None:
        """As the rater's, where it is paid."""
        return self._rater.most if isinstance(self._rater, Paid) else None

    def paid_by(self, session: Session) -> None:
        """As the rater, where it is paid."""
        if isinstance(self._rater, Paid):
            self._rater.paid_by(session)

    @property
    def name(self) -> str:
        """The rater's, with its calibration."""
        world = self._world
        try:
            r = self.r
        except MaiaError as error:
            return f"{self._rater.name}, not calibrated ({error.value} {error.reason})"
        return (
            f"{self._rater.name}, whose ratings go with what {world.name} hold by r {r:.2f}"
            f" ({len(world.held_out)} images, {len(self._words)} words)"
        )

    def rate(
        self, images: Sequence[Image.Image], labels: Sequence[str], suppressed_by: Sequence[str]
    ) -> NDArray[np.float64]:
        """As the rater does."""
        return self._rater.rate(images, labels, suppressed_by)
