from __future__ import annotations

from math import hypot

import numpy as np
import pytest

from maia_lab import provenance
from maia_lab.errors import DataError
from maia_lab.scenes.data import SceneImages
from maia_lab.scenes.keep import scene_of
from maia_lab.scenes.place import overlap, place
from maia_lab.scenes.render import render
from maia_lab.scenes.sample import (
    CATEGORIES,
    CONCEPTS,
    sample,
    sample_category,
    stream,
    targets,
)
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS


def test_the_same_seed_gives_the_same_scene():
    assert sample(stream("data", 3, 5)) == sample(stream("data", 3, 5))


def test_purposes_and_seeds_share_no_scene():
    scenes = [
        sample(stream(purpose, seed))
        for purpose in ("data", "held-out", "scenes train", "scenes test")
        for seed in range(200)
    ]
    assert len(set(scenes)) == len(scenes)


def test_every_word_of_the_vocabulary_is_drawn():
    scenes = [sample(stream("test", seed)) for seed in range(400)]
    things = [thing for scene in scenes for thing in scene.things]
    for attribute, words in ATTRIBUTES.items():
        assert {getattr(thing, attribute) for thing in things} == set(words)
    assert {scene.background for scene in scenes} == set(BACKGROUNDS)
    assert {len(scene.things) for scene in scenes} == {1, 2, 3, 4}
    crowded = [thing.size for scene in scenes if len(scene.things) == 3 for thing in scene.things]
    assert min(crowded.count(size) for size in ATTRIBUTES["size"]) > len(crowded) / 6


def test_what_is_wanted_is_there_and_nothing_else():
    wanted = [{"shape": "star", "size": "large"}, {"colour": "pink", "texture": "dotted"}]
    for seed in range(50):
        first, second = sample(stream("test", seed), wanted, "snow").things
        assert (first.shape, first.size) == ("star", "large")
        assert (second.colour, second.texture) == ("pink", "dotted")


def test_four_large_things_find_room_and_stay_large():
    for seed in range(10):
        scene = sample(stream("test", seed), [{"shape": "circle", "size": "large"}] * 4)
        assert {thing.size for thing in scene.things} == {"large"}
        _, masks = render(scene, 128, masks=True)
        alone = np.pi * sum((0.92 * thing.radius * 128) ** 2 for thing in scene.things)
        assert masks.sum() == pytest.approx(alone, rel=0.01)


def test_things_keep_their_distance_and_stay_inside():
    for seed in range(200):
        discs = [(t.x, t.y, t.radius) for t in sample(stream("test", seed)).things]
        for i, (x, y, radius) in enumerate(discs):
            assert radius <= min(x, y, 1 - x, 1 - y)
            for other_x, other_y, other in discs[:i]:
                assert hypot(x - other_x, y - other_y) > radius + other


def test_new_things_are_placed_around_fixed_ones():
    fixed = [(0.3, 0.3, 0.25), (0.7, 0.75, 0.2)]
    for seed in range(20):
        (disc,) = place(stream("test", seed), [0.12], fixed)
        assert overlap(disc, fixed) < 1e-3


def test_where_there_is_no_room_things_overlap_rather_than_vanish():
    assert len(place(stream("test", 0), [0.45, 0.45])) == 2


def test_targets_name_what_a_scene_holds():
    scene = sample(stream("test", 1), [{"shape": "boat", "colour": "green"}], "water")
    named = {concept for concept, held in zip(CONCEPTS, targets(scene), strict=True) if held}
    assert named == {"boat", "green", scene.things[0].texture, "water background"}


def test_scenes_of_a_category_hold_what_it_is_known_by():
    rng = stream("test", 9)
    for _ in range(100):
        scene, label = sample_category(rng)
        always, _, _ = list(CATEGORIES.values())[label]
        assert {thing.shape for thing in scene.things} & set(always)


def test_data_can_be_read_again_and_by_position():
    data = SceneImages(12, seed=4, size=48)
    first, again = ([provenance.pixel_hash(image) for image in data] for _ in range(2))
    assert first == again and len(first) == len(data) == 12
    assert provenance.pixel_hash(SceneImages(12, seed=4, size=48)[7]) == first[7]
    assert data[3].size == (48, 48) and data[3].mode == "RGB"


def test_data_images_know_where_they_come_from_and_what_they_show():
    data = SceneImages(3, seed=5, size=48)
    origin = provenance.origin(data[1])
    assert origin is not None and (origin.kind, origin.by) == ("data", "3 scenes")
    assert scene_of(data[1]) == data.scene(1)


def test_a_digest_changes_with_everything_the_images_depend_on():
    digests = {
        SceneImages(*arguments).digest
        for arguments in [
            (10, 0, 64, "data"),
            (11, 0, 64, "data"),
            (10, 1, 64, "data"),
            (10, 0, 65, "data"),
            (10, 0, 64, "held-out"),
        ]
    }
    assert len(digests) == 5
    assert SceneImages(10).digest == SceneImages(10).digest


def test_data_of_no_image_is_refused_and_so_is_a_position_beyond_the_end():
    with pytest.raises(DataError):
        SceneImages(0)
    with pytest.raises(IndexError):
        SceneImages(3)[3]


def test_a_data_set_that_looks_different_has_another_digest(monkeypatch):
    from maia_lab.scenes import render as module
    from maia_lab.scenes.data import SceneImages

    module.appearance.cache_clear()
    before = SceneImages(20).digest
    assert SceneImages(20).digest == before != SceneImages(21).digest
    monkeypatch.setitem(module.PALETTE, "pink", ((250, 132, 183), (255, 230, 240)))
    module.appearance.cache_clear()
    assert SceneImages(20).digest != before
    module.appearance.cache_clear()
