"""Spurious features: what labelling units by intervention is worth to a head fitted on biased data.

Four things and four backgrounds are chosen for each seed; the data to learn from show each thing on
its own background. Regime A trains the units on those data as well; in B one image in twenty breaks
the rule, with units that met everything; in C none does, with the same units. C is what is judged.
Every number is read off the table that the session itself hands over.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from maia_lab.bench.table import Row, Table
from maia_lab.scenes.planted import planted_world
from maia_lab.scenes.sample import stream
from maia_lab.scenes.scene import BACKGROUNDS, KINDS
from maia_lab.start import spurious as study
from maia_lab.systems.planted import Drawn, PlantedNet, diverse, train
from maia_lab.systems.scenes_nets import preprocess

CLASSES, DATA, TESTED = 4, 400, 640
"""Things and as many backgrounds; images to learn from; balanced ones to test on."""
EPOCHS = 16
"""Of regime A's units on their few images."""
ROWS = {
    "all units": "all",
    "ℓ1, its own number": "l1-own-number",
    "ℓ1, as many": "l1",
    "random, as many": "random",
    "SELECTIVE units": "ours",
    "SELECTIVE, taught by moved things": "ours-on-probes",
    "oracle's units": "oracle",
    "ℓ1, as many, balanced data": "l1-balanced",
    "all units, balanced data": "balanced",
}
"""A head as the session calls it, and here."""
GOALS = {"all": ">= 0.106", "l1": ">= 0.080", "random": ">= 0.132", "l1-own-number": ""}
"""What the paper's selection gained over each."""

Found = dict[str, float]
"""Accuracy on the balanced test by head; ``units`` kept, and ``seconds`` of work."""


def spurious(seeds: Sequence[int], agent: str = "offline") -> Table:
    """Measure the three regimes."""
    trunk = diverse()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for regime in "CAB":
            found = [measure(regime, trunk, seed, agent, Path(folder)) for seed in seeds]
            rows += _rows(regime, found)
    return Table("spurious", tuple(seeds), tuple(rows))


def measure(regime: str, trunk: PlantedNet, seed: int, agent: str, folder: Path) -> Found:
    """One session: one seed of one regime."""
    chance = stream(f"spurious {regime}", seed)
    things, grounds = (
        [str(word) for word in chance.choice(words, CLASSES, replace=False)]
        for words in (KINDS, BACKGROUNDS)
    )
    pairs = dict(zip(things, grounds, strict=True))
    world = planted_world(DATA, TESTED, seed, pairs, "mostly biased" if regime == "B" else "biased")
    net = trunk
    if regime == "A":
        drawn = Drawn.of([world.data.scene(i) for i in range(DATA)])  # type: ignore[attr-defined]
        net = train(drawn, [torch.arange(DATA) % CLASSES], EPOCHS, seed)
    session = study(
        net, "features", data=world, preprocess=preprocess, agent=agent, review="auto", seed=seed,
        folder=folder, session=f"{regime}-{seed}",
    ).wait()  # fmt: skip
    accuracy, *_ = session.tables
    found = {ROWS[name]: float(right.split()[0]) for name, _, right, _ in accuracy.rows}
    kept = {ROWS[name]: float(units) for name, units, *_ in accuracy.rows}.get("ours", 0.0)
    # Where no unit is selective, nothing is refitted: the head stays that over all units.
    return {"ours": found["all"]} | found | {"units": kept, "seconds": session.seconds}


def _rows(regime: str, found: Sequence[Found]) -> list[Row]:
    judged, before = regime == "C", "" if regime == "C" else f"{regime}/"
    rows = []
    for other, goal in GOALS.items():
        # Of as many units as none there is neither an ℓ1 nor a random choice.
        gains = [each["ours"] - each[other] for each in found if other in each]
        if not gains:
            continue
        left = len(found) - len(gains)
        seeds = f"without {left} of {len(found)} seeds, on which no unit was selective"
        note = seeds if left else ""
        rows.append(Row.mean(f"{before}gain/{other}", gains, goal if judged else "", note))
        if judged and goal:
            rows.append(replace(rows[-1], name=f"gain/{other} above 0", goal="> 0"))
    # A ratio of means: a seed on which there is hardly a way to go must not decide.
    way = Row.mean("", [each["balanced"] - each["all"] for each in found]).value
    gone = [(each["ours"] - each["all"]) / way if way > 0 else 0.0 for each in found]
    note = "of the way from all units to balanced data"
    rows.append(Row.mean(f"{before}gap-closed", gone, ">= 0.79" if judged else "", note))
    for head in ROWS.values():
        if right := [each[head] for each in found if head in each]:
            rows.append(Row.mean(f"{before}accuracy/{head}", right))
    rows.append(Row.mean(f"{before}units", [each["units"] for each in found], note="kept"))
    rows.append(Row.mean(f"{before}seconds", [each["seconds"] for each in found], note="of work"))
    return rows
