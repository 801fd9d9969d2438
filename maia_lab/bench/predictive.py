"""What a description predicts, against what the unit then does: the paper's evaluation, offline.

Protocol-equivalent: small networks trained on scenes and synthetic rules stand where the paper has
three large networks and composed detectors, and a renderer where it has a generator.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from maia_lab.bench.run import Job, Outcome, counted, describe_many
from maia_lab.bench.table import Row, Table
from maia_lab.bench.units import APART, mixed
from maia_lab.doors import open_model
from maia_lab.observation import Score, Trial
from maia_lab.scenes.data import SceneImages
from maia_lab.scenes.description import Description, Meaning, nearer
from maia_lab.scenes.world import scenes_world
from maia_lab.scoring.evaluation import MINE, ONE_SHOT, SEARCH
from maia_lab.scoring.metrics import METRICS, auprc
from maia_lab.scoring.sanity import sanity
from maia_lab.systems.scenes_nets import PHRASES
from maia_lab.systems.synthetic import Truth, truth
from maia_lab.unit import Unit

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
THERE = {
    "synthetic": "0.563 high, 0.228 neutral, 2.5×",
    "scenes": "ResNet-152 3.357, 1.239, 2.7×; CLIP RN50 3.329, 1.804, 1.8×",
    "scenes-categories": "DINO 1.820, −0.155",
}
"""The paper's mean activations on what is predicted high, and on what is neutral."""
LAYERS = ("layer3", "layer4")
CHANNELS = len(PHRASES)
CHUNK = 50
BASELINES = {ONE_SHOT: "/one-shot", SEARCH: "/search"}
FIGURES = ("pearson", "f1", "auprc")


def predictive(seeds: Sequence[int], n: int = 12, agent: str = "offline") -> Table:
    """Describe units in processes of their own, and score what was said of them.

    Args:
        seeds: which units are described, and where their sessions start from.
        n: synthetic units a seed; of each of two networks half as many channels.
        agent: who is measured.
    """
    jobs = [Job(unit, seed) for seed in seeds for unit in (*synthetic(seed, n), *channels(seed, n))]
    with TemporaryDirectory() as folder:
        outcomes = describe_many(jobs, Path(folder), agent, progress=counted)
        told = [_Told.of(outcome) for outcome in outcomes]
    rows = [row for model in THERE for row in _predicted(model, told)]
    known = [one for one in told if one.truth is not None]
    answers = _answers([one.unit for one in told])
    return Table(
        "predictive",
        tuple(seeds),
        (*rows, *_nearer(known), _scrambled(told, answers), *_sane(known, answers)),
    )


def synthetic(seed: int, n: int) -> list[str]:
    """Units of a seed, ``n`` in all, in the paper's mix."""
    return [
        f"synthetic/{rule}/{seed * APART + i}"
        for rule, count in mixed(n).items()
        for i in range(count)
    ]


def channels(seed: int, n: int) -> list[str]:
    """Channels of the two deepest stages of both networks, evenly spaced from where a seed says."""
    every = n // 2
    return [
        f"{model}/{LAYERS[i % 2]}/{(seed + i * CHANNELS // every) % CHANNELS}"
        for model in ("scenes", "scenes-categories")
        for i in range(every)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What was said of one unit, with what is needed to judge it."""

    unit: Unit
    scores: tuple[Score, ...]
    """The description's and its baselines'; empty where the session failed."""
    failed: str

    @classmethod
    def of(cls, outcome: Outcome) -> _Told:
        scores = () if outcome.failed else outcome.session.scores
        failed = outcome.failed or ("" if scores else "no conclusion was scored")
        if failed:
            sys.stderr.write(f"{outcome.job.unit}: {failed}\n")
        return cls(Unit.parse(outcome.job.unit), tuple(scores), failed)

    @property
    def model(self) -> str:
        return self.unit.model

    @property
    def truth(self) -> Truth | None:
        known = self.model == "synthetic"
        return truth(self.unit.layer, int(self.unit.index)) if known else None

    def score(self, of: str) -> Score:
        """The description's or a baseline's; an empty one where there is none."""
        empty = Score(of, (), None, None, 0, 0, 0, trial=Trial())
        return next((score for score in self.scores if score.of == of), empty)

    def trial(self, of: str) -> Trial:
        return self.score(of).trial or Trial()

    def said(self, of: str = MINE) -> Description:
        return Description.parse(self.score(of).labels, self.score(of).suppressed_by)


def _predicted(model: str, told: Sequence[_Told]) -> list[Row]:
    """The paper's means, and the metrics that can be trusted, beside the baselines'."""
    own = [one for one in told if one.model == model]
    # A unit that answers whatever is drawn for anybody with nothing is dead: nothing can be said.
    alive = [o for o in own if o.failed or any(any(o.trial(of).values) for of in BASELINES)]
    spoken = [one.trial(MINE) for one in alive if one.trial(MINE).high]
    note = f"{len(alive) - len(spoken)} without a description count as 0"
    note += f", {len(own) - len(alive)} dead ones left out" if len(own) > len(alive) else ""
    failed = sum(bool(one.failed) for one in own)
    note += f", {failed} failed ones too" if failed else ""
    rows = []
    for kind, said in (("high", f"paper: {THERE[model]}"), ("neutral", "mean activation")):
        means = [fmean(getattr(on, kind)) for on in spoken]
        rows += [Row.mean(f"{model}/{kind}", means, "", said)] if means else []
    for metric in FIGURES if alive else ():
        for of, name in {MINE: "", **BASELINES}.items():
            values = [one.trial(of)[metric] or 0.0 for one in alive]
            rows.append(Row.mean(f"{model}/{metric}{name}", values, "", "" if name else note))
    return rows


def _nearer(known: Sequence[_Told]) -> list[Row]:
    """Which description is nearer the truth by extension: the agent's, or a baseline's."""
    rows = []
    for of, name in BASELINES.items():
        results = [nearer(o.truth, o.said(), o.said(of)) for o in known if o.truth is not None]
        points = [{"win": 1.0, "tie": 0.5, "loss": 0.0}[result] for result in results]
        counts = [results.count(result) for result in ("win", "tie", "loss")]
        note = "{} wins, {} ties, {} losses; paper, judged by people: 0.73 over MILAN"
        rows.append(Row.mean(f"nearer{name}", points, "", note.format(*counts)))
    return rows


@cache
def _held_out() -> SceneImages:
    held_out = scenes_world().held_out
    assert isinstance(held_out, SceneImages)
    return held_out


def _answers(units: Sequence[Unit]) -> Mapping[Unit, Floats]:
    """How units answer the held-out images, asked here, where no agent's code runs."""
    images = list(_held_out())
    layers: dict[tuple[str, str], set[int]] = {}
    for unit in units:
        layers.setdefault((unit.model, unit.layer), set()).add(int(unit.index))
    found: dict[Unit, Floats] = {}
    for (model, layer), wanted in layers.items():
        opened, places = open_model(model).layer(layer), sorted(wanted)
        parts = [
            opened.respond(images[i : i + CHUNK], places).values
            for i in range(0, len(images), CHUNK)
        ]
        for place, values in zip(places, np.concatenate(parts).T, strict=True):
            found[Unit(model, layer, place)] = values.astype(float)
    return found


def _held(meaning: Meaning) -> Bools:
    scenes = (_held_out().scene(i) for i in range(len(_held_out())))
    return np.array([meaning.matches(scene) for scene in scenes])


def _scrambled(told: Sequence[_Told], answers: Mapping[Unit, Floats]) -> Row:
    """AUPRC when units are given each other's descriptions: no more than chance may give.

    Only those that share no word: red does say something of a red circle.
    """
    said = {one.unit: one.said() for one in told if one.said().labels}
    held = {unit: _held(description) for unit, description in said.items()}
    apart: dict[Unit, list[float]] = {}
    any_pair, areas, shares = [], [], []
    for unit, own in said.items():
        for other, description in said.items():
            area = auprc(held[other], answers[unit])
            if area is None or np.array_equal(held[unit], held[other]):
                continue
            share = float(held[other].mean())
            any_pair.append(area - share)
            if not own.words & description.words:
                apart.setdefault(unit, []).append(area - share)
                areas.append(area)
                shares.append(share)
    row = Row.mean("scrambled", [fmean(each) for each in apart.values()])
    note = f"pairs that share no word: AUPRC {fmean(areas):.3f}, share of positives"
    note += f" {fmean(shares):.3f}; the difference over all pairs is {fmean(any_pair):+.3f}"
    return replace(row, value=abs(row.value), goal="<= 0.02", note=note)


def _sane(known: Sequence[_Told], answers: Mapping[Unit, Floats]) -> list[Row]:
    """Every reported metric, put to the sanity checks on units whose truth is known."""
    cases = [(_held(one.truth), answers[one.unit]) for one in known if one.truth is not None]
    rows = []
    for name, metric in METRICS.items():
        found = sanity(metric, cases)
        note = f"FAILS: {', '.join(found.failed)}" if found.failed else "passes"
        rows.append(Row.share(f"sanity/{name}", found.fell, "", note))
    return rows
