import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from maia_lab.errors import DataError, ModelError
from maia_lab.images import ImageFolder, split
from maia_lab.systems import counting, tally, vision
from maia_lab.systems.counting import CHUNK, count
from maia_lab.systems.exemplars import ExemplarIndex, keep
from maia_lab.systems.highest import Highest
from maia_lab.systems.preprocess import Normalised
from maia_lab.systems.tally import Plan, Tally, unpacked
from maia_lab.systems.vision import Network


class Hashes:
    """Data known by the hashes of its images alone."""

    name, digest = "hashes", "any"

    def __init__(self, hashes) -> None:
        self.hashes = [f"{h:016x}" for h in hashes]

    def __len__(self):
        return len(self.hashes)


def counted(plan, positions, values, maps=None, batch=32):
    one = Tally(plan, values.shape[1])
    for start in range(0, len(positions), batch):
        at = np.array(positions[start : start + batch])
        if maps is None:
            one.add(at, values[at])
            continue
        chosen = at[plan.mapped(at)]
        size = maps.shape[2]
        places = plan.places(chosen, size)[:, None].repeat(values.shape[1], 1)
        rows = np.take_along_axis(maps[chosen], places, 2).transpose(0, 2, 1)
        one.add(at, values[at], rows.reshape(-1, values.shape[1]), size)
    return one


def same(one, other):
    names = ("seen", "values", "ends", "broken", "tail")
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in names) and (
        one.rows == other.rows
    )


@pytest.mark.parametrize(("images", "side"), [(1500, 8), (200, 3), (5000, 2)])
def test_parts_merge_in_any_order_into_what_one_pass_would_have_kept(images, side):
    chance = np.random.default_rng(images)
    plan = Plan.of(Hashes(range(images)))
    maps = chance.gamma(1, size=(images, 4, side * side)).astype(np.float32)
    values = maps.max(2)
    values[:, 3] = 0  # Ties everywhere: only the order of the data decides.
    whole = counted(plan, np.arange(images), values, maps)
    order = chance.permutation(images)
    parts = [counted(plan, p, values, maps, 7) for p in np.array_split(order, 5)]
    left = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3]).merge(parts[4])
    right = parts[4].merge(parts[2]).merge(parts[3].merge(parts[0].merge(parts[1])))
    assert same(left, whole)
    assert same(right, whole)
    for unit in range(4):
        best = np.argsort(-values[:, unit], kind="stable")[: tally.KEPT]
        np.testing.assert_array_equal(unpacked(whole.ends[0, unit]), best)
        worst = np.argsort(values[:, unit], kind="stable")[: tally.KEPT]
        np.testing.assert_array_equal(unpacked(whole.ends[1, unit]), worst)


def test_the_highest_are_kept_whatever_comes_first_and_how_much_at_a_time():
    numbers = np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32)
    numbers[1] = np.sort(numbers[1])
    for step in (1, 7, 100):
        highest = Highest(3, 8, np.float32(-np.inf))
        for start in range(0, 100, step):
            highest.add(numbers[:, start : start + step])
            if start < 50:
                assert (highest.kept[:, 1:] >= highest.kept[:, :-1]).all(), "asking changes nothing"
        np.testing.assert_array_equal(highest.kept, np.sort(numbers, 1)[:, -8:])
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(highest)).kept, highest.kept)


def test_what_is_no_number_and_zeros_of_either_sign_stand_where_they_should():
    values = np.zeros((300, 3), np.float32)
    values[::2, 0] = -0.0
    values[5::9, 1], values[7::9, 1] = np.nan, np.inf
    values[:, 2] = np.arange(150, -150, -1)
    one = counted(Plan.of(Hashes(range(300))), np.arange(300), values, values[..., None])
    assert list(unpacked(one.ends[0, 0])) == list(unpacked(one.ends[1, 0])) == list(range(64))
    assert list(unpacked(one.ends[0, 1]))[:33] == list(range(7, 300, 9))
    assert not set(unpacked(one.ends[1, 1])) & set(range(5, 300, 9))
    assert one.broken[1] == len(range(5, 300, 9)) + len(range(7, 300, 9))
    assert list(unpacked(one.ends[0, 2])) == list(range(64))
    assert list(unpacked(one.ends[1, 2])) == list(range(299, 235, -1))


def test_parts_with_an_image_in_common_or_of_other_data_do_not_merge():
    plan, values = Plan.of(Hashes(range(20))), np.zeros((20, 2), np.float32)
    part = counted(plan, [1, 2], values)
    with pytest.raises(DataError, match="counts images twice"):
        part.merge(counted(plan, [2, 3], values))
    with pytest.raises(DataError, match="of other data"):
        part.merge(counted(Plan.of(Hashes(range(5, 25))), [3], values))


def test_what_is_kept_does_not_grow_with_the_images():
    def size(images):
        one = Tally(Plan.of(Hashes(range(images))), 100)
        one.add(np.arange(4), np.ones((4, 100), np.float32), np.ones((40, 100), np.float32), 10**6)
        return one.nbytes

    assert size(200_000) < 1.1 * size(20_000)
    assert 17_056 / 100 * size(200_000) < 450e6


def test_of_many_images_the_sample_is_as_large_and_the_extremes_are_exact():
    images = 40_000
    values = np.random.default_rng(0).normal(size=(images, 2)).astype(np.float32)
    one = counted(Plan.of(Hashes(range(images))), np.arange(images), values, values[..., None], 512)
    assert 0.8 * tally.SAMPLE < one.rows < 1.3 * tally.SAMPLE
    assert len(one.values) == tally.RESERVOIR
    above = (values > one.thresholds()).mean(0)
    np.testing.assert_allclose(above, 0.05, atol=0.006)
    assert unpacked(one.ends[0, 1])[0] == values[:, 1].argmax()


class Net(nn.Module):
    """Two layers in a row, of which the second changes the first's output in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.act = nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(inplace=True)
        self.two, self.head = nn.Conv2d(5, 4, 3, 2), nn.Linear(4, 3)
        self.passes = self.most = 0

    def forward(self, x):
        self.passes += 1
        if self.most and len(x) > self.most:
            raise torch.OutOfMemoryError("no room")
        return self.head(self.two(self.act(self.one(x))).mean((2, 3)))


LAYERS = ("one", "act", "two", "logits")


def network(**given):
    net = Net()
    vars(net).update(given)
    return net, Network(net, "net", Normalised((0.5,) * 3, (0.5,) * 3, 16))


def photos(folder, numbers):
    for number in numbers:
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return ImageFolder(folder)


def test_all_layers_are_counted_in_one_pass_and_as_if_each_were_alone(tmp_path):
    data = photos(tmp_path, range(80))
    net, opened = network()
    layers = [opened.layer(name) for name in LAYERS]
    together = ExemplarIndex.build_all(layers, data, tmp_path / "a")
    assert net.passes == 1 + 3, "one to probe, and one a batch"
    for layer, index in zip(layers, together, strict=True):
        alone = ExemplarIndex.build(layer, data, tmp_path / "b")
        response = layer.respond(list(data))
        for unit in range(layer.units):
            one, other = index.of(unit), alone.of(unit)
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_allclose(one.values, response.values[:, unit], atol=1e-5)
            assert one.threshold == other.threshold
            assert one.positions("top", 9) == other.positions("top", 9)
        if response.maps is not None:
            exact = np.quantile(response.maps[:, 0], 0.95)
            assert index.of(0).threshold == pytest.approx(exact, abs=0.02)


def test_parts_counted_apart_are_the_whole_to_the_last_bit(tmp_path):
    data = photos(tmp_path, range(100))
    _, opened = network()
    layers, plan = [opened.layer(name) for name in LAYERS], Plan.of(data)
    whole = count(layers, data, plan)
    parts = [count(layers, data, plan, range(s, min(s + CHUNK, 100))) for s in range(0, 100, CHUNK)]
    for i, one in enumerate(whole):
        merged = parts[2][i].merge(parts[0][i]).merge(parts[3][i].merge(parts[1][i]))
        assert same(merged, one)
    keep(layers, data, tmp_path / "cache", whole)
    seen = []
    ExemplarIndex.build_all(layers, data, tmp_path / "cache", lambda *now: seen.append(now))
    assert not seen, "what was counted apart is found"


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_one_thread_counts_what_several_count_to_the_last_bit(tmp_path, threads):
    data = photos(tmp_path, range(70))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 400, 3), nn.Conv2d(400, 60, 1), nn.Conv2d(60, 24, 1))
    opened = Network(net, "net", Normalised((0.5,) * 3, (0.5,) * 3, 24))
    layers, plan = [opened.layer(name) for name in "12"], Plan.of(data)
    found = []
    for number in (1, 2):
        threads(number)
        found.append(count(layers, data, plan))
    parts = [count(layers, data, plan, at) for at in (range(64), range(64, 70))]
    for alone, several, before, after in zip(*found, *parts, strict=True):
        assert same(alone, several)
        assert same(before.merge(after), several)


def test_of_large_outputs_a_few_images_are_shown_at_a_time_and_parts_are_still_the_whole(
    tmp_path, monkeypatch
):
    data = photos(tmp_path, range(70))
    net, opened = network()
    layers, plan = [opened.layer(name) for name in LAYERS], Plan.of(data)
    assert net.passes == 1, "the probing pass tells how large the outputs are"
    at_once = count(layers, data, plan)
    monkeypatch.setattr(vision, "PIECE", 4 * 16 * 16 * 5 * 4)
    net.passes, net.most = 0, 16
    whole = count(layers, data, plan)
    assert net.passes == 2 + 2 + 1
    parts = [count(layers, data, plan, at) for at in (range(32, 70), range(32))]
    for one, other, before, after in zip(whole, at_once, *parts, strict=True):
        assert same(before.merge(after), one)
        np.testing.assert_allclose(one.values, other.values, atol=1e-5)
        np.testing.assert_allclose(one.tail, other.tail, atol=1e-5)
    response = layers[2].respond([data[i] for i in range(10)])
    np.testing.assert_array_equal(response.values[:8], whole[2].values[:8])


@pytest.mark.parametrize("units", [1, 5, 16, 24, 32, 48])
@pytest.mark.parametrize("side", [1, 3, 8])
def test_the_highest_of_each_map_is_read_in_either_layout(units, side):
    maps = torch.from_numpy(np.random.default_rng(0).normal(size=(3, units, side, side)))
    maps[1, 0, 0, 0] = torch.nan
    for layout in (torch.contiguous_format, torch.channels_last):
        found = counting._maxima(maps.contiguous(memory_format=layout))
        np.testing.assert_array_equal(found, maps.numpy().max((2, 3)))


def test_a_pass_that_was_cut_short_goes_on_where_it_was(tmp_path):
    data = photos(tmp_path, range(100))
    net, opened = network()
    layers = [opened.layer(name) for name in LAYERS]

    def stop(done, total):
        if done >= 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ExemplarIndex.build_all(layers, data, tmp_path / "cache", stop)
    before, seen = net.passes, []
    resumed = ExemplarIndex.build_all(layers, data, tmp_path / "cache", lambda *n: seen.append(n))
    assert net.passes - before == 2
    assert seen == [(96, 100), (100, 100)]
    assert not list((tmp_path / "cache").glob("*.part"))
    fresh = ExemplarIndex.build_all(layers, data, tmp_path / "other")
    for one, other in zip(resumed, fresh, strict=True):
        for name, array in one.kept.arrays.items():
            np.testing.assert_array_equal(array, other.kept.arrays[name])


def test_a_folder_that_changes_under_way_ends_the_pass_and_loses_nothing(tmp_path):
    photos(tmp_path, range(100))
    data = ImageFolder(tmp_path)
    net, opened = network()
    layers, path = [opened.layer(name) for name in LAYERS], tmp_path / "070.png"
    before = path.read_bytes()
    path.write_bytes((tmp_path / "071.png").read_bytes())
    with pytest.raises(DataError, match=r"'070.png' has changed since its folder was opened"):
        ExemplarIndex.build_all(layers, data, tmp_path / "cache")
    path.unlink()
    with pytest.raises(DataError, match=r"070.png' cannot be read"):
        ExemplarIndex.build_all(layers, data, tmp_path / "cache")
    path.write_bytes(before)
    passes = net.passes
    ExemplarIndex.build_all(layers, data, tmp_path / "cache")
    assert net.passes - passes == 2, "what was counted before is kept"


def test_images_counted_before_a_folder_changed_are_not_asked_again(tmp_path):
    photos(tmp_path, range(100))
    data = ImageFolder(tmp_path)
    net, opened = network()
    layers = [opened.layer(name) for name in LAYERS]
    (tmp_path / "070.png").unlink()
    with pytest.raises(DataError, match=r"070.png' cannot be read"):
        ExemplarIndex.build_all(layers, data, tmp_path / "cache")
    passes = net.passes
    found = ExemplarIndex.build_all(layers, ImageFolder(tmp_path), tmp_path / "cache")
    assert net.passes - passes == 2
    fresh = ExemplarIndex.build_all(layers, ImageFolder(tmp_path), tmp_path / "other")
    np.testing.assert_allclose(found[0].of(1).values, fresh[0].of(1).values, atol=1e-5)


def test_images_added_to_a_folder_are_all_that_is_answered(tmp_path):
    net, opened = network()
    layers = [opened.layer(name) for name in LAYERS]
    data, _ = split(photos(tmp_path, range(0, 260, 2)))
    ExemplarIndex.build_all(layers, data, tmp_path / "cache")
    before, seen, total = net.passes, [], len(data)
    data, _ = split(photos(tmp_path, [1, 33, 91, 301]))
    grown = ExemplarIndex.build_all(layers, data, tmp_path / "cache", lambda *n: seen.append(n))
    assert total < len(data) == seen[-1][1]
    assert seen[0][0] > total
    assert net.passes - before <= 4
    fresh = ExemplarIndex.build_all(layers, data, tmp_path / "other")
    for one, other in zip(grown, fresh, strict=True):
        for unit in range(one.layer.units):
            mine, anew = one.of(unit), other.of(unit)
            np.testing.assert_allclose(mine.values, anew.values, atol=1e-5)
            assert mine.positions("top", 8) == anew.positions("top", 8)
            if mine.threshold is not None:
                assert mine.threshold == pytest.approx(anew.threshold, abs=1e-5)


def test_out_of_memory_half_the_batch_is_tried_once(tmp_path):
    data = photos(tmp_path, range(40))
    _, roomy = network()
    net, tight = network()
    layers = [tight.layer(name) for name in LAYERS]
    net.most = CHUNK // 2
    found = ExemplarIndex.build_all(layers, data, tmp_path / "cache")
    other = ExemplarIndex.build(roomy.layer("two"), data, tmp_path / "other")
    np.testing.assert_allclose(found[2].of(0).values, other.of(0).values, atol=1e-5)
    net.most = CHUNK // 4
    with pytest.raises(ModelError, match="even for 16 images at a time; index fewer layers"):
        ExemplarIndex.build_all(layers, data, tmp_path / "third")


def test_two_names_of_one_layer_are_one_index(tmp_path):
    data = photos(tmp_path, range(20))
    _, opened = network()
    twice = ExemplarIndex.build_all([opened.layer("one"), opened.layer("one")], data, tmp_path)
    assert twice[0].of(1).positions("top", 3) == twice[1].of(1).positions("top", 3)
