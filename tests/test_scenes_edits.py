from __future__ import annotations

import pytest

from maia_lab.errors import WordsError
from maia_lab.scenes.captions import caption
from maia_lab.scenes.edits import edit
from maia_lab.scenes.place import overlap
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import Scene, Thing

CIRCLE = Thing("circle", "red", "striped", 0.28, 0.3, 0.2, 5.0)
SQUARE = Thing("square", "blue", "plain", 0.75, 0.25, 0.14, -3.0)
BIRD = Thing("bird", "pink", "plain", 0.55, 0.75, 0.15, 8.0)
SCENE = Scene("grass", (CIRCLE, SQUARE, BIRD), 7)
PLAIN = "medium red striped circle", "small blue plain square", "small pink plain bird"


@pytest.mark.parametrize(
    ("instruction", "things", "background"),
    [
        ("replace the circle with a star", {0: "medium red striped star"}, "grass"),
        ("Turn the bird into a fish.", {2: "small pink plain fish"}, "grass"),
        ("swap the square for a dotted tree", {1: "small blue dotted tree"}, "grass"),
        ("change the color of the square to pink", {1: "small pink plain square"}, "grass"),
        ("change the bird from pink to red", {2: "small red plain bird"}, "grass"),
        ("make the circle blue", {0: "medium blue striped circle"}, "grass"),
        ("make the circle red and dotted", {0: "medium red dotted circle"}, "grass"),
        ("make the circle have dots", {0: "medium red dotted circle"}, "grass"),
        ("make the square a yellow heart", {1: "small yellow plain heart"}, "grass"),
        ("paint the bird blue", {2: "small blue plain bird"}, "grass"),
        ("make the circle and the bird yellow",
         {0: "medium yellow striped circle", 2: "small yellow plain bird"}, "grass"),
        ("make everything green", {0: "medium green striped circle",
         1: "small green plain square", 2: "small green plain bird"}, "grass"),
        ("make the bird bigger", {2: "medium pink plain bird"}, "grass"),
        ("enlarge the square", {1: "medium blue plain square"}, "grass"),
        ("make the bird large", {2: "large pink plain bird"}, "grass"),
        ("shrink the circle", {0: "small red striped circle"}, "grass"),
        ("change the background to sand", {}, "sand"),
        ("make the background a starry night", {}, "night"),
        ("replace the grass with snow", {}, "snow"),
        ("put the bird on a beach", {}, "sand"),
        ("remove the background", {}, "plain"),
        ("remove the grass", {}, "plain"),
        ("make the bird ( look ) green", {2: "small green plain bird"}, "grass"),
        ("make the circle polka dotted", {0: "medium red dotted circle"}, "grass"),
    ],
)  # fmt: skip
def test_an_instruction_changes_what_it_names_and_nothing_else(instruction, things, background):
    edited = edit(SCENE, instruction, 0)
    assert edited.background == background and edited.seed == SCENE.seed
    for i, (before, after) in enumerate(zip(SCENE.things, edited.things, strict=True)):
        expected = things.get(i, PLAIN[i])
        assert f"{after.size} {after.colour} {after.texture} {after.shape}" == expected
        assert after.angle == before.angle
        if i not in things:
            assert after == before


@pytest.mark.parametrize(
    ("instruction", "left"),
    [
        ("remove the bird", (CIRCLE, SQUARE)),
        ("delete the plain things", (CIRCLE,)),
        ("remove the square and the bird", (CIRCLE,)),
        ("remove everything but the circle", (CIRCLE,)),
        ("keep only the bird", (BIRD,)),
        ("remove everything", ()),
    ],
)
def test_removing_leaves_the_rest_where_it_was(instruction, left):
    assert edit(SCENE, instruction, 0) == Scene("grass", left, 7)


def test_a_number_limits_how_many_are_changed():
    assert {len(edit(SCENE, "remove one thing", seed).things) for seed in range(5)} == {2}
    assert len({edit(SCENE, "remove one thing", seed) for seed in range(12)}) == 3


def test_what_is_added_is_in_front_and_touches_nothing():
    for seed in range(20):
        edited = edit(SCENE, "add a yellow moon", seed)
        assert edited.things[:3] == SCENE.things
        moon = edited.things[3]
        assert (moon.shape, moon.colour) == ("moon", "yellow")
        others = [(t.x, t.y, t.radius) for t in SCENE.things]
        assert overlap((moon.x, moon.y, moon.radius), others) < 0.01


def test_several_things_can_be_added_at_once():
    edited = edit(Scene("sand"), "add two small red stars and a boat to the image", 1)
    assert sorted(thing.shape for thing in edited.things) == ["boat", "star", "star"]


def test_a_thing_that_grows_stays_where_it_is_if_there_is_room():
    assert (edit(SCENE, "make the bird bigger", 0).things[2].x) == BIRD.x


def test_a_thing_that_grows_into_another_moves_where_there_is_room():
    tight = Scene("sand", (CIRCLE, Thing("star", "blue", "plain", 0.55, 0.45, 0.14)))
    grown = edit(tight, "make the star bigger", 0)
    assert grown.things[0] == CIRCLE and grown.things[1].size == "medium"
    circle, star = ((t.x, t.y, t.radius) for t in grown.things)
    assert overlap(star, [circle]) < 0.01


def test_a_large_thing_can_grow_and_a_small_one_shrink():
    alone = Scene("sand", (Thing("star", "blue", "plain", 0.5, 0.5, 0.27),))
    assert edit(alone, "make the star larger", 0).things[0].radius > 0.3
    small = Scene("sand", (Thing("star", "blue", "plain", 0.5, 0.5, 0.14),))
    assert edit(small, "make the star smaller", 0).things[0].radius < 0.12


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("paint it like Monet", "do not know: like, monet"),
        ("add a cat", "do not know: cat"),
        ("make the square less blue", "do not know: less"),
        ("replace the circle with a bicycle", "do not know: bicycle"),
        ("change the fish to a car", "'fish' is nowhere in the image; it shows a medium red"),
        ("make the fish red", "'fish' is nowhere in the image"),
        ("remove the red square", "'red square' is nowhere in the image"),
        ("remove two birds", "'two birds' is nowhere in the image"),
        ("replace the sand with snow", "'the sand' is nowhere in the image"),
        ("replace the circle with two stars", "not something that one thing can become"),
        ("make the bird", "does not say what to make of what"),
        ("add a circle on snow", "has one already"),
        ("add four stars", "no more find room"),
        ("add three large stars", "finds no room"),
        ("change the background to a bird", "is not a background|does not say"),
        ("change the background to lava", "do not know: lava"),
        ("rotate the image", "not an instruction"),
        ("", "not an instruction"),
    ],
)
def test_an_instruction_that_cannot_be_followed_is_refused_with_the_reason(instruction, reason):
    with pytest.raises(WordsError, match=reason):
        edit(SCENE, instruction, 0)


def test_the_same_seed_makes_the_same_edit():
    assert edit(SCENE, "add a star", 3) == edit(SCENE, "add a star", 3)
    assert edit(SCENE, "add a star", 3) != edit(SCENE, "add a star", 4)


def test_any_thing_of_any_scene_can_be_named_and_recoloured():
    for seed in range(100):
        scene = sample(stream("test", seed))
        thing = scene.things[0]
        edited = edit(scene, f"make the {thing.colour} {thing.shape} white", seed)
        assert edited.things[0].colour == "white", caption(scene)
