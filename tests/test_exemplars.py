"""The index over small data: strata, thresholds, and a cache that is never stale."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from maia_lab.errors import DataError, ModelError, UnitError
from maia_lab.images import ImageFolder, split
from maia_lab.system import HIGH, Response
from maia_lab.systems import exemplars, tally
from maia_lab.systems.exemplars import ExemplarIndex, UnitExemplars
from maia_lab.systems.preprocess import Normalised
from maia_lab.systems.vision import Network


class Numbers:
    """Images of one pixel, which hold their own position."""

    name = "numbers"

    def __init__(self, count: int, digest: str = "numbers") -> None:
        self.count, self.digest = count, digest

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return Image.new("RGB", (1, 1), (index // 256, index % 256, 0))

    def __iter__(self):
        return (self[i] for i in range(self.count))


class Answers:
    """A layer that gives what it was told for each position, and counts how often it is asked."""

    name = "answers"

    def __init__(self, values, maps=None, digest="answers", units=None) -> None:
        self.values, self.maps = np.asarray(values, np.float32), maps
        self.digest, self.units, self.asked = digest, units or self.values.shape[1], 0

    def respond(self, images, units=None):
        self.asked += len(images)
        at = [image.getpixel((0, 0))[0] * 256 + image.getpixel((0, 0))[1] for image in images]
        chosen = slice(None) if units is None else [u % self.values.shape[1] for u in units]
        maps = None if self.maps is None else self.maps[at][:, chosen]
        return Response(self.values[at][:, chosen], maps)


def random(count=200, units=3, side=None, seed=0) -> Answers:
    chance = np.random.default_rng(seed)
    if side is None:
        return Answers(chance.normal(size=(count, units)))
    maps = chance.gamma(1.0, size=(count, units, side, side)).astype(np.float32)
    maps *= chance.gamma(0.5, size=(count, units, 1, 1)).astype(np.float32)
    return Answers(maps.max((2, 3)), maps)


def unit(values) -> UnitExemplars:
    values = np.asarray(values, np.float32)
    order = np.argsort(-values, kind="stable"), np.argsort(values, kind="stable")
    return UnitExemplars(
        values, None, np.arange(len(values)), *order, lambda at: Response(values[list(at), None])
    )


def test_strata_are_found_by_rank_most_typical_first():
    five = unit([0.3, 0.9, 0.1, 0.7, 0.5])
    assert five.positions("top", 2) == [1, 3]
    assert five.positions("bottom", 3) == [2, 0, 4]
    assert five.positions("median", 1) == [4]
    assert set(five.positions("median", 3)) == {4, 0, 3}
    assert five.positions(0.75, 1) == [3]
    assert five.positions(1.0, 1) == five.positions("top", 1)
    assert sorted(five.positions("top", 99)) == [0, 1, 2, 3, 4]
    assert five.positions("top", 0) == []


def test_equal_activations_keep_the_order_of_the_data():
    ties = unit([0, 1, 0, 1, 0, 1])
    assert ties.positions("top", 3) == [1, 3, 5]
    assert ties.positions("bottom", 3) == [0, 2, 4]
    assert ties.positions("median", 2) == ties.positions(0.5, 2)


@pytest.mark.parametrize("stratum", ["best", 1.5, -0.1, float("nan")])
def test_a_stratum_that_is_none_is_refused(stratum):
    with pytest.raises(DataError, match="choose top, bottom, median or a quantile"):
        unit([1, 2]).positions(stratum, 1)


def test_the_index_answers_each_image_once_for_all_units(tmp_path):
    layer, seen = random(), []
    index = ExemplarIndex.build(layer, Numbers(200), tmp_path, lambda *now: seen.append(now))
    assert layer.asked == 200
    assert seen[-1] == (200, 200)
    for number in range(3):
        one = index.of(number)
        np.testing.assert_array_equal(one.values, layer.values[:, number])
        np.testing.assert_array_equal(one.reference.values, np.sort(layer.values[:, number]))
        assert one.reference.threshold is None
        assert one.positions("top", 1) == [int(layer.values[:, number].argmax())]


def test_a_kept_index_is_read_instead_of_asking_again(tmp_path):
    first = ExemplarIndex.build(random(side=4), Numbers(200), tmp_path).of(1)
    layer, seen = random(side=4), []
    again = ExemplarIndex.build(layer, Numbers(200), tmp_path, lambda *now: seen.append(now)).of(1)
    assert layer.asked == 0
    assert seen == []
    np.testing.assert_array_equal(again.values, first.values)
    assert again.threshold == first.threshold


def test_other_weights_or_other_images_never_meet_a_kept_index(tmp_path):
    ExemplarIndex.build(random(), Numbers(200), tmp_path)
    other, more = random(), random()
    other.digest = "changed weights"
    ExemplarIndex.build(other, Numbers(200), tmp_path)
    ExemplarIndex.build(more, Numbers(200, digest="changed images"), tmp_path)
    assert (other.asked, more.asked) == (200, 200)


def test_a_trained_network_is_answered_anew_after_one_step(tmp_path, device):
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()).to(device)
    layer = Network(net, "net", Normalised((0.5,) * 3, (0.5,) * 3, 16)).layer("0")
    data, held_out = split(ImageFolder(tmp_path))
    before = ExemplarIndex.build(layer, data, tmp_path / "cache").of(0)
    with torch.no_grad():
        net[0].bias += 1
    after = ExemplarIndex.build(layer, data, tmp_path / "cache").of(0)
    np.testing.assert_allclose(after.values, before.values + 1, atol=1e-5)
    assert after.threshold == pytest.approx(before.threshold + 1, abs=1e-5)
    assert len(before.values) == len(data) == 12 - len(held_out)


@pytest.mark.parametrize("harm", ["cut", "emptied", "one bit", "text", "another version"])
def test_a_damaged_cache_is_made_again(tmp_path, harm):
    first = ExemplarIndex.build(random(), Numbers(200), tmp_path).of(0)
    (kept,) = tmp_path.glob("*.safetensors")
    data = bytearray(kept.read_bytes())
    if harm == "one bit":
        data[-5] ^= 16
    if harm == "another version":
        data = data.replace(b'"format":"2"', b'"format":"1"')
        assert data != kept.read_bytes()
    kept.write_bytes(
        {"cut": data[:-9], "emptied": b"", "text": b"hello", "one bit": data}.get(harm, data)
    )
    layer = random()
    again = ExemplarIndex.build(layer, Numbers(200), tmp_path).of(0)
    assert layer.asked == 200
    np.testing.assert_array_equal(again.values, first.values)
    repaired = random()
    ExemplarIndex.build(repaired, Numbers(200), tmp_path)
    assert repaired.asked == 0


def test_a_folder_that_cannot_be_written_is_refused_before_the_pass(tmp_path):
    (tmp_path / "file").write_text("in the way")
    layer = random()
    with pytest.raises(DataError, match=r"cannot keep the index .*set MAIA_CACHE"):
        ExemplarIndex.build(layer, Numbers(200), tmp_path / "file" / "cache")
    assert layer.asked == 0


def test_two_at_once_answer_the_images_once(tmp_path):
    class Slow(Answers):
        def respond(self, images, units=None):
            time.sleep(0.02)
            return super().respond(images, units)

    layer, found = Slow(random().values), []
    threads = [
        threading.Thread(
            target=lambda: found.append(ExemplarIndex.build(layer, Numbers(200), tmp_path))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert layer.asked == 200


def test_a_pass_that_is_interrupted_leaves_nothing_behind(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ExemplarIndex.build(random(), Numbers(200), tmp_path, stop)
    assert not list(tmp_path.glob("*.safetensors"))
    assert ExemplarIndex.build(random(), Numbers(200), tmp_path).of(0)


def test_a_pass_that_is_interrupted_after_its_last_image_is_kept_by_the_next(tmp_path):
    def stop(done, total):
        if done == total:
            raise KeyboardInterrupt

    network = Network(nn.Conv2d(3, 2, 1), "net", Normalised((0.5,) * 3, (0.5,) * 3, 4))
    for layer in (random(), network.layer("logits")):
        with pytest.raises(KeyboardInterrupt):
            ExemplarIndex.build(layer, Numbers(40), tmp_path, stop)
        assert len(ExemplarIndex.build(layer, Numbers(40), tmp_path).of(0).values) == 40


def test_small_maps_give_the_exact_threshold(tmp_path):
    layer = random(side=8)
    index = ExemplarIndex.build(layer, Numbers(200), tmp_path)
    exact = np.quantile(layer.maps.transpose(1, 0, 2, 3).reshape(3, -1), HIGH, axis=1)
    got = [index.of(number).threshold for number in range(3)]
    np.testing.assert_allclose(got, exact, rtol=1e-6)


def test_the_threshold_of_large_maps_has_a_tail_error_of_at_most_two_per_mille(tmp_path):
    layer = random(count=600, units=40, side=16, seed=3)
    index = ExemplarIndex.build(layer, Numbers(600), tmp_path)
    assert tally.SAMPLE < 600 * 16 * 16 / 8, "the sample must be a sample"
    thresholds = np.array([index.of(number).threshold for number in range(40)], np.float32)
    above = (layer.maps > thresholds[:, None, None]).mean((0, 2, 3))
    assert np.sqrt(np.mean((above - (1 - HIGH)) ** 2)) <= 0.002


def test_a_unit_that_answers_with_nan_is_refused_and_the_others_are_not(tmp_path):
    layer = random(side=4)
    layer.values[[3, 7], 1] = layer.maps[[3, 7], 1, 0, 0] = np.nan
    layer.values[50:, 2] = layer.maps[50:, 2] = np.inf
    index = ExemplarIndex.build(layer, Numbers(200), tmp_path)
    with pytest.raises(ModelError, match="answers/1' answers 2 of 200 images with NaN"):
        index.of(1)
    with pytest.raises(ModelError, match="150 of 200"):
        index.of(2)
    assert np.isfinite(index.of(0).threshold)


def test_a_unit_out_of_range_and_data_without_images_are_refused(tmp_path):
    with pytest.raises(UnitError, match="choose 0 to 2"):
        ExemplarIndex.build(random(), Numbers(200), tmp_path).of(3)
    with pytest.raises(DataError, match="holds no images"):
        ExemplarIndex.build(random(), Numbers(0), tmp_path)


def test_of_a_layer_with_too_many_units_each_is_answered_when_asked_for(tmp_path):
    layer = random()
    layer.units = exemplars.MOST_UNITS + 1
    index = ExemplarIndex.build(layer, Numbers(200), tmp_path)
    assert layer.asked == 0
    np.testing.assert_array_equal(index.of(20_000).values, layer.values[:, 20_000 % 3])
    np.testing.assert_array_equal(index.of(4).values, layer.values[:, 1])
    assert layer.asked == 400
    index.of(4)
    assert layer.asked == 400


def test_a_dead_unit_has_strata_all_the_same(tmp_path):
    index = ExemplarIndex.build(Answers(np.zeros((50, 1))), Numbers(50), tmp_path)
    assert index.of(0).positions("top", 3) == [0, 1, 2]
    assert index.of(0).reference.percentile(0.0) == 50
