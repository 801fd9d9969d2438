"""Heads on features of which is known what they go by: eight on the class, eight on the ground."""

from dataclasses import replace

import numpy as np
import pytest

from maia_lab.heads import Sample
from maia_lab.refit import Refit

RNG = np.random.default_rng(0)


def sample(n, tied):
    """Two classes; the ground, which is the class where ``tied``, speaks louder."""
    labels = np.arange(n) % 2
    grounds = labels if tied else np.arange(n) // 2 % 2
    features = RNG.normal(size=(n, 20))
    features[:, :8] += 1.2 * labels[:, None]
    features[:, 8:16] += 4 * grounds[:, None]
    return Sample("tied" if tied else "even", features, labels)


def refit(kept=tuple(range(8)), balanced=True):
    return Refit(*(sample(200, tied) for tied in (True, False, False, False)), balanced, kept)


@pytest.fixture(scope="module")
def found():
    return refit()


def test_a_head_over_selective_units_closes_the_gap(found):
    right = {name: float(accuracy.split()[0]) for name, _, accuracy, _ in found.rows(0)}
    assert right["all units"] < 0.7 < 0.85 < right["SELECTIVE units"]
    assert right["ℓ1, as many"] < 0.7 and right["random, as many"] < 0.8
    bounds = ("oracle's units", "all units, balanced data", "ℓ1, as many, balanced data")
    assert all(right[name] > 0.8 for name in bounds)
    assert "already generalises" not in found.remark()


def test_a_classifier_that_generalises_is_told_so():
    fair = [sample(200, tied=False) for _ in range(4)]
    assert "already generalises" in Refit(*fair, True, (0, 1)).remark()


def test_from_a_handful_of_images_no_classifier_is_said_to_generalise(found):
    few = replace(found, held_out=found.held_out.part(np.arange(200) < 4))
    # Three of four are right: two standard errors of that reach from 0.3 to 1.
    few = replace(few, held_out=replace(few.held_out, y=found.every.best.predict(few.held_out.x)))
    few.held_out.y[0] ^= 1
    assert few.every.best.accuracy(few.fair) == 0.75
    assert "already generalises" not in few.remark()


def test_without_balanced_images_nothing_is_learned_from_the_held_out():
    rows = list(refit(balanced=False).rows(0))
    assert not any("balanced" in name or "oracle" in name for name, *_ in rows)
    assert "--balanced" in refit(balanced=False).remark()


def test_without_selective_units_there_is_nothing_to_refit():
    none = refit(kept=())
    assert [name for name, *_ in none.rows(0)] == [
        "all units",
        "ℓ1, its own number",
        "all units, balanced data",
    ]
    assert "no head to refit" in none.remark()
    assert "SELECTIVE" not in none.curve().alt


def test_the_curve_shows_what_cross_validation_cannot_see(found):
    plot = found.curve()
    (axes,) = plot.figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "all units",
        "ℓ1",
        "SELECTIVE units",
    ]
    assert "where cross-validation finds 1.00" in plot.alt
