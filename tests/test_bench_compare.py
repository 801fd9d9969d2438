"""Pairs of units that are equal, or differ by a word, and what the offline agent says of them."""

import pytest

from maia_lab import compare
from maia_lab.allowlist import refusals
from maia_lab.bench.compare import Twin, pairs
from maia_lab.events import Offered
from maia_lab.scenes.world import scenes_world


def test_a_planted_difference_is_one_word():
    for pair in pairs(7, 6, equal=False):
        one, other = (" ".join([*rule.labels, *rule.suppressed_by]).split()
                      for rule in (pair.first, pair.second))  # fmt: skip
        assert len(set(one) ^ set(other)) in (1, 2, 3), (one, other)
        assert pair.first.rule == pair.second.rule and not pair.equal
    assert all(pair.equal for pair in pairs(7, 3, equal=True))
    assert pairs(7, 3, equal=True) == pairs(7, 3, equal=True) != pairs(8, 3, equal=True)


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
