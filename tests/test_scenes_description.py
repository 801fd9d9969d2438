"""Two descriptions are the same if no scene tells them apart, however they are worded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maia_lab.scenes.description import (
    Description,
    agreement,
    difference,
    equivalent,
    nearer,
    overlap,
)
from maia_lab.scenes.sample import sample, stream
from maia_lab.systems.synthetic import RULES, truth

CHANCE = stream("tests of descriptions")
SCENES = [sample(CHANCE) for _ in range(400)]


def said(*labels, but_not=()):
    return Description.parse(labels, but_not)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (said("red"), said("a red thing")),
        (said("disc"), said("circle")),
        (said("red", "star"), said("star", "red")),
        (said("red", "red star"), said("red")),
        (said("red and star"), said("a star and something red")),
        (said("red", but_not=["grass"]), said("red", but_not=["grass background"])),
        (said("red", but_not=["red star", "star"]), said("red", but_not=["star"])),
        (said("red", but_not=["red"]), said()),
        (said("small", "medium", "large"), said("thing")),
        (said("red", but_not=["small", "large"]), said("red", but_not=["large", "small"])),
        (said("two circles"), said("a circle and a circle")),
    ],
)
def test_the_same_in_other_words_is_the_same(one, other):
    assert difference(one, other) is None and overlap(one, other) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (said("red"), said("red circle")),
        (said("red star"), said("red and star")),
        (said("red and star"), said("red")),
        (said("red", but_not=["grass"]), said("red")),
        (said("red", but_not=["red star"]), said("red", but_not=["star"])),
        (said("two circles"), said("circle")),
        (said("six circles"), said("five circles")),
        (said("red"), said()),
        (said("red", but_not=["two stars"]), said("red", but_not=["star"])),
    ],
)
def test_a_scene_tells_apart_what_is_not_the_same(one, other):
    scene = difference(one, other)
    assert scene is not None and one.matches(scene) != other.matches(scene)
    assert not equivalent(other, one)


WORDS = st.sampled_from(
    [
        "red",
        "blue",
        "star",
        "red star",
        "red and star",
        "grass",
        "red on grass",
        "two stars",
        "small",
    ]
)
SOME = st.builds(Description.parse, st.lists(WORDS, max_size=3), st.lists(WORDS, max_size=2))


@settings(max_examples=60, deadline=None)
@given(SOME, SOME)
def test_what_random_scenes_tell_apart_is_never_called_the_same(one, other):
    apart = any(one.matches(scene) != other.matches(scene) for scene in SCENES)
    assert not (apart and equivalent(one, other))


@pytest.mark.parametrize("rule", RULES)
def test_a_truth_is_described_exactly_by_its_own_labels(rule):
    for seed in range(700, 706):
        told = truth(rule, seed)
        if rule == "relation":
            assert told.description is None
        else:
            assert equivalent(told.description, said(*told.labels, but_not=told.suppressed_by))
            assert overlap(told, told.description) == 1


def test_the_nearer_of_two_wins_by_extension():
    told = said("red", "star")
    assert 0.3 < overlap(told, said("red")) < 0.9
    assert nearer(told, told, said("red")) == "win"
    assert nearer(told, said("grass"), said("red")) == "loss"
    assert nearer(told, said("star", "red"), told) == "tie"


def test_runs_agree_as_far_as_they_mean_the_same():
    assert agreement([said("red"), said("a red thing"), said("red")]) == 1
    assert 0 < agreement([said("red"), said("red", "star")]) < 1
    with pytest.raises(ValueError, match="two descriptions"):
        agreement([said("red")])


def test_the_words_of_a_description_are_those_that_can_be_seen():
    some = said("two red circles", "a star on grass", but_not=["plain background"])
    words = {"red", "circle", "star", "grass background", "plain background"}
    assert some.words == words
