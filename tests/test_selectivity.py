"""A unit's answers to things set before backgrounds, taken apart."""

import numpy as np
import pytest

from maia_lab.selectivity import SELECTIVE, SPURIOUS, Selectivity

THING = np.arange(4.0)[None, :, None] * np.ones((6, 1, 4))
GROUND = THING.transpose(0, 2, 1)


def test_a_unit_is_what_its_answers_vary_with():
    assert Selectivity.of(THING) == Selectivity(1, 0, 0)
    assert Selectivity.of(GROUND).verdict == SPURIOUS
    half = Selectivity.of(THING + GROUND)
    assert (half.thing, half.background) == (pytest.approx(0.5), pytest.approx(0.5))
    assert half.verdict == SPURIOUS
    assert Selectivity.of(3 * THING + GROUND).verdict == SELECTIVE
    assert "90% of its variation goes with the thing" in str(Selectivity.of(3 * THING + GROUND))


def test_a_thing_seen_on_one_background_only_is_not_selective():
    answers = np.zeros((6, 4, 4))
    answers[:, 1, 1] = 1
    assert Selectivity.of(answers).both > 0.5
    assert Selectivity.of(answers).verdict == SPURIOUS


def test_a_unit_that_never_varies_has_nothing_to_show():
    assert Selectivity.of(np.zeros((6, 4, 4))) == Selectivity(0, 0, 0)
    rounded = np.float32(5) + np.spacing(np.float32(5)) * THING
    assert Selectivity.of(rounded) == Selectivity(0, 0, 0), "rounding is no answer"
