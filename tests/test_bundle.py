"""A grid goes into the notebook small, whole, and in forms that every reader has one of."""

import base64
import io
import json
import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from maia_lab import bundle, images
from maia_lab.bundle import KIND
from maia_lab.grid import MOST, Grid
from maia_lab.scenes.data import SceneImages
from maia_lab.system import Activation, masked

WEIGHT = 250_000


def chance(count, size=(224, 224), seed=0):
    """Pictures of nothing but noise, which no format makes small."""
    random = np.random.default_rng(seed)
    shape = (*size[::-1], 3)
    return [Image.fromarray(random.integers(0, 256, shape, np.uint8)) for _ in range(count)]


def seen(shown):
    """Each image as a unit saw it, active in a blob somewhere."""
    answers, random = [], np.random.default_rng(1)
    for number, image in enumerate(shown):
        x, y = np.meshgrid(np.linspace(0, 1, image.width), np.linspace(0, 1, image.height))
        mask = np.hypot(x - random.random(), y - random.random()) < 0.3
        answers.append(Activation(15.0 - number, 50.0, image, None, mask))
    return answers


def photographs(count, shape):
    folder = os.environ.get("MAIA_TEST_DATA")
    if folder is None:
        pytest.skip("needs photographs: set MAIA_TEST_DATA")
    files = islice(sorted(Path(folder, "images").rglob("*.jpg")), count)
    found = [images.load(file) for file in files]
    return [ImageOps.fit(i, (min(i.size),) * 2) if shape == "square" else i for i in found]


def opened(file):
    return Image.open(io.BytesIO(base64.b64decode(file)))


@pytest.mark.parametrize(
    "shown",
    [
        lambda: list(islice(SceneImages(15, 0), 15)),
        lambda: photographs(15, "whole"),
        lambda: photographs(15, "square"),
        lambda: chance(15),
        lambda: chance(15, (600, 900)),
    ],
    ids=["scenes", "photographs", "square photographs", "noise", "large noise"],
)
def test_fifteen_images_with_their_masks_take_at_most_250_kilobytes_in_all_forms(shown):
    grid = Grid.of(seen(shown()))
    told, known = grid._repr_mimebundle_(include=None, exclude=None)
    assert known == {"image/jpeg": {"alt": grid.alt}}
    assert set(told) == {KIND, "image/jpeg", "text/plain"}
    assert len(json.dumps(told)) <= WEIGHT
    assert opened(told["image/jpeg"]).size == grid.draw().size
    sides = {max(tile["width"], tile["height"]) for tile in told[KIND]["tiles"]}
    assert min(sides) >= 64


def test_the_data_holds_every_image_unmasked_and_beside_it_where_the_unit_is_active():
    scene = next(iter(SceneImages(1, 0)))
    (answer,) = seen([scene])
    (tile,) = bundle.data(Grid.of([(0.5, masked(answer), "a caption")]))["tiles"]
    image = opened(tile["image"])
    assert (image.format, image.size) == ("WEBP", scene.size) == ("WEBP", (tile["width"],) * 2)
    off = np.asarray(image.convert("RGB"), float) - np.asarray(scene, float)
    assert np.abs(off).mean() < 8
    shade = opened(tile["shade"])
    assert np.asarray(shade)[..., 0].max() == 0
    alpha = np.asarray(shade.getchannel("A").resize(scene.size), float) / 255
    assert np.abs(alpha - 0.75 * ~answer.mask).mean() < 0.05
    assert (tile["value"], tile["label"], tile["caption"]) == (0.5, "0.50", "a caption")


def test_the_data_says_what_the_picture_shows():
    def image(colour):
        return Image.new("RGB", (8, 8), colour)

    pairs = Grid.of(([image("red"), image("blue")] * 2, ["original", "make it blue"] * 2))
    told = bundle.data(pairs)
    assert (told["columns"], told["rows"], told["alt"]) == (4, True, pairs.alt)
    assert bundle.data(Grid.of([image("red")] * 15))["rows"] is False
    (odd,) = bundle.data(Grid.of([(float("nan"), "two\nlines\x1b[31m", image("red"))]))["tiles"]
    assert (odd["value"], odd["label"], odd["caption"]) == (None, "nan", "two lines")
    json.dumps(odd, allow_nan=False)


def test_an_image_that_was_changed_after_it_was_masked_is_shown_as_it_is_now():
    (answer,) = seen([next(iter(SceneImages(1, 0)))])
    changed = masked(answer).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    (tile,) = bundle.data(Grid.of(changed))["tiles"]
    assert "shade" not in tile
    assert np.asarray(opened(tile["image"]).convert("L")).mean() < 100


def test_however_many_images_there_are_they_are_kept_within_bounds():
    noise = chance(10, (128, 128)) * 21
    told, _ = bundle.of(Grid.of(noise))
    assert len(told[KIND]["tiles"]) == MOST
    assert len(json.dumps(told[KIND])) < 350_000


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I", "F", "I;16"])
def test_images_of_every_mode_are_kept(mode):
    source = Image.new("RGB", (30, 20), "orange")
    source = Image.new(mode, (30, 20)) if mode[0] in "IF" else source.convert(mode)
    (tile,) = bundle.data(Grid.of(source))["tiles"]
    assert opened(tile["image"]).size == (30, 20)


def test_a_small_picture_stays_png_so_that_its_ground_is_transparent():
    kind, file = bundle.picture(Grid.of([(0.5, Image.new("RGB", (40, 40), "teal"))]).draw())
    assert kind == "image/png"
    assert Image.open(io.BytesIO(file)).getpixel((0, 0))[3] == 0


def test_a_grid_of_nothing_is_one_empty_picture():
    assert bundle.of(Grid(()))[0][KIND]["tiles"] == []
