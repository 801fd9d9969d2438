"""How often an agent finds a unit's very rule, and how often it is silent where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from maia_lab.bench.run import Job
from maia_lab.bench.table import Row, Table
from maia_lab.bench.units import Described, Setup, describe_all, mixed, split, units
from maia_lab.scenes.description import agreement, nearer
from maia_lab.scoring.evaluation import ONE_SHOT, SEARCH
from maia_lab.systems.synthetic import Truth

GOALS = {"one": ">= 0.95", "or": ">= 0.90", "and": ">= 0.90", "and-not": ">= 0.80"}
UNNAMEABLE = {"and": "size", "count": "number", "relation": ""}
"""Rule of units that cannot be named → the kind of words that is taken away for it."""
AGAIN = 5
"""Every so many units are described once more, from another seed."""


def synthetic(seeds: Sequence[int], n: int = 120, agent: str = "offline") -> Table:
    """Describe ``n`` units in the paper's mix, and a quarter as many of each further kind.

    Args:
        seeds: which units, which data, and where sessions start from.
        n: units of one concept, A or B, A only with B; beside them A but not B, noise and silence,
            and units for which the words were taken away.
        agent: who describes.
    """
    plan = [
        (group, job)
        for part, seed in enumerate(seeds)
        for group, job in _planned(seed, {k: split(v, len(seeds))[part] for k, v in _wanted(n)})
    ]
    known = [job for group, job in plan if group in GOALS]
    again = [Job(j.unit, j.seed + 1_000_000, j.world, j.options) for j in known[::AGAIN]]
    described = describe_all([*(job for _, job in plan), *again], agent)
    by: dict[str, list[Described]] = {}
    for (group, _), one in zip(plan, described, strict=False):
        by.setdefault(group, []).append(one)
    first = [one for group in GOALS for one in by.get(group, ())]
    firsts = [one for (group, _), one in zip(plan, described, strict=False) if group in GOALS]
    pairs = zip(firsts[::AGAIN], described[len(plan) :], strict=True)
    rows = [
        *(
            Row.share(f"exact/{rule}", [one.exact for one in by[rule]], goal, _beside(by[rule]))
            for rule, goal in GOALS.items()
            if rule in by
        ),
        *(
            Row.share(name, held, ">= 0.90", note)
            for name, held, note in (
                ("silent/noise", [o.silent for o in by.get("silent", ())], "noise and dead units"),
                (
                    "unnameable",
                    [o.unnameable for o in by.get("unnameable", ())],
                    "by size, count or place, without words for it",
                ),
            )
            if held
        ),
        *(
            Row.mean(metric, [one.metric(metric) for one in first], ">= 0.90", "drawn for it")
            for metric in ("pearson", "f1", "auprc")
        ),
        *(
            Row.share(
                f"win/{baseline.split()[0]}",
                [nearer(one.truth, one.said, one.by(baseline)) != "loss" for one in first],
                note="not farther from the truth, by extension",
            )
            for baseline in (ONE_SHOT, SEARCH)
        ),
        Row.mean(
            "agreement",
            [agreement([one.said, other.said]) for one, other in pairs],
            note="of two runs from other seeds",
        ),
        Row.mean(
            "seconds/unit",
            [one.seconds for one in described if one.conclusion is not None],
            "<= 20",
            "exemplars cached",
        ),
    ]
    return Table("synthetic", tuple(seeds), tuple(rows))


def _wanted(n: int) -> list[tuple[str, int]]:
    quarter = max(1, n // 4)
    return [*mixed(n).items(), *((k, quarter) for k in ("and-not", "silent", "unnameable"))]


def _planned(seed: int, counts: dict[str, int]) -> list[tuple[str, Job]]:
    """The sessions of one seed, each with what it counts for."""
    plan = [
        (rule, Setup().job(unit, seed, seed))
        for rule in GOALS
        for unit in units(rule, counts[rule], seed, Setup())
    ]
    dead = counts["silent"] // 5
    for rule, count in (("noise", counts["silent"] - dead), ("dead", dead)):
        plan += [
            ("silent", Setup().job(unit, seed, seed)) for unit in units(rule, count, seed, Setup())
        ]
    shares = split(counts["unnameable"], len(UNNAMEABLE))
    for (rule, lacking), count in zip(UNNAMEABLE.items(), shares, strict=True):
        setup = Setup(lacking=lacking)
        wanted = _by_size if lacking == "size" else None
        plan += [
            ("unnameable", setup.job(unit, seed, seed))
            for unit in units(rule, count, seed, setup, wanted)
        ]
    return plan


def _by_size(unit: Truth) -> bool:
    return any(phrase.size for phrase in unit.first.phrases + unit.second.phrases)


def _beside(described: Sequence[Described]) -> str:
    shares = [
        f"{baseline.split()[0]} {sum(o.exact_by(baseline) for o in described) / len(described):.2f}"
        for baseline in (SEARCH, ONE_SHOT)
    ]
    return ", ".join(shares)
