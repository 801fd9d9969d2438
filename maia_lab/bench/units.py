"""Units whose truth is known, described by an agent that does not know it, and judged."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from maia_lab.bench.run import Job, Outcome, counted, describe_many
from maia_lab.errors import WordsError
from maia_lab.observation import Score
from maia_lab.proposal import Conclusion
from maia_lab.scenes.data import SceneImages
from maia_lab.scenes.description import Description, equivalent
from maia_lab.scenes.scene import Scene
from maia_lab.scoring.evaluation import MINE
from maia_lab.systems.synthetic import COMMON, RARE, Truth, truth
from maia_lab.unit import Unit

WORLD = "maia_lab.bench.worlds:scenes"
MIX = {"one": 47, "or": 18, "and": 20}
"""Units of each rule in the paper's set of 85."""
APART = 1000
"""Units of one rule that a bench's seed may take; the next seed's begin after them."""
SEEN = 600
"""Scenes of the data in which a unit must answer neither too rarely nor too often."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a bench makes harder, see :func:`maia_lab.bench.worlds.scenes`."""

    tied: float = 0.0
    lacking: str = ""
    images: int = 3000
    held_out: int = 200

    def job(self, unit: str, seed: int, session: int) -> Job:
        """A session in the world of a bench's seed."""
        options = (
            ("n", self.images), ("held_out", self.held_out), ("seed", seed),
            ("tied", self.tied), ("lacking", self.lacking),
        )  # fmt: skip
        return Job(unit, session, WORLD, options)


@dataclass(frozen=True)
class Described:
    """What a session said of a unit, beside the truth."""

    truth: Truth
    conclusion: Conclusion | None
    """None where the session failed."""
    scores: Mapping[str, Score]
    """By whose labels they are."""
    seconds: float
    """That the session worked."""

    @classmethod
    def of(cls, outcome: Outcome) -> Described:
        """Read a session."""
        unit = Unit.parse(outcome.job.unit)
        about = truth(unit.layer, int(unit.index))
        if outcome.failed:
            return cls(about, None, {}, 0.0)
        session = outcome.session
        scores = {score.of: score for score in session.scores}
        return cls(about, session.conclusion, scores, session.seconds)

    @cached_property
    def said(self) -> Description:
        """What the agent concluded; nothing, where that cannot be read."""
        said = self.conclusion
        return Description() if said is None else _read(said.labels, said.suppressed_by)

    @property
    def exact(self) -> bool:
        """Whether it says of every scene what the truth says."""
        return _same(self.truth, self.said)

    @property
    def directed(self) -> bool:
        """Whether it is exact, and names first what the unit answers to, of A only with B."""
        if self.truth.rule != "and" or not self.exact:
            return self.exact
        first = self.conclusion.labels[0] if self.conclusion is not None else ""
        first = first.split(" and ")[0].split(" on ")[0]
        return equivalent(Description((self.truth.first,)), _read((first,), ()))

    @property
    def silent(self) -> bool:
        """Whether it came to a conclusion that names nothing."""
        return self.conclusion is not None and not self.conclusion.labels

    @property
    def unnameable(self) -> bool:
        """Whether it concluded that these words cannot say it."""
        said = self.conclusion
        return self.silent and said is not None and "not nameable" in said.description.lower()

    def by(self, baseline: str) -> Description:
        """What a baseline says, which made no experiment."""
        score = self.scores.get(baseline)
        return Description() if score is None else _read(score.labels, score.suppressed_by)

    def exact_by(self, baseline: str) -> bool:
        """Whether a baseline says what the truth says."""
        return _same(self.truth, self.by(baseline))

    def metric(self, name: str) -> float:
        """How well what was drawn for it is told apart; 0.0 where nothing was said."""
        score = self.scores.get(MINE)
        value = None if score is None or score.trial is None else score.trial[name]
        return 0.0 if value is None else value


def describe_all(jobs: Sequence[Job], agent: str) -> list[Described]:
    """Let an agent describe units, told on standard error as they are done."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = describe_many(jobs, Path(folder), agent, progress=counted)
        for outcome in outcomes:
            if outcome.failed:
                sys.stderr.write(f"{outcome.job.unit}: {outcome.failed}\n")
        return [Described.of(outcome) for outcome in outcomes]


def units(
    rule: str, count: int, seed: int, setup: Setup, wanted: Callable[[Truth], bool] | None = None
) -> Iterator[str]:
    """Addresses of so many units of a rule that answer in the data now and then.

    Args:
        rule: of synthetic units.
        count: how many.
        seed: another seed gives other units.
        setup: the data in which they answer.
        wanted: which ones will do.
    """
    scenes = _scenes(seed, setup)
    for number in range(seed * APART, (seed + 1) * APART):
        if count <= 0:
            return
        unit = truth(rule, number)
        if (wanted is None or wanted(unit)) and (
            rule in ("noise", "dead") or _answers(unit, scenes)
        ):
            count -= 1
            yield f"synthetic/{rule}/{number}"


def split(total: int, parts: int) -> list[int]:
    """A number in equal parts, the first of them larger where it must be."""
    return [total // parts + (i < total % parts) for i in range(parts)]


def mixed(total: int) -> dict[str, int]:
    """So many units in the paper's mix."""
    counts = {rule: round(total * share / sum(MIX.values())) for rule, share in MIX.items()}
    return counts | {"one": total - counts["or"] - counts["and"]}


def _scenes(seed: int, setup: Setup) -> list[Scene]:
    data = SceneImages(setup.images, seed, tied=setup.tied)
    return [data.scene(i) for i in range(min(SEEN, setup.images))]


def _answers(unit: Truth, scenes: Sequence[Scene]) -> bool:
    return RARE <= float(np.mean([unit.matches(scene) for scene in scenes])) <= COMMON


def _read(labels: Sequence[str], suppressed_by: Sequence[str]) -> Description:
    try:
        return Description.parse(labels, suppressed_by)
    except WordsError:
        return Description()


def _same(unit: Truth, said: Description) -> bool:
    wanted = unit.description
    return wanted is not None and equivalent(wanted, said)
