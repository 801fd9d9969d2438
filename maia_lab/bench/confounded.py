"""What experiments are for: data in which a colour always comes with its shape."""

from __future__ import annotations

from collections.abc import Sequence

from maia_lab.bench.run import Job
from maia_lab.bench.table import Row, Table
from maia_lab.bench.units import Described, Setup, describe_all, mixed, split, units
from maia_lab.scoring.evaluation import SEARCH
from maia_lab.systems.synthetic import Truth

TIED = {"full": 1.0, "0.9": 0.9}
"""Row → share of the data's things whose shape follows from their colour."""
ABLATIONS = {
    "full": "",
    "exemplars-only": "generator,editor",
    "synthesis-only": "exemplars",
    "no-edits": "editor",
}
"""Row → what is taken away."""


def confounded(seeds: Sequence[int], n: int = 60, agent: str = "offline") -> Table:
    """Describe ``n`` units of tied data, at each of two strengths.

    Args:
        seeds: which units, which data, and where sessions start from.
        n: units for each strength, in the paper's mix, each of them about a colour or a shape.
        agent: who describes.
    """
    plan = {name: _jobs(seeds, n, Setup(tied=tied)) for name, tied in TIED.items()}
    described = describe_all([job for jobs in plan.values() for job in jobs], agent)
    rows, start = [], 0
    for name, jobs in plan.items():
        some, start = described[start : start + len(jobs)], start + len(jobs)
        mine = [one.exact for one in some]
        search = [one.exact_by(SEARCH) for one in some]
        ahead = [float(m) - float(s) for m, s in zip(mine, search, strict=True)]
        rows += [
            Row.share(f"confounded/{name}", mine, ">= 0.90", "exact; what is drawn is not tied"),
            Row.share(f"search/{name}", search, note="the same units, without an experiment"),
            Row.mean(f"ahead/{name}", ahead, ">= 0.15" if name == "full" else ""),
        ]
    return Table("confounded", tuple(seeds), tuple(rows))


def ablation(seeds: Sequence[int], n: int = 120, agent: str = "offline") -> Table:
    """Describe the same units of tied data with each tool taken away.

    Args:
        seeds: which units, which data, and where sessions start from.
        n: units, in the paper's mix, each of them about a colour or a shape; only every fourth asks
            which of two things it answers to, so that fewer tell little of what edits are for.
        agent: who describes.
    """
    plan = {name: _jobs(seeds, n, Setup(tied=1.0, lacking=k)) for name, k in ABLATIONS.items()}
    described = describe_all([job for jobs in plan.values() for job in jobs], agent)
    size = len(plan["full"])
    by = {name: described[i * size : (i + 1) * size] for i, name in enumerate(plan)}
    note = "exact, and of A only with B also which of the two it answers to"
    rows = [Row.share(name, [o.directed for o in some], note=note) for name, some in by.items()]
    rows += [
        Row.mean(f"full - {name}", _ahead(by["full"], some), "> 0", "paired, by unit")
        for name, some in by.items()
        if name != "full"
    ]
    return Table("ablation", tuple(seeds), tuple(rows))


def _ahead(full: Sequence[Described], other: Sequence[Described]) -> list[float]:
    return [float(one.directed) - float(two.directed) for one, two in zip(full, other, strict=True)]


def _jobs(seeds: Sequence[int], n: int, setup: Setup) -> list[Job]:
    return [
        setup.job(unit, seed, seed)
        for part, seed in enumerate(seeds)
        for rule, count in mixed(n).items()
        for unit in units(rule, split(count, len(seeds))[part], seed, setup, _about_tied)
    ]


def _about_tied(unit: Truth) -> bool:
    phrases = unit.first.phrases + unit.second.phrases
    return any(phrase.colour or phrase.shape for phrase in phrases)
