"""How often the bias of a classifier is found whose bias is known, and how well it is measured."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maia_lab.bench import skewed
from maia_lab.bench.named import Said, named
from maia_lab.bench.run import Job, Outcome, counted, describe_many
from maia_lab.bench.table import Row, Table
from maia_lab.bench.units import split
from maia_lab.systems.gated import KINDS_OF, Gate, gate

SHARES = {"clean": 4, "one": 3, "unless": 1, "pair": 2, "outside": 3, "mixed": 2}
"""Systems of each kind, of fifteen."""
HELD_OUT = ("outside", "mixed")
"""Kinds of which a word is none of the first sweep's."""
WORLD = "maia_lab.bench.worlds:scenes"
DATA = (("n", 200), ("held_out", 50))
"""The data only say what scores are usual: a few will do."""
WITHIN = 0.1
"""How far an estimated strength may lie from the true one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of one system, beside its truth."""

    kind: str
    truth: Gate
    said: Said
    seconds: float
    failed: bool = False
    """Its session came to no end: it found nothing, and let nothing pass."""

    @property
    def strength(self) -> float | None:
        """What was said of the true context; None where it was not named."""
        said = self.said.get((frozenset(self.truth.context), self.truth.unless))
        return None if said is None else said[0]

    @property
    def false(self) -> int:
        """Contexts that were named and are none."""
        return len(self.said) - (self.strength is not None)


def bias(seeds: Sequence[int], n: int = 156, agent: str = "offline") -> Table:
    """Look for the biases of ``n`` systems, a quarter of them without any, and of trained networks.

    The rules stay in this process: those that hold the sessions are sent scores. Networks are
    trained here, three for each seed and skew; nothing but their weights tells of their data.

    Args:
        seeds: which systems, and where sessions start from.
        n: systems over all seeds.
        agent: who looks.
    """
    jobs: list[tuple[str, int, Job]] = []
    for part, seed in enumerate(seeds):
        total = split(n, len(seeds))[part]
        for kind in KINDS_OF:
            for i in range(max(1, round(total * SHARES[kind] / sum(SHARES.values())))):
                at = seed * 1000 + i
                about = gate(kind, at).subject
                jobs.append((kind, at, Job(f"gated/{kind}/{at}", at, WORLD, DATA, "bias", about)))
    with tempfile.TemporaryDirectory() as folder:
        outcomes = describe_many(
            [job for *_, job in jobs], Path(folder), agent, 10, progress=counted
        )
        judged = [
            _judge(kind, gate(kind, at), outcome)
            for (kind, at, _), outcome in zip(jobs, outcomes, strict=True)
        ]
        learned = [
            skewed.Learned.of(seed, skew, side, agent, Path(folder))
            for seed in seeds
            for skew in skewed.SKEWS
            for side in skewed.SIDES
        ]
    return Table("bias", tuple(seeds), (*_rows(judged), *skewed.rows(learned)))


def _rows(judged: Sequence[Judged]) -> list[Row]:
    gated = [one for one in judged if one.kind != "clean"]
    inside = [one for one in gated if one.kind not in HELD_OUT]
    outside = [one for one in gated if one.kind in HELD_OUT]
    clean = [one for one in judged if one.kind == "clean"]
    strengths = [(one.truth.strength, one.strength) for one in gated if one.strength is not None]
    return [
        Row.share("recall", [one.strength is not None for one in inside], ">= 0.90", _by(inside)),
        Row.share(
            "recall/held-out-attributes",
            [one.strength is not None for one in outside],
            ">= 0.75",
            f"number, place, neighbours, not in the first sweep: {_by(outside)}",
        ),
        Row.share(
            "false-alarms",
            [one.false > 0 or one.failed for one in clean],
            "<= 0.05",
            "clean systems",
        ),
        Row.mean(
            "false/system",
            [float(one.false) for one in gated],
            note="wrong contexts beside the bias",
        ),
        Row.share(
            "strength-within-0.1",
            [abs(said - true) <= WITHIN for true, said in strengths],
            ">= 0.80",
            "of those that were found",
        ),
        Row.mean("strength/error", [abs(said - true) for true, said in strengths]),
        Row.mean("seconds/system", [o.seconds for o in judged if not o.failed], note="of work"),
    ]


def _by(judged: Sequence[Judged]) -> str:
    kinds = dict.fromkeys(one.kind for one in judged)
    found = {k: [one.strength is not None for one in judged if one.kind == k] for k in kinds}
    return ", ".join(f"{kind} {sum(hits)} of {len(hits)}" for kind, hits in found.items())


def _judge(kind: str, truth: Gate, outcome: Outcome) -> Judged:
    if outcome.failed:
        return Judged(kind, truth, {}, 0.0, failed=True)
    session = outcome.session
    return Judged(kind, truth, named(session, truth.subject), session.seconds)
