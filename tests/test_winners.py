"""What a unit answers to its exemplars is asked once, and never told of another network or data."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from maia_lab.images import ImageFolder
from maia_lab.system import System, recall
from maia_lab.systems import winners
from maia_lab.systems.exemplars import ExemplarIndex
from maia_lab.systems.preprocess import Normalised
from maia_lab.systems.vision import Network
from maia_lab.unit import Unit


class Net(nn.Module):
    """One convolution, which counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        return self.conv(x)


def photos(folder, numbers):
    folder.mkdir(exist_ok=True)
    for number in numbers:
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return ImageFolder(folder)


def opened(cache, data, net=None):
    net = net or Net()
    layer = Network(net, "net", Normalised((0.5,) * 3, (0.5,) * 3, 16)).layer("conv")
    return net, layer, ExemplarIndex.build(layer, data, cache).of(1)


def look(cache, folder, count):
    """Passes that one question took, and all that it was answered."""
    net, layer, found = opened(cache, ImageFolder(folder))
    before = net.passes
    images = [ImageFolder(folder)[i] for i in found.positions("top", count)]
    system = System(Unit("net", "conv", 1), layer, 1, found.reference)
    answers = recall(system, images, found.answers("top", count))
    return net.passes - before, [(a.value, a.map, a.mask) for a in answers]


def test_a_second_question_in_another_process_asks_the_network_nothing(tmp_path):
    photos(tmp_path / "photos", range(60))
    passes, first = look(tmp_path / "cache", tmp_path / "photos", 15)
    assert passes == 1
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        passes, again = pool.submit(look, tmp_path / "cache", tmp_path / "photos", 15).result()
    assert passes == 0
    for one, other in zip(first, again, strict=True):
        assert one[0] == other[0]
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[2], other[2])
        assert one[2].any()
    assert look(tmp_path / "cache", tmp_path / "photos", 5)[0] == 0, "fewer are among them"
    assert look(tmp_path / "cache", tmp_path / "photos", 17)[0] == 1


@pytest.mark.parametrize("stratum", ["top", "bottom", "median", 0.9])
def test_of_every_stratum_it_is_what_the_layer_answers(tmp_path, stratum):
    data = photos(tmp_path / "photos", range(40))
    net, layer, found = opened(tmp_path / "cache", data)
    for _ in range(2):
        response = found.answers(stratum, 20)
        fresh = layer.respond([data[i] for i in found.positions(stratum, 20)], [1])
        np.testing.assert_allclose(response.values, fresh.values, atol=1e-5)
        np.testing.assert_allclose(response.maps, fresh.maps, atol=1e-5)
    assert net.passes == 1 + 2 + 1 + 2, "a probe, the index, the first question, and the two fresh"


def test_changed_weights_and_a_grown_folder_are_asked_anew(tmp_path):
    data = photos(tmp_path / "photos", range(40))
    net, layer, found = opened(tmp_path / "cache", data)
    before = found.answers("top", 9)
    with torch.no_grad():
        net.conv.bias += 1
    after = found.answers("top", 9)
    np.testing.assert_allclose(after.values, before.values + 1, atol=1e-5)
    data = photos(tmp_path / "photos", range(40, 60))
    _, layer, grown = opened(tmp_path / "cache", data, net)
    asked = net.passes
    response = grown.answers("top", 9)
    assert net.passes == asked + 1
    fresh = layer.respond([data[i] for i in grown.positions("top", 9)], [1])
    np.testing.assert_allclose(response.maps, fresh.maps, atol=1e-5)
    other = ExemplarIndex.build(layer, data, tmp_path / "cache").of(2).answers("top", 9)
    assert not np.array_equal(other.values, response.values)


def test_what_is_damaged_is_made_again_and_what_cannot_be_kept_is_answered(tmp_path):
    net, _, found = opened(tmp_path / "cache", photos(tmp_path / "photos", range(40)))
    before = found.answers("top", 9)
    (path,) = (tmp_path / "cache" / "maps").glob("*.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    asked = net.passes
    np.testing.assert_array_equal(found.answers("top", 9).maps, before.maps)
    np.testing.assert_array_equal(found.answers("top", 9).maps, before.maps)
    assert net.passes == asked + 1, "once"
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    path.parent.write_text("in the way")
    np.testing.assert_array_equal(found.answers("top", 9).maps, before.maps)


def test_what_was_not_read_for_longest_makes_room(tmp_path, monkeypatch):
    net, _, found = opened(tmp_path / "cache", photos(tmp_path / "photos", range(40)))
    found.answers("top", 9)
    (path,) = (tmp_path / "cache" / "maps").glob("*.safetensors")
    monkeypatch.setattr(winners, "MOST", 5 * path.stat().st_size // 2)
    for stratum in ("bottom", "top", "median", "top"):
        found.answers(stratum, 9)
    asked = net.passes
    found.answers("top", 9)
    assert net.passes == asked, "read in between"
    found.answers("bottom", 9)
    assert net.passes == asked + 1
    assert len(list(path.parent.glob("*.safetensors"))) == 2
