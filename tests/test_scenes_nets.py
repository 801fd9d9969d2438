from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from maia_lab.errors import ModelError
from maia_lab.scenes.sample import sample, stream, targets
from maia_lab.systems import scenes_nets, scenes_training
from maia_lab.systems.scenes_nets import (
    CLASSES,
    PHRASES,
    SHA256,
    WEIGHTS,
    build,
    normalise,
    preprocess,
    untrained,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", CLASSES)
def test_a_shipped_network_is_small_whole_and_ready(name):
    path = WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size <= 1_000_000
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name]
    net = build(name)
    assert not net.training
    assert [child for child, _ in net.named_children()] == [
        "stem", "layer1", "layer2", "layer3", "layer4", "fc",
    ]  # fmt: skip
    with torch.inference_mode():
        assert net(torch.zeros(2, 3, 64, 64)).shape == (2, len(CLASSES[name]))


def test_the_multi_label_network_sees_every_concept_in_scenes_it_never_saw():
    areas = scenes_training.judge("scenes", build("scenes"), count=300, seed=123)
    assert len(areas) == 38 and min(areas.values()) > 0.98


def areas_of_phrases(net):
    """How well the maxima of layer3, and of layer4, tell where a channel's phrase holds."""
    drawn = scenes_training.draw("scenes", "test", 400, 123)
    answer, _ = scenes_training.maps(drawn.found)
    with torch.inference_mode():
        *evidence, _ = net.evidence(normalise(drawn.pixels))
    return [
        [scenes_training.auc(found[:, i], holds) for i, holds in enumerate(answer.amax((2, 3)).T)]
        for found in (stage.relu().amax((2, 3)) for stage in evidence)
    ]


@pytest.mark.parametrize("name", CLASSES)
def test_every_unit_of_the_deepest_stages_answers_its_phrase(name):
    for areas in areas_of_phrases(build(name)):
        assert len(areas) == len(PHRASES) and np.mean(areas) > 0.98 and min(areas) > 0.9


def test_units_of_an_untrained_network_answer_no_phrase():
    for areas in areas_of_phrases(untrained("scenes", 0)):
        assert np.mean(areas) < 0.7


def test_a_unit_is_to_answer_at_the_centre_of_its_thing_and_is_free_around_it():
    drawn = scenes_training.draw("scenes", "test", 50, 5)
    answer, weight = scenes_training.maps(drawn.found)
    assert answer.shape == weight.shape == (50, len(PHRASES), 8, 8)
    for places, wanted, counts in zip(drawn.found, answer, weight, strict=True):
        held = {int(phrase) for phrase, *_ in places if phrase >= 0}
        assert held == set(wanted.amax((1, 2)).nonzero()[:, 0].tolist())
        for phrase, y, x, _ in places[places[:, 0] >= 0]:
            assert wanted[int(phrase), int(8 * y), int(8 * x)] == 1
        assert (counts[wanted > 0] == 1).all()
        for phrase in set(range(len(PHRASES))) - held:
            assert (counts[phrase] == 1).all()
    assert (weight == 0).any()


def test_phrases_hold_in_about_one_scene_in_twenty():
    rng = stream("test", 3)
    held = np.mean([targets(sample(rng), PHRASES) for _ in range(3000)], 0)
    assert held.min() > 0.025 and held.max() < 0.07 and 0.04 < held.mean() < 0.05


def test_an_untrained_network_does_not():
    areas = scenes_training.judge("scenes", untrained("scenes", 0), count=300, seed=123)
    assert np.mean(list(areas.values())) < 0.7


def test_the_categories_network_tells_most_places_apart():
    right = scenes_training.judge(
        "scenes-categories", build("scenes-categories"), count=400, seed=123
    )
    assert len(right) == 12 and np.mean(list(right.values())) > 0.85


@pytest.mark.parametrize("damage", [b"", b"\0"])
def test_weights_that_are_not_the_shipped_ones_are_refused(tmp_path, monkeypatch, damage):
    packed = (WEIGHTS / "scenes.safetensors").read_bytes()
    (tmp_path / "scenes.safetensors").write_bytes(packed[:-1] + damage)
    monkeypatch.setattr(scenes_nets, "WEIGHTS", tmp_path)
    with pytest.raises(ModelError, match=r"is not the file this version ships .*; install"):
        build("scenes")
    with pytest.raises(ModelError, match="cannot be read"):
        build("scenes-categories")


def test_an_unknown_network_is_refused_with_those_there_are():
    with pytest.raises(ModelError, match=r"choose one of scenes, scenes-categories"):
        build("imagenet")


def test_an_image_becomes_a_tensor_of_the_right_shape_and_scale():
    for mode, size in (("RGB", (128, 128)), ("L", (64, 64)), ("RGBA", (200, 100))):
        x = preprocess(Image.new(mode, size, "white"))
        assert x.shape == (3, 64, 64) and x.dtype == torch.float32 and x.max() == 2
    assert preprocess(Image.new("RGB", (64, 64), "black")).min() == -2


def test_untrained_networks_repeat_by_seed_and_leave_other_chance_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (untrained("scenes", seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.fc.weight, again.fc.weight)
    assert not torch.equal(first.fc.weight, other.fc.weight)


def test_training_learns_something_and_the_result_can_be_packed(tmp_path, capsys):
    torch.manual_seed(0)
    arguments = ["scenes", "--train", "--images", "512", "--epochs", "2", "--test-images", "60"]
    assert scenes_training.main([*arguments, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    packed = (tmp_path / "scenes.safetensors").read_bytes()
    assert hashlib.sha256(packed).hexdigest() in said
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in said.splitlines()[:2]]
    assert losses[1] < losses[0]


def test_the_area_under_the_curve_counts_ties_half():
    truth = torch.tensor([1.0, 1, 0, 0])
    assert scenes_training.auc(torch.tensor([4.0, 3, 2, 1]), truth) == 1
    assert scenes_training.auc(torch.tensor([1.0, 1, 2, 2]), truth) == 0
    assert scenes_training.auc(torch.tensor([1.0, 1, 1, 1]), truth) == 0.5
    assert scenes_training.auc(torch.tensor([3.0, 1, 2, 1]), truth) == 0.625
