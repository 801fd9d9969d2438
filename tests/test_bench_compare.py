"""Pairs of units that are equal, or differ by a word, and what the offline agent says of them."""

import numpy as np
import pytest

from maia_lab import compare
from maia_lab.allowlist import refusals
from maia_lab.bench.compare import Twin, pairs
from maia_lab.contrast import USUAL, Contrast
from maia_lab.events import Offered
from maia_lab.observation import Measurement
from maia_lab.scenes.world import scenes_world


def test_a_planted_difference_is_one_word():
    for pair in pairs(7, 6, equal=False):
        one, other = (" ".join([*rule.labels, *rule.suppressed_by]).split()
                      for rule in (pair.first, pair.second))  # fmt: skip
        assert len(set(one) ^ set(other)) in (1, 2, 3), (one, other)
        assert pair.first.rule == pair.second.rule and not pair.equal
    assert all(pair.equal for pair in pairs(7, 3, equal=True))
    assert pairs(7, 3, equal=True) == pairs(7, 3, equal=True) != pairs(8, 3, equal=True)


def test_copies_are_equal_though_their_scales_are_only_estimated():
    """Rarely active units, each with noise of its own: their deviations come out unlike."""
    chance, found = np.random.default_rng(0), []

    def measured(name, unit, values):
        bases = tuple(f"{name} {i}" for i in range(len(values)))
        told = tuple(map(float, values))
        row = Measurement(name, told, bases, float(np.mean(told)), 1.0, 0, 0, "")
        return row.by(unit)

    for seed in range(60):
        truth = {
            USUAL: np.where(chance.random(300) < 0.04, 1.0, 0.0),
            "always": np.ones(20),
            "never": np.zeros(20),
        }
        rows = []
        for unit in ("one", "two"):
            answers = {
                name: values * chance.normal(1, 0.1, len(values))
                + chance.normal(0, 0.03, len(values))
                for name, values in truth.items()
            }
            middle, spread = answers[USUAL].mean(), answers[USUAL].std()
            rows += [measured(n, unit, (v - middle) / spread) for n, v in answers.items()]
        found.append(min(gap.p for gap in Contrast.of(rows, seed).gaps))
    assert np.mean(np.array(found) <= 0.01) <= 0.05
    assert np.mean(np.array(found) <= 0.5) >= 0.25


@pytest.mark.parametrize("equal", [True, False], ids=["copies", "planted"])
def test_only_units_that_differ_are_called_different(equal, tmp_path):
    (pair,) = pairs(3, 1, equal=equal)
    models = {"a": Twin(pair.first, "one", 1.0), "b": Twin(pair.second, "two", 0.3)}
    session = compare(
        "a/unit/0", "b/unit/0", models=models, data=scenes_world(620, 60), agent="offline",
        review="auto", folder=tmp_path,
    ).wait()  # fmt: skip
    assert bool(session.conclusion.answers) is not equal, session.conclusion
    steps = [event.proposal for event in session.journal.events if isinstance(event, Offered)]
    assert [refusals(step.code) for step in steps[:-1]] == [()] * (len(steps) - 1)
    assert len(session.journal.events[-2].observation.tables) == (1 if equal else 2)
