"""How many units of trained networks an agent can say something true of, beside untrained ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from PIL import Image
from torch import Tensor

from maia_lab.bench.run import Job, counted, describe_many
from maia_lab.bench.table import Row, Table
from maia_lab.doors import open_model
from maia_lab.errors import DataError
from maia_lab.observation import Score
from maia_lab.scoring.evaluation import MINE, ONE_SHOT, SEARCH
from maia_lab.systems.scenes_nets import ScenesNet, preprocess, untrained

NETWORKS = ("scenes", "scenes-categories")
STAGES = ("layer3", "layer4")
"""The two deepest, whose channels were trained to stand for words …"""
FREE = ("layer2",)
"""… and the one before, whose channels were trained for no word."""
PRECISE, COMPLETE = 0.8, 0.7
"""Precision and recall on held-out scenes from which on a description is good."""


def networks(seeds: Sequence[int], n: int = 40, agent: str = "offline") -> Table:
    """Describe ``n`` evenly spaced channels of the two deepest stages of both shipped networks.

    Args:
        seeds: where sessions start from; the figure is the mean over them.
        n: channels, dead ones among them.
        agent: who describes.
    """
    shipped = [f"{name}/{unit}" for name in NETWORKS for unit in _channels(name, n)]
    free = [f"{name}/{unit}" for name in NETWORKS for unit in _channels(name, n, FREE)]
    control = [
        f"{__name__}:untrained_{name.replace('-', '_')}/{unit}"
        for name in NETWORKS
        for unit in _channels(name, n)
    ]
    first = _scored(shipped, seeds, agent)
    second = _scored(control, seeds, agent)
    third = _scored(free, seeds, agent)
    goals = f">= {0.7 * len(shipped):g}", f"<= {0.05 * len(control):g}"
    note = f"of {len(shipped)} channels, mean of the seeds"
    return Table(
        "networks",
        tuple(seeds),
        (
            _count("good/shipped", first, MINE, goals[0], note),
            _count("good/untrained", second, MINE, goals[1], f"the control; {note}"),
            _count("good/one-shot", first, ONE_SHOT, "", "the same units, without an experiment"),
            _count("good/search", first, SEARCH, "", "the same units, without an experiment"),
            _count("good/layer2", third, MINE, "", f"trained for no word; of {len(free)}"),
            _count("good/layer2/search", third, SEARCH, "", "the same, without an experiment"),
        ),
    )


def untrained_scenes() -> tuple[ScenesNet, Callable[[Image.Image], Tensor]]:
    """The architecture of ``scenes`` with random weights."""
    return untrained("scenes", 0), preprocess


def untrained_scenes_categories() -> tuple[ScenesNet, Callable[[Image.Image], Tensor]]:
    """The architecture of ``scenes-categories`` with random weights."""
    return untrained("scenes-categories", 0), preprocess


def good(score: Score | None) -> bool:
    """Whether labels tell active held-out images from the rest, and find most of them."""
    return (
        score is not None and (score.precision or 0) >= PRECISE and (score.recall or 0) >= COMPLETE
    )


def _channels(name: str, n: int, stages: Sequence[str] = STAGES) -> list[str]:
    """Evenly spaced channels, the same share of each stage."""
    counts = {layer: units for layer, _, units in open_model(name).layers()}
    each = n // (len(NETWORKS) * len(stages))
    if not each:
        raise DataError(f"n = {n}", "is less than a channel of each stage", "give 4 or more")
    return [f"{stage}/{i * counts[stage] // each}" for stage in stages for i in range(each)]


def _scored(units: Sequence[str], seeds: Sequence[int], agent: str) -> list[list[dict[str, Score]]]:
    """For each seed, for each unit: scores by whose labels they are."""
    jobs = [
        Job(unit, seed, "maia_lab.bench.worlds:scenes", (("seed", 0),))
        for seed in seeds
        for unit in units
    ]

    with tempfile.TemporaryDirectory() as folder:
        outcomes = describe_many(jobs, Path(folder), agent, progress=counted)
        scores = [{} if o.failed else {s.of: s for s in o.session.scores} for o in outcomes]
    return [scores[i : i + len(units)] for i in range(0, len(scores), len(units))]


def _count(name: str, scored: list[list[dict[str, Score]]], of: str, goal: str, note: str) -> Row:
    counts = [sum(good(scores.get(of)) for scores in seed) for seed in scored]
    # It counts as not good, which on untrained networks is what is hoped for.
    failed = sum(not scores for seed in scored for scores in seed)
    note += f"; {failed} sessions came to no score" if failed else ""
    return Row(name, fmean(counts), min(counts), max(counts), len(counts), "units", goal, note)
