"""A conclusion rated once more, after it was scored: by another rater, or by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab.doors import open_rater
from maia_lab.errors import SessionError, WordsError
from maia_lab.observation import Score
from maia_lab.proposal import Conclusion
from maia_lab.provenance import pixel_hash
from maia_lab.scoring import evaluation
from maia_lab.scoring.rater import Paid, WordsRater
from maia_lab.session import Session
from maia_lab.study import Study
from maia_lab.world import Progress

COUNT = 40
"""Images that a person is shown."""
LOOKED_AT = 1000
"""Held-out images, at most, that these are chosen from."""


def concluded(session: Session) -> Conclusion:
    """The scored conclusion of a session.

    Raises:
        SessionError: there is none, or it names nothing that images could show.
    """
    offered = session.state.offered
    said = offered.proposal if offered is not None and session.state.scored else None
    if not isinstance(said, Conclusion):
        raise SessionError(
            session.name, f"has no scored conclusion ({session.state})", "rate it once it has"
        )
    if not (said.labels and session.scores):
        raise SessionError(
            session.name, "has no labels that images were scored by", "look at its report"
        )
    return said


def rated_by(session: Session, study: Study, address: str) -> Score:
    """Have a session's conclusion rated by ``clip:FOLDER``, ``claude:MODEL`` or the like.

    Raises:
        MaiaError: nothing is kept of it then.
    """
    said, rater, held_out = concluded(session), open_rater(address), study.world.held_out
    if isinstance(rater, Paid):
        rater.paid_by(session)
    rows = {f"{evaluation.MINE}, by {address.partition(':')[0]}": (said.labels, said.suppressed_by)}
    chosen = evaluation.sample(held_out, rater, study.seed)
    (score,) = evaluation.rated(study.system, held_out, rater, rows, chosen)
    session.rate([score], address)
    return score


class Sitting:
    """Held-out images in random order before a person who is told the description only.

    Half of them are chosen among those in which the unit is active, where there are as many, and
    half among the others: of images as they come, one in twenty would be.

    Attributes:
        said: the conclusion.
        images: what is shown.
        active: of each image, whether the unit is active in it: not to be shown before the end.
    """

    def __init__(
        self,
        session: Session,
        study: Study,
        count: int = COUNT,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        """Choose the images; ``progress`` is told (done, total) while the unit answers them."""
        self.said, self._study = concluded(session), study
        held_out, chance = study.world.held_out, np.random.default_rng(seed)
        looked = chance.permutation(len(held_out))[:LOOKED_AT]
        values = []
        for start in range(0, len(looked), evaluation.CHUNK):
            some = looked[start : start + evaluation.CHUNK]
            values.append(study.system.values([held_out[int(i)] for i in some]))
            if progress is not None:
                progress(start + len(some), len(looked))
        active = np.concatenate(values) > study.system.reference.high
        half = looked[active][: count // 2]
        chosen = np.concatenate([half, looked[~active][: count - len(half)]])
        order = chance.permutation(len(chosen))
        self._chosen: NDArray[np.int_] = chosen[order]
        self.active = [bool(i < len(half)) for i in order]
        self.images = [held_out[int(i)] for i in self._chosen]

    def score(self, fits: Sequence[bool]) -> Score:
        """Score the description by which images, in order, were said to fit it."""
        marks = {pixel_hash(i): fit for i, fit in zip(self.images, fits, strict=True)}
        rater = _Person(marks, f"{self._told(fits)}")
        rows = {f"{evaluation.MINE}, by a person": (self.said.labels, self.said.suppressed_by)}
        (score,) = evaluation.rated(
            self._study.system, self._study.world.held_out, rater, rows, self._chosen, singly=False
        )
        return score

    def _told(self, fits: Sequence[bool]) -> str:
        """Who rated, what was shown, and how far that agrees with what is known of the images."""
        told = (
            f"a person who saw {len(self.images)} images and the description only,"
            f" {sum(self.active)} of them chosen because the unit is active"
        )
        words = self._study.world.words
        try:
            if words is None:
                raise WordsError("the images", "have no words", "go by what was marked")
            known = WordsRater(words).rate(self.images, self.said.labels, self.said.suppressed_by)
        except WordsError:
            return f"{told} (not calibrated: the images' words are not known)"
        agreed = int((np.array(fits) == (known > 0.5)).sum())
        return f"{told} (agrees with the images' words in {agreed} of {len(fits)})"


class _Person:
    """What was marked, as a rater says it."""

    def __init__(self, marks: Mapping[str, bool], name: str) -> None:
        self._marks, self.name = marks, name

    def rate(
        self,
        images: Sequence[Image.Image],
        labels: Sequence[str],  # noqa: ARG002  # Of one description only.
        suppressed_by: Sequence[str],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """1 for what was marked, else 0."""
        return np.array([self._marks[pixel_hash(image)] for image in images], float)
