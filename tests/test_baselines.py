"""The baselines find what can be found without an experiment, and stay silent where nothing is."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from maia_lab import images
from maia_lab.images import ImageFolder
from maia_lab.labels import FolderLabels
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.world import scenes_world
from maia_lab.scoring.baselines import one_shot, search
from maia_lab.world import World


@pytest.fixture(scope="module")
def world():
    return scenes_world(n=1500, held_out=1)


def answering(world, labels, suppressed_by=(), noise=0.05):
    """Exemplars of a unit that answers any of the labels, and nothing that suppresses."""
    wanted, unwanted = ([Concept.parse(x) for x in some] for some in (labels, suppressed_by))
    scenes = [world.data.scene(i) for i in range(len(world.data))]
    held = [
        any(c.matches(s) for c in wanted) and not any(c.matches(s) for c in unwanted)
        for s in scenes
    ]
    values = np.random.default_rng(1).normal(held, noise)
    return SimpleNamespace(
        values=values,
        sampled=np.arange(len(values)),
        positions=lambda stratum, n: [int(i) for i in np.argsort(-values)[:n]],
    )


@pytest.mark.parametrize(
    ("labels", "suppressed_by"),
    [
        (("red circle",), ()),
        (("grass background", "star"), ()),
        (("red",), ("grass background",)),
        (("blue", "moon", "car"), ()),
    ],
)
def test_search_finds_the_formula_from_the_labelled_data_alone(world, labels, suppressed_by):
    wanted, unwanted = search(world, answering(world, labels, suppressed_by))
    assert (set(wanted), set(unwanted)) == (set(labels), set(suppressed_by))


def test_search_finds_two_things_that_are_there_at_once(world):
    (label,), unwanted = search(world, answering(world, ["a striped thing and a green thing"]))
    assert set(map(str, Concept.parse(label).phrases)) == {"striped", "green"} and not unwanted


def test_noise_and_silence_give_no_formula(world):
    for values in (np.random.default_rng(0).random(1500), np.zeros(1500)):
        assert search(world, SimpleNamespace(values=values, sampled=np.arange(1500))) == ((), ())


def test_one_shot_names_the_most_enriched_phrase(world):
    assert one_shot(world, answering(world, ["red circle"])) == (("red circle",), ())


def test_folders_of_photographs_are_searched_without_opening_one(tmp_path, monkeypatch):
    for i in range(40):
        folder = tmp_path / ["cat", "dog", "tench"][i % 3]
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (i, 200 - i, 7 * i % 256)).save(folder / f"{i}.png")
    data, held_out = images.split(tmp_path)
    world = World("photos", data, held_out, words=FolderLabels.of((data, held_out)))
    values = np.array([data.label(i) != "dog" for i in range(len(data))], float)
    monkeypatch.setattr(ImageFolder, "__getitem__", None)
    assert search(world, SimpleNamespace(values=values, sampled=np.arange(len(values)))) == (
        ("cat", "tench"),
        (),
    )


def test_search_looks_at_images_from_all_over_the_data(world, monkeypatch):
    first = [i for i in range(len(world.data)) if "red" not in world.data.concepts(i)]
    last = [i for i in range(len(world.data)) if "red" in world.data.concepts(i)]
    order = np.array(first + last)
    found = answering(world, ["red"])
    # As of a folder whose images lie there class by class.
    sorted_by_class = SimpleNamespace(values=found.values[order], sampled=order)
    monkeypatch.setattr("maia_lab.scoring.baselines.SEARCHED", len(first))
    assert search(world, sorted_by_class) == (("red",), ())


def test_one_look_names_nothing_where_all_images_are_looked_at(world):
    few = SimpleNamespace(positions=lambda stratum, n: list(range(8)))
    assert one_shot(scenes_world(n=8, held_out=1), few) == ((), ())
