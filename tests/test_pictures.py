from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torch import nn

from maia_lab.doors import open_model, open_world
from maia_lab.errors import DataError
from maia_lab.images import split
from maia_lab.pictures import Pictures
from maia_lab.provenance import origin


def pictures(count=20):
    chance = np.random.default_rng(0)
    return [Image.fromarray(chance.integers(0, 256, (8, 8, 3), np.uint8)) for _ in range(count)]


class Rows:
    """What a data set of Hugging Face looks like from outside."""

    features = MappingProxyType({"label": SimpleNamespace(names=["tench", "hen/cock"])})
    info = SimpleNamespace(dataset_name="birds")

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, at):
        if self.images[at] is None:
            raise OSError("truncated")
        return {"image": self.images[at], "label": at % 2}


def test_a_list_of_images_is_data_with_a_fifth_held_out():
    images = pictures()
    data, held_out = split(Pictures(images))
    assert (len(data), len(held_out)) == (16, 4)
    assert data.name == "pictures (16 images, 4 more held out)"
    assert origin(data[3]).kind == "data"
    data[3].putpixel((0, 0), (1, 2, 3))
    assert data[3].tobytes() in {image.tobytes() for image in images}
    assert Pictures(images).digest == Pictures(list(images)).digest


def test_rows_of_a_data_set_bring_their_labels_and_what_is_broken_is_named():
    images = pictures()
    images[7] = None
    seen = []
    rows = Pictures(Rows(images), lambda *now: seen.append(now))
    assert seen[-1] == (20, 20)
    assert rows.summary == "birds (19 images); 1 skipped: number 7 fails (truncated)"
    assert {rows.label(i) for i in range(19)} == {"tench", "hen_cock"}


class Fine(Rows):
    features = MappingProxyType(
        {"image": object(), "id": object(), "fine_label": SimpleNamespace(names=["eft", "newt"])}
    )

    def __getitem__(self, at):
        return {"image": self.images[at], "id": at, "fine_label": at % 2}


class Tuples(Rows):
    classes = ("eft", "newt")

    def __getitem__(self, at):
        return self.images[at], at % 2


@pytest.mark.parametrize("kind", [Fine, Tuples])
def test_labels_may_stand_under_another_name_or_none(kind):
    rows = Pictures(kind(pictures()))
    assert [rows.label(i) for i in range(4)] == ["eft", "newt"] * 2


def test_a_unit_is_studied_on_images_in_memory():
    net = nn.Sequential(nn.Conv2d(3, 2, 3))
    model = open_model(net, ((0.5,) * 3, (0.5,) * 3, 8))
    world = open_world(model, Rows(pictures()))
    assert world.name.startswith("birds")
    assert len(world.held_out) == 4


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (iter([]), "cannot be read by position; give a folder"),
        ([], "holds no images, too few"),
        ([1, 2, {"text": "x"}], "holds no images.*number 0 holds no PIL image"),
    ],
)
def test_what_is_no_data_is_refused(source, reason):
    with pytest.raises(DataError, match=reason):
        Pictures(source)
