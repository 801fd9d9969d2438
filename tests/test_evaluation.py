import pytest

from maia_lab import evaluation
from maia_lab.errors import WordsError


def test_labels_are_scored_on_held_out_images_beside_the_one_shot_baseline(
    system, world, exemplars
):
    mine, baseline = evaluation.score(system, world, exemplars, ["red", "blue"])
    assert mine.n == 30 and mine.predicted == 20
    assert mine.positives == baseline.positives > 0
    assert mine.recall == 1.0
    assert mine.precision == pytest.approx(mine.positives / 20)
    assert baseline.labels == ("red",) and baseline.predicted == 10
    assert "one-shot baseline" in evaluation.table([mine, baseline])


def test_a_label_of_common_things_is_told_apart_by_correlation_where_precision_has_a_ceiling(
    system, world, exemplars
):
    red, _ = evaluation.score(system, world, exemplars, ["red"])
    both, _ = evaluation.score(system, world, exemplars, ["red", "blue"])
    everything, _ = evaluation.score(system, world, exemplars, ["red", "blue", "green"])
    assert 0.9 < red.correlation <= 1 and both.correlation < red.correlation
    assert everything.correlation is None
    assert both.ceiling == pytest.approx(both.positives / 20)
    assert f"at most {both.ceiling:.2f}" in " ".join(evaluation.explained([both]))


def test_what_suppresses_takes_images_out_of_the_prediction(system, world, exemplars):
    mine, _ = evaluation.score(system, world, exemplars, ["red", "blue"], ["blue"])
    assert mine.predicted == 10


def test_no_label_is_no_score_and_says_so(system, world, exemplars):
    mine, _ = evaluation.score(system, world, exemplars, [])
    assert mine.precision is None and mine.recall is None and mine.note == "there is no label"


def test_a_label_that_cannot_be_read_is_refused(system, world, exemplars):
    with pytest.raises(WordsError):
        evaluation.score(system, world, exemplars, ["a cat"])
