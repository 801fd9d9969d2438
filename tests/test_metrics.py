"""Metrics agree with scikit-learn's, fall when they must, and say why they are not there."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from maia_lab.scoring.metrics import (
    METRICS,
    auprc,
    f1,
    mann_whitney,
    mean_difference,
    pearson,
    undefined,
)
from maia_lab.scoring.sanity import ideal, sanity

CHANCE = np.random.default_rng(3)
HELD = CHANCE.random(300) < 0.2
VALUES = np.round(HELD + CHANCE.normal(0, 0.5, 300), 1)
"""With many ties."""


def test_areas_are_those_of_scikit_learn_ties_and_all():
    assert auprc(HELD, VALUES) == pytest.approx(average_precision_score(HELD, VALUES))
    assert mann_whitney(HELD, VALUES) == pytest.approx(roc_auc_score(HELD, VALUES))
    assert pearson(HELD, VALUES) == pytest.approx(np.corrcoef(HELD, VALUES)[0, 1])


def test_f1_counts_as_many_active_as_predicted():
    assert f1([1, 1, 0, 0], [4, 3, 2, 1]) == 1
    assert f1([1, 1, 0, 0], [4, 1, 3, 2]) == 0.5
    assert f1([1, 0, 0, 0], [1, 1, 0, 0]) == 0.5
    assert mean_difference([1, 0], [3.0, 1.0]) == 2


def test_chance_gives_the_share_of_predicted_images():
    held = CHANCE.random(20_000) < 0.3
    assert auprc(held, CHANCE.random(20_000)) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("predicted", "values", "why"),
    [
        ([], [], "no images"),
        ([1, 0], [1, np.nan], "1 of 2 images with NaN or infinity"),
        ([1, 0], [np.inf, -np.inf], "2 of 2 images with NaN or infinity"),
        ([0, 0], [1, 2], "no image is predicted"),
        ([1, 1], [1, 2], "every image is predicted"),
        ([1, 0], [2, 2], "answers all images alike"),
    ],
)
def test_a_metric_that_is_not_defined_is_none_with_a_reason(predicted, values, why):
    assert why in undefined(predicted, values)
    assert all(metric(predicted, values) is None for metric in METRICS.values())


def test_metrics_that_can_be_trusted_pass_both_checks_and_the_others_are_named():
    found = {name: sanity(metric, [(HELD, VALUES)] * 5) for name, metric in METRICS.items()}
    assert {name for name, s in found.items() if not s.failed} == {"pearson", "auprc", "f1"}
    assert "missing labels of a rare concept" in found["mean-difference"].failed
    assert "missing labels of a rare concept" in found["mann-whitney"].failed
    assert sanity(pearson, []).fell == ()


def test_a_metric_that_never_falls_fails_everything():
    assert len(sanity(lambda *_: 1.0, [(HELD, VALUES)]).failed) == 4
    held, values = ideal()
    assert held.sum() == 20 and values[held].min() > values[~held].max()
