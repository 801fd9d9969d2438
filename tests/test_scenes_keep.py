from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from maia_lab import provenance
from maia_lab.errors import WorldError
from maia_lab.provenance import Origin
from maia_lab.scenes import keep
from maia_lab.scenes.keep import image_of, scene_of
from maia_lab.scenes.sample import sample, stream

SCENE = sample(stream("test keep", 1))


def drawn(scene=SCENE):
    return image_of(scene, Origin("generated", "test"), 64)


@pytest.fixture
def forgetful(monkeypatch):
    """As in another process, where no scene is remembered."""
    monkeypatch.setattr(keep, "_scenes", type(keep._scenes)())


def test_a_drawn_image_knows_its_scene():
    assert scene_of(drawn()) == SCENE


def test_a_copy_without_metadata_is_known_by_its_pixels():
    assert scene_of(Image.fromarray(np.asarray(drawn()))) == SCENE


def test_an_image_whose_scene_was_forgotten_is_known_by_what_it_carries(forgetful):
    image = drawn()
    keep._scenes.clear()
    assert scene_of(image) == SCENE


def test_changed_pixels_are_not_believed_though_the_metadata_is_still_there():
    changed = drawn().filter(ImageFilter.GaussianBlur(2))
    assert keep.KEY in changed.info
    with pytest.raises(WorldError, match="pixels were changed since"):
        scene_of(changed)


def test_a_crop_and_a_resized_copy_are_refused():
    for other in (drawn().crop((0, 0, 32, 32)), drawn().resize((32, 32))):
        with pytest.raises(WorldError, match="changed"):
            scene_of(other)


def test_an_image_from_elsewhere_is_refused_clearly():
    with pytest.raises(WorldError, match=r"shows no scene that is known here; use images from"):
        scene_of(Image.new("RGB", (30, 20)))


def test_broken_metadata_is_refused(forgetful):
    image = drawn()
    keep._scenes.clear()
    image.info[keep.KEY] = '{"background":"lava"}'
    with pytest.raises(WorldError, match="is not a scene"):
        scene_of(image)


def test_a_masked_image_shows_the_scene_of_its_original():
    image = drawn()
    dark = Image.fromarray(np.asarray(image) // 4)
    masked = provenance.stand_in(dark, image, "system")
    assert scene_of(masked) == SCENE


def test_what_is_remembered_is_bounded(monkeypatch, forgetful):
    monkeypatch.setattr(keep, "KEPT", 5)
    for seed in range(9):
        drawn(sample(stream("test keep", seed)))
    assert len(keep._scenes) == 5
