"""The predictive bench on units whose own truth is said of them, and on nothing said at all."""

from __future__ import annotations

from collections import Counter

import pytest

from maia_lab import open_study
from maia_lab.bench import predictive
from maia_lab.bench.predictive import _answers, _nearer, _predicted, _sane, _scrambled, _Told
from maia_lab.doors import open_model
from maia_lab.observation import Score
from maia_lab.scenes.world import scenes_world
from maia_lab.scoring.evaluation import MINE, ONE_SHOT, SEARCH
from maia_lab.scoring.trial import trial
from maia_lab.systems.synthetic import truth
from maia_lab.unit import Unit


@pytest.fixture(scope="module")
def told():
    world = scenes_world(n=300, held_out=10)

    def scored(of, study, labels, unless=()):
        tried = trial(study.system, world, labels, unless)
        return Score(of, labels, 1, 1, 1, 1, 1, suppressed_by=unless, trial=tried)

    units = []
    for rule in ("one", "or", "and", "and-not"):
        study, right = open_study(f"synthetic/{rule}/31", data=world), truth(rule, 31)
        mine = scored(MINE, study, right.labels, right.suppressed_by)
        units.append(
            _Told(
                study.unit,
                (mine, scored(ONE_SHOT, study, ("star",)), scored(SEARCH, study, ())),
                "",
            )
        )
    return units


@pytest.fixture(scope="module")
def answers(told):
    return _answers([one.unit for one in told])


def test_the_truth_predicts_what_no_other_label_does(told):
    rows = {row.name: row for row in _predicted("synthetic", told)}
    assert rows["synthetic/high"].value > 3 * rows["synthetic/neutral"].value
    assert rows["synthetic/auprc"].value == rows["synthetic/f1"].value == 1
    assert rows["synthetic/pearson"].value > 0.85 > rows["synthetic/pearson/one-shot"].value
    assert rows["synthetic/pearson/search"].value == 0
    assert "0 without a description" in rows["synthetic/pearson"].note


def test_the_truth_wins_by_extension(told):
    for row in _nearer(told):
        assert row.value == 1 and row.note.startswith("4 wins, 0 ties, 0 losses")


def test_scrambled_descriptions_do_no_better_than_chance(told, answers):
    row = _scrambled(told, answers)
    assert row.value < 0.1 and row.goal == "<= 0.02" and "over all pairs" in row.note


def test_a_session_that_failed_counts_as_nothing_said(told):
    failed = _Told(Unit.parse("synthetic/one/32"), (), "its process ended")
    rows = {row.name: row for row in _predicted("synthetic", [*told, failed])}
    assert rows["synthetic/auprc"].value == 0.8 and rows["synthetic/auprc"].n == 5
    assert "1 failed" in rows["synthetic/auprc"].note


def test_metrics_that_reward_too_narrow_a_description_are_printed_as_failing(told, answers):
    notes = {row.name.removeprefix("sanity/"): row.note for row in _sane(told, answers)}
    assert {name for name, note in notes.items() if note == "passes"} == {"pearson", "auprc", "f1"}
    assert "rare concept" in notes["mean-difference"] and "rare concept" in notes["mann-whitney"]


def test_units_are_drawn_in_the_proportions_of_the_paper_and_spread_over_both_networks():
    units = [unit for seed in (5, 6, 7) for unit in predictive.synthetic(seed, 85)]
    assert len(set(units)) == 255
    assert Counter(Unit.parse(u).layer for u in units) == {"one": 141, "or": 54, "and": 60}
    some = predictive.channels(200, 12)
    counts = {layer: units for layer, _, units in open_model("scenes").layers()}
    assert len(set(some)) == 12
    for unit in map(Unit.parse, (*some, *predictive.channels(70, 12))):
        assert int(unit.index) < counts[unit.layer]
    assert Counter(u.rsplit("/", 1)[0] for u in some) == {
        f"{net}/{layer}": 3
        for net in ("scenes", "scenes-categories")
        for layer in ("layer3", "layer4")
    }
