"""A highlighted region lies where the network looked, also where it is shown a part of an image."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from maia_lab.system import Reference, System
from maia_lab.systems.frame import frame
from maia_lab.systems.opening import open_network
from maia_lab.systems.preprocess import Normalised
from maia_lab.unit import Unit

SIDE = 64


def tensor(image):
    return torch.from_numpy(np.asarray(image.convert("RGB"), np.float32).copy()).movedim(-1, 0)


def cropped(image):
    """The middle square, as torchvision's Resize and CenterCrop leave it."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return tensor(image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))) / 127.5 - 1


def boxed(image):
    """All of it, with bars at two sides."""
    small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    square = Image.new("RGB", (SIDE, SIDE), (124, 116, 104))
    square.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return tensor(square) / 255


def standardised(image):
    found = tensor(image.resize((SIDE, SIDE)))
    return (found - found.mean()) / (found.std() + 1e-6)


def turned(image):
    return tensor(image.resize((SIDE, SIDE)).rotate(90))


@pytest.mark.parametrize(
    ("preprocess", "size", "expected"),
    [
        (cropped, (300, 200), (50, 0, 250, 200)),
        (cropped, (90, 160), (0, 35, 90, 125)),
        (cropped, (200, 200), None),
        (boxed, (320, 160), (0, -80, 320, 240)),
        (standardised, (300, 200), None),
        (turned, (300, 200), None),
        (lambda image: tensor(image.resize((SIDE, SIDE))), (300, 200), None),
        (lambda image: tensor(image.resize((SIDE, SIDE))) * 0, (300, 200), None),
        (Normalised((0.5,) * 3, (0.5,) * 3, SIDE), (300, 200), None),
    ],
)
def test_what_a_network_is_shown_of_an_image_is_found_by_its_preprocessing(
    preprocess, size, expected
):
    found = frame(preprocess, size)
    assert (found is None) == (expected is None)
    if found is not None:
        np.testing.assert_allclose(found, expected, atol=2)


class Redness(nn.Module):
    """Answers with how red each eighth of what it is shown is."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 1, 8, 8, bias=False)
        self.look.weight.data[:] = torch.tensor([1.0, -1, -1])[None, :, None, None] / 64

    def forward(self, batch):
        return self.look(batch)


@pytest.mark.parametrize("preprocess", [cropped, boxed])
@pytest.mark.parametrize(("x", "y"), [(130, 80), (210, 150), (160, 30)])
def test_a_region_lies_where_the_thing_is(preprocess, x, y):
    image = Image.new("RGB", (300, 180), (20, 90, 90))
    image.paste((250, 10, 10), (x - 26, y - 26, x + 26, y + 26))
    layer = open_network(Redness(), preprocess).layer("look")
    values = layer.respond([image]).values[0]
    system = System(Unit("net", "look", 0), layer, 0, Reference(values, float(values[0]) / 4))
    (found,) = system.activate(image)
    down, across = np.nonzero(found.mask)
    assert abs(across.mean() - x) < 12 and abs(down.mean() - y) < 12
    assert found.map.shape == (180, 300) and np.isfinite(found.map).all()
    _, (shown,) = system.call_neuron(image)
    assert np.asarray(shown)[5, 5].max() < 30


def test_what_is_not_shown_is_never_highlighted():
    image = Image.new("RGB", (300, 180), (250, 10, 10))
    layer = open_network(Redness(), cropped).layer("look")
    system = System(Unit("net", "look", 0), layer, 0, Reference(np.zeros(1, np.float32), -9.0))
    (found,) = system.activate(image)
    assert not found.mask[:, :58].any() and not found.mask[:, 242:].any()
    assert found.mask[90, 70:230].all()
