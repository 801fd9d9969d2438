"""Rows say how sure they are, and refuse to speak of nothing."""

from __future__ import annotations

import numpy as np
import pytest

from maia_lab.bench.table import Row
from maia_lab.errors import DataError


def test_a_share_has_an_interval_within_nought_and_one():
    row = Row.share("exact", [True] * 19 + [False], ">= 0.9")
    assert row.value == 0.95 and row.holds
    assert (row.low, row.high) == (pytest.approx(0.764, abs=0.001), pytest.approx(0.991, abs=0.001))
    assert Row.share("all", [True] * 3).high == 1 and Row.share("none", [False] * 3).low == 0


def test_a_mean_has_a_bootstrap_interval_that_narrows_with_n():
    few, many = (Row.mean("r", [0.0, 1.0] * n) for n in (5, 500))
    assert few.value == many.value == 0.5
    assert few.low < many.low < 0.5 < many.high < few.high
    assert few.holds is None and not Row.mean("r", [0.5], ">= 0.9").holds


@pytest.mark.parametrize("n", [3, 5, 20])
def test_the_interval_of_a_mean_covers_it_as_often_as_it_says(n):
    random = np.random.default_rng(3)
    rows = [Row.mean("r", random.normal(1, 1, n).tolist()) for _ in range(400)]
    assert 0.92 <= np.mean([row.low <= 1 <= row.high for row in rows]) <= 0.99


@pytest.mark.parametrize("row", [Row.mean, Row.share])
def test_nothing_measured_is_an_error_that_says_so(row):
    with pytest.raises(DataError, match="no unit"):
        row("r", [])
