from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image

from maia_lab.scenes.__main__ import main
from maia_lab.scenes.render import render
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import BACKGROUNDS, COLOURS, KINDS, TEXTURES, Scene, Thing


def one(shape="circle", colour="red", texture="plain", radius=0.25, **where):
    return Thing(shape, colour, texture, **({"x": 0.5, "y": 0.5} | where), radius=radius)


def test_the_same_scene_is_the_same_pixels():
    scene = sample(stream("test", 1))
    assert np.array_equal(render(scene, 96), render(scene, 96))


def test_asking_for_masks_does_not_change_the_image():
    scene = sample(stream("test", 2))
    pixels, masks = render(scene, 80, masks=True)
    assert np.array_equal(pixels, render(scene, 80))
    assert pixels.shape == (80, 80, 3) and pixels.dtype == np.uint8
    assert masks.shape == (len(scene.things), 80, 80) and masks.dtype == np.float32


def test_the_mask_of_a_circle_has_its_area():
    _, masks = render(Scene("plain", (one(radius=0.3),)), 128, masks=True)
    assert masks[0].sum() == pytest.approx(np.pi * (0.92 * 0.3 * 128) ** 2, rel=0.002)


def test_the_mask_of_a_ring_leaves_its_hole_out():
    _, masks = render(Scene("plain", (one("ring", radius=0.3),)), 128, masks=True)
    assert masks[0, 64, 64] == 0
    area = np.pi * ((0.93 * 0.3 * 128) ** 2 - (0.41 * 0.3 * 128) ** 2)
    assert masks[0].sum() == pytest.approx(area, rel=0.002)


def test_masks_say_exactly_which_pixels_a_thing_changes():
    for shape in KINDS:
        scene = Scene("sand", (one(shape, "blue"),), 3)
        pixels, masks = render(scene, 128, masks=True)
        inside = masks[0] == 1
        other = render(Scene("water", scene.things, 3), 128)
        rounding = np.abs(pixels[inside].astype(int) - other[inside]).max()
        assert rounding <= 1, shape
        # A hole or a gap keeps the background, beside a shadow that only darkens it.
        outside = masks[0] == 0
        empty = render(Scene("sand", (), 3), 128)
        assert (pixels[outside] <= empty[outside]).all(), shape


def test_a_later_thing_covers_an_earlier_one():
    back, front = one(radius=0.3), one("square", "blue", radius=0.2)
    _, masks = render(Scene("plain", (back, front)), 128, masks=True)
    _, alone = render(Scene("plain", (back,)), 128, masks=True)
    assert masks.sum(0).max() <= 1 + 1e-6
    assert masks[0, 64, 64] == 0 and masks[1, 64, 64] == 1
    assert np.allclose(masks[0], alone[0] * (1 - masks[1]), atol=1e-6)


def test_a_thing_beyond_the_edge_is_cut_there():
    _, masks = render(Scene("plain", (one(x=0.0, radius=0.3),)), 128, masks=True)
    assert masks[0].sum() == pytest.approx(np.pi * (0.92 * 0.3 * 128) ** 2 / 2, rel=0.01)
    _, masks = render(Scene("plain", (one(x=5.0),)), 64, masks=True)
    assert masks.sum() == 0


@pytest.mark.parametrize("colour", COLOURS)
def test_a_thing_has_its_colour(colour):
    shown = {c: render(Scene("plain", (one(colour=c),)), 64)[32, 32].astype(int) for c in COLOURS}
    expected = shown.pop(colour)
    image = render(Scene("night", (one("square", colour, x=0.3, y=0.6),)), 64)
    seen = image[38, 19].astype(int)
    assert all(abs(seen - expected).sum() < abs(seen - other).sum() for other in shown.values())


def test_parts_with_a_paint_of_their_own_keep_it():
    red, blue = (
        render(Scene("plain", (one("boat", colour, radius=0.3),)), 128)
        for colour in ("red", "blue")
    )
    hull, sail = (85, 64), (64, 50)
    assert np.array_equal(red[hull], blue[hull]) and not np.array_equal(red[sail], blue[sail])


def test_textures_differ_inside_the_thing_and_nowhere_else():
    images = {}
    for texture in TEXTURES:
        images[texture], masks = render(
            Scene("wood", (one("square", texture=texture),)), 128, masks=True
        )
    for texture in TEXTURES[1:]:
        differs = (images[texture] != images["plain"]).any(-1)
        assert differs[masks[0] > 0.99].mean() > 0.2
        assert not differs[masks[0] == 0].any()


def test_backgrounds_differ_from_each_other_and_from_seed_to_seed():
    for background in BACKGROUNDS:
        first, second = (render(Scene(background, (), seed), 64) for seed in (1, 2))
        assert not np.array_equal(first, second)
    means = [render(Scene(b, (), 1), 64).astype(float).mean((0, 1)) for b in BACKGROUNDS]
    gaps = [np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i]]
    assert min(gaps) > 8


def test_a_scene_looks_the_same_at_every_size():
    scene = sample(stream("test", 5))
    small = render(scene, 64).astype(float)
    shrunk = render(scene, 256).reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(small - shrunk).mean() < 8


def test_drawing_with_masks_is_fast():
    scenes = [sample(stream("test", seed)) for seed in range(100)]
    for background in BACKGROUNDS:
        for seed in range(8):
            render(Scene(background, (), seed))

    def seconds(some):
        started = time.process_time()
        for scene in some:
            render(scene, 128, masks=True)
        return time.process_time() - started

    # What else the machine does slows some of them down.
    assert 100 / 4 / min(seconds(scenes[i::4]) for i in range(4)) >= 100


def test_a_contact_sheet_can_be_drawn_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "sheet.png"
    asked = ["--out", str(path), "--count", "6", "--rows", "2", "--columns", "3", "--size", "32"]
    assert main(asked) == 0
    assert "images/s at 32 px with masks" in capsys.readouterr().out
    with Image.open(path) as sheet:
        assert sheet.size == (3 * 36 + 4, 2 * 36 + 4)
