from dataclasses import replace

import numpy as np
import pytest
from conftest import Plain, plain

from maia_lab.errors import WordsError
from maia_lab.scoring import evaluation
from maia_lab.system import Reference, Response


def test_labels_are_scored_on_held_out_images_beside_the_one_shot_baseline(
    system, world, exemplars
):
    mine, baseline, found = evaluation.score(system, world, exemplars, ["red", "blue"])
    assert mine.n == 30 and mine.predicted == 20
    assert mine.positives == baseline.positives > 0
    assert mine.recall == 1.0
    assert mine.precision == pytest.approx(mine.positives / 20)
    assert baseline.labels == found.labels == ("red",) and baseline.predicted == 10
    assert mine.shares == (1.0, 0.0)
    told = evaluation.table([mine, baseline, found])
    assert (
        "one-shot baseline" in told and "search baseline" in told and "red: in 100% of the" in told
    )
    scores = evaluation.Scores([mine, baseline, found])
    assert repr(scores) == told
    held_out, *drawn = scores.tables
    assert [row[0] for row in held_out.rows] == [s.of for s in scores]
    assert "red: in 100% of the" in held_out.note
    assert len(drawn) == 1 or f"not drawn, because {mine.trial.note}" in held_out.note


def test_a_label_of_common_things_is_told_apart_by_correlation_where_precision_has_a_ceiling(
    system, world, exemplars
):
    red, *_ = evaluation.score(system, world, exemplars, ["red"])
    both, *_ = evaluation.score(system, world, exemplars, ["red", "blue"])
    everything, *_ = evaluation.score(system, world, exemplars, ["red", "blue", "green"])
    assert 0.9 < red.correlation <= 1 and both.correlation < red.correlation
    assert everything.correlation is None
    assert both.ceiling == pytest.approx(both.positives / 20)
    assert f"at most {both.ceiling:.2f}" in " ".join(evaluation.explained([both]))


def test_what_suppresses_takes_images_out_of_the_prediction(system, world, exemplars):
    mine, *_ = evaluation.score(system, world, exemplars, ["red", "blue"], ["blue"])
    assert mine.predicted == 10


def test_no_label_is_no_score_and_says_so(system, world, exemplars):
    mine, *_ = evaluation.score(system, world, exemplars, [])
    assert mine.precision is None and mine.recall is None and mine.note == "there is no label"


def test_a_label_that_cannot_be_read_is_refused(system, world, exemplars):
    with pytest.raises(WordsError):
        evaluation.score(system, world, exemplars, ["a cat"])


def test_a_description_is_tried_on_images_drawn_for_it(system, world, exemplars):
    world = replace(world, vocabulary={"colour": ("red", "green", "blue")})
    mine, *_ = evaluation.score(system, world, exemplars, ["red"])
    assert mine.trial.drawn_by == "plain generator" and mine.trial.note == ""
    assert len(mine.trial.high) == len(mine.trial.neutral) == len(mine.trial.near) == 20
    assert min(mine.trial.high) > max(mine.trial.neutral + mine.trial.near)
    assert mine.trial["auprc"] == mine.trial["f1"] == mine.trial["mann-whitney"] == 1
    assert mine.trial["pearson"] > 0.95
    told = evaluation.table([mine])
    assert "near misses" in told and "nan" not in told


@pytest.mark.parametrize(
    ("lacks", "why"),
    [
        ({"vocabulary": {}}, "nobody can tell what else"),
        ({"generator": None}, "nothing that draws"),
        ({"labels": []}, "there is no label"),
    ],
)
def test_what_cannot_be_drawn_says_why(system, world, exemplars, lacks, why):
    world = replace(world, vocabulary={"colour": ("red", "green", "blue")})
    labels = lacks.pop("labels", ["red"])
    mine, *_ = evaluation.score(system, replace(world, **lacks), exemplars, labels)
    assert why in mine.trial.note and f"not drawn, because {mine.trial.note}" in evaluation.table(
        [mine]
    )


@pytest.mark.parametrize(
    ("broken", "why"), [(np.nan, "with NaN or infinity"), (np.inf, "with NaN or infinity")]
)
def test_a_unit_that_answers_no_number_is_not_scored_and_says_so(
    system, world, exemplars, monkeypatch, broken, why
):
    answer = system._layer.respond

    def respond(images, units=None):
        response = answer(images, units)
        response.values[0] = broken
        return response

    monkeypatch.setattr(system._layer, "respond", respond)
    (mine,) = evaluation.score(system, world, exemplars, ["red"])
    told = evaluation.table([mine])
    assert why in mine.note and "nan" not in told
    assert mine.n == 0 and "count as active" not in told, "nobody looked at any image"


def test_a_unit_that_never_varies_has_scores_that_say_so(system, world, exemplars, monkeypatch):
    answer = system._layer.respond

    def respond(images, units=None):
        response = answer(images, units)
        response.values[:] = 0
        return response

    monkeypatch.setattr(system._layer, "respond", respond)
    mine, *_ = evaluation.score(system, world, exemplars, ["red"])
    assert mine.correlation is None and mine.auprc is None
    assert mine.note == "the unit answers all images alike"
    assert "nan" not in evaluation.table([mine])


def test_no_held_out_images_are_no_score_and_say_so(system, world, exemplars):
    mine, *_ = evaluation.score(system, replace(world, held_out=Plain(0, 0)), exemplars, ["red"])
    assert mine.note == "there are no images" and mine.precision is None
    assert "nan" not in evaluation.table([mine])


def test_a_unit_that_is_on_or_off_counts_as_active_where_it_is_on(
    system, world, exemplars, monkeypatch
):
    answer = system._layer.respond

    def respond(images, units=None):
        response = answer(images, units)
        return Response((response.values > 0.3).astype(np.float32))

    monkeypatch.setattr(system._layer, "respond", respond)
    values = np.sort(respond(list(world.data)).values[:, 0])
    assert 0.05 < values.mean() < 1
    system.reference = Reference(values, None)
    mine, *_ = evaluation.score(system, world, exemplars, ["red"])
    assert (mine.precision, mine.recall, mine.correlation) == (1, 1, 1)
    assert "count as active: at the unit's maximum" in evaluation.table([mine])
    assert Reference(np.ones(4, np.float32), None).high == 1
    assert Reference(np.linspace(0, 1, 101, dtype=np.float32), None).high == pytest.approx(0.95)


def test_where_no_image_is_active_there_is_no_precision_and_it_says_so(system, world, exemplars):
    blue = replace(world, held_out=[plain("blue", i) for i in range(20)] + [plain("green", 0)])
    mine, *_ = evaluation.score(system, blue, exemplars, ["blue"])
    assert mine.positives == 0 and mine.precision is None and mine.recall is None
    assert mine.correlation is not None
    assert "None of 21 images count as active" in evaluation.table([mine])


def test_of_few_images_a_correlation_is_told_to_be_rough(system, world, exemplars):
    two = replace(world, held_out=[plain("red", 0), plain("blue", 0)])
    mine, *_ = evaluation.score(system, two, exemplars, ["red"])
    assert mine.correlation == pytest.approx(1) and mine.interval == (-1, 1)
    assert "r is rough: 1.00 [-1.00, 1.00]" in evaluation.table([mine])
    low, high = replace(mine, n=4).interval
    assert low < 0 and high == pytest.approx(1), "two of four fit by chance in one of six"
    many = replace(mine, correlation=0.5, n=1000)
    low, high = many.interval
    assert low == pytest.approx(0.45, abs=0.003) and high == pytest.approx(0.545, abs=0.003)
    assert "rough" not in evaluation.table([many])
