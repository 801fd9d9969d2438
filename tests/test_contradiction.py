"""Conclusions held against their own data, over real units: a few sessions of either kind."""

import pytest

from maia_lab.bench.contradiction import RULES, WAYS, bow_tie, planted, sound


@pytest.mark.parametrize("way", [*WAYS, "exemplars"])
def test_a_confounder_concluded_against_the_data_is_flagged(way):
    assert planted(4, way)


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_conclusion_is_let_through(rule):
    assert not sound(4, rule)


def test_the_bow_tie_is_flagged_for_its_single_images():
    said = bow_tie()
    assert any("nothing that it predicted came out clearly" in text for text in said)
    assert sum("rests on a single image" in text for text in said) == 2
