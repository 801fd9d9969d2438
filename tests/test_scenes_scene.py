from __future__ import annotations

import json

import pytest

from maia_lab.errors import WorldError
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import LIMITS, SIZES, Scene, Thing


def test_a_scene_survives_json_exactly():
    for seed in range(50):
        scene = sample(stream("test", seed))
        assert Scene.from_json(scene.to_json()) == scene


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"background":"lava","things":[],"seed":0}',
        '{"background":"sand","things":[{"shape":"cat"}],"seed":0}',
        '{"background":"sand","things":[],"seed":0,"weather":"fine"}',
    ],
)
def test_text_that_is_no_scene_is_refused(text):
    with pytest.raises(WorldError):
        Scene.from_json(text)


def test_a_thing_that_cannot_be_drawn_is_refused_with_what_can():
    with pytest.raises(WorldError, match=r"'beige' is not a colour of scenes; choose one of red"):
        Thing("circle", "beige", "plain", 0.5, 0.5, 0.2)


def test_size_is_what_the_radius_amounts_to():
    for (size, (least, most)), low, high in zip(
        SIZES.items(), LIMITS[:-1], LIMITS[1:], strict=True
    ):
        assert low < least < most < high
        for radius in (least, most):
            assert Thing("star", "red", "plain", 0.5, 0.5, radius).size == size


def test_scenes_are_written_on_one_line():
    assert "\n" not in Scene("sand").to_json()
    assert json.loads(Scene("sand").to_json())["background"] == "sand"
