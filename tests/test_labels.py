"""Photographs of which only their folders are known."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import maia_lab
from maia_lab.allowlist import refusals
from maia_lab.doors import open_world
from maia_lab.errors import WordsError, WorldError
from maia_lab.events import Observed, Offered
from maia_lab.images import ImageFolder
from maia_lab.imaging.plain_edits import EDITS, PlainEditor
from maia_lab.labels import FolderLabels
from maia_lab.proposal import Proposal
from maia_lab.provenance import origin, pixel_hash
from maia_lab.systems.function import Function

COLOURS = {"Red fruit": (200, 40, 40), "green-leaf": (40, 160, 60), "blue": (40, 60, 200)}


def redness(images):
    """How much redder an image is than anything else, 0 at least."""
    means = [np.asarray(image, float).mean((0, 1)) for image in images]
    return [max(0.0, float(red - (green + blue) / 2)) for red, green, blue in means]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Noisy images of one colour each, in a folder for each colour."""
    root, chance = tmp_path_factory.mktemp("photos"), np.random.default_rng(4)
    for name, colour in COLOURS.items():
        (root / name).mkdir()
        for i in range(14 if name == "Red fruit" else 60):
            pixels = np.array(colour) + chance.normal(0, 25, (24, 36, 3)) + chance.normal(0, 15)
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(root / name / f"n{i}_a_{'blue' if i else 'red'}_thing.png")
    return root


@pytest.fixture(scope="module")
def photos(folder):
    return open_world(Function(redness, "redness"), folder)


def test_a_folder_names_its_images_and_a_file_name_does_not(photos):
    assert photos.vocabulary["label"] == ("blue", "green_leaf", "red_fruit")
    assert isinstance(photos.words, FolderLabels) and photos.captioner is photos.words
    for image in (photos.data[0], photos.held_out[0]):
        (label,) = photos.words.concepts(image)
        assert photos.captioner.describe([image]) == [label]
        assert photos.words.matches(f"a {label.replace('_', ' ')} in the sun", image)
        assert not photos.words.matches("red fruit" if label == "blue" else "blue", image)
    with pytest.raises(WordsError, match="use blue, green_leaf, red_fruit"):
        photos.words.matches("bluebird", photos.data[0])


def test_of_labels_within_labels_the_longer_is_meant_and_plurals_are_understood():
    images = [Image.new("RGB", (4, 4), (i, 0, 0)) for i in range(3)]
    names = ("finch", "house_finch", "fox")
    words = FolderLabels({pixel_hash(i): n for i, n in zip(images, names, strict=True)})
    for phrase, seen in (
        ("house finches in the snow", [False, True, False]),
        ("a finch", [True, False, False]),
        ("foxes", [False, False, True]),
        ("a finch or a fox", [True, False, True]),
    ):
        assert [words.matches(phrase, image) for image in images] == seen, phrase


def test_images_at_the_top_of_a_folder_have_no_labels_and_can_be_edited_all_the_same(tmp_path):
    for i in range(12):
        Image.new("RGB", (8, 8), (i * 20, 0, 0)).save(tmp_path / f"cat_{i}.png")
    world = open_world(Function(redness, "redness"), tmp_path)
    assert (world.words, world.captioner, world.editor.name) == (None, None, PlainEditor.name)
    with pytest.raises(WorldError, match="a folder for each label"):
        maia_lab.describe(redness, data=tmp_path, folder=tmp_path / "sessions")


def test_every_seed_finds_other_images_of_a_label(folder):
    tools = maia_lab.open_study(redness, data=folder).tools
    found = [list(map(pixel_hash, tools.dataset_labelled("blue", 8, seed))) for seed in range(5)]
    assert len({*found[0], *found[1], *found[2]}) == 24
    assert len(set(map(tuple, found))) == 5


def test_an_edit_changes_pixels_keeps_the_size_and_names_its_parent(photos):
    image = photos.data[3]
    instructions = list(EDITS)
    edited = photos.editor.edit([image] * len(EDITS), instructions, [1] * len(EDITS))
    for one, instruction in zip(edited, instructions, strict=True):
        assert one.size == image.size and one.mode == "RGB"
        assert pixel_hash(one) != pixel_hash(image)
        assert origin(one).parent == pixel_hash(image) and origin(one).text == instruction
        assert photos.words.concepts(one) == photos.words.concepts(image)
    gray, shuffled = (np.asarray(edited[instructions.index(name)], float)
                      for name in ("make it gray", "shuffle its patches"))  # fmt: skip
    assert np.ptp(gray, axis=2).max() == 0
    np.testing.assert_allclose(shuffled.mean((0, 1)), np.asarray(image, float).mean((0, 1)), atol=2)
    with pytest.raises(WordsError, match="needs a model that edits"):
        photos.editor.edit([image], ["add a hat"], [1])


def test_labels_and_plain_edits_are_all_the_offline_agent_needs(folder, tmp_path):
    session = maia_lab.describe(redness, data=folder, review="auto", folder=tmp_path).wait()
    assert session.conclusion.labels == ("red_fruit",)
    assert "survives these edits" in session.conclusion.description
    assert "lost by these: make it gray" in session.conclusion.description
    assert "left of its rise over the median image" in session.conclusion.description
    outcomes = [e.observation.outcome for e in session.journal.events if isinstance(e, Observed)]
    assert outcomes == ["done"] * len(outcomes)
    assert session.scores[0].correlation > 0.95
    offered = [e.proposal for e in session.journal.events if isinstance(e, Offered)]
    assert all(refusals(p.code) == () for p in offered if isinstance(p, Proposal))


def test_a_unit_of_a_real_network_is_described_by_labels(tmp_path):
    data = os.environ.get("MAIA_TEST_DATA")
    if not data:
        pytest.skip("needs photographs: set MAIA_TEST_DATA")
    for file in sorted(Path(data, "images").glob("*.jpg"))[:150]:
        dog = "n02085" <= file.name < "n02114"
        kind = "dog" if dog else "animal" if file.name < "n02656" else "object"
        (tmp_path / "photos" / kind).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / "photos" / kind / file.name)
    sys.path.insert(0, str(Path(data, "models")))
    try:
        import realnets

        net, preprocess = realnets.load("mobilenetv1_0.25_128")
    finally:
        sys.path.pop(0)
    retriever = maia_lab.describe(
        net, "classifier", 208, data=tmp_path / "photos", preprocess=preprocess,
        review="auto", folder=tmp_path,
    ).wait()  # fmt: skip
    assert retriever.conclusion.labels == ("dog",)
    _, lost = retriever.conclusion.description.split("lost by these:")
    assert "shuffle its patches" in lost


def test_of_folders_within_folders_that_of_a_class_is_the_label(folder, tmp_path):
    for name, place in (("Red fruit", "table"), ("blue", "floor")):
        shutil.copytree(folder / name, tmp_path / name / place)
    images = [ImageFolder(tmp_path)]
    assert FolderLabels.of(images).labels == ("floor", "table")
    assert FolderLabels.of(images, ("blue", "red fruit")).labels == ("blue", "red_fruit")


def test_photographs_in_one_folder_are_told_by_the_last_words_of_their_names(tmp_path):
    names = ["n1_sports_car", "race-car", "n2_tiger_cat", "cat_07", "IMG_1", "IMG_2", "zebra"]
    for seed, name in enumerate([*names, "a1", "a2", "a3", "a4"]):
        Image.new("RGB", (8, 8), (seed, 0, 0)).save(tmp_path / f"{name}.png")
    found = FolderLabels.of([ImageFolder(tmp_path)])
    assert found.labels == ("car", "cat")
    assert found.describe(list(ImageFolder(tmp_path)))[-2:] == ["car", "nothing with a label"]
    world = open_world(Function(redness, "redness"), tmp_path)
    assert "labels are the last words of file names: car, cat" in world.remarks


def test_of_a_dozen_photographs_none_but_the_strong_are_changed_and_little_is_concluded(tmp_path):
    for name, colour in {
        "apple": (200, 40, 40),
        "leaf": (40, 160, 60),
        "sky": (40, 60, 200),
    }.items():
        (tmp_path / name).mkdir()
        for i in range(4):
            Image.new("RGB", (8, 8), (*colour[:2], colour[2] + i)).save(
                tmp_path / name / f"{i}.png"
            )

    def redness(images):
        means = [np.asarray(image, float).mean((0, 1)) for image in images]
        return [red - (green + blue) / 2 for red, green, blue in means]

    said = maia_lab.describe(
        redness, data=tmp_path, agent="offline", review="auto", folder=tmp_path / "sessions"
    ).wait().conclusion.description  # fmt: skip
    assert "images are too few to tell a unit by" in said
    assert "survives these edits" in said and "make it gray" not in said


def test_units_are_not_compared_by_words_that_hardly_any_image_has(tmp_path):
    photos = tmp_path / "photos"
    for i in range(24):
        (photos / f"{i % 8}_fox").mkdir(parents=True, exist_ok=True)
        colour = (10 * i, 90, 200 - 8 * i)
        Image.new("RGB", (12, 12), colour).save(photos / f"{i % 8}_fox" / f"{i}.png")
    models = {"a": redness, "b": lambda images: [-value for value in redness(images)]}
    said = maia_lab.compare(
        "a/output/0", "b/output/0", models=models, data=photos, agent="offline", review="auto",
        folder=tmp_path / "s",
    ).wait().conclusion  # fmt: skip
    assert "Nothing was tested" in said.description and "no word is said of 4" in said.description


def test_units_are_told_apart_by_a_hundred_photographs(tmp_path):
    for name, colour in {"apple": (200, 40, 40), "leaf": (40, 160, 60)}.items():
        (tmp_path / name).mkdir()
        for i in range(60):
            pixels = np.random.default_rng(i).normal(colour, 20, (8, 8, 3)).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / f"{i}.png")

    def colour(channel):
        return lambda images: [float(np.asarray(i, float)[..., channel].mean()) for i in images]

    def compared(first, second, session):
        return maia_lab.compare(
            "a/output/0", "b/output/0", models={"a": colour(first), "b": colour(second)},
            data=tmp_path, agent="offline", review="auto", folder=tmp_path / "s", session=session,
        ).wait().conclusion  # fmt: skip

    apart = compared(0, 1, "apart")
    assert "a/output/0 answers more to apple" in apart.description.replace("an apple", "apple")
    assert "No difference was found" in compared(0, 0, "alike").description


def test_what_always_answers_the_same_is_driven_by_nothing(few, tmp_path):
    for number, image in enumerate(sorted(few.glob("*.png"))[:40]):
        folder = tmp_path / ("apple", "leaf")[number % 2]
        folder.mkdir(exist_ok=True)
        shutil.copy(image, folder)
    same = maia_lab.describe(
        lambda images: [0.1] * len(images), data=tmp_path, agent="offline", review="auto",
        folder=tmp_path / "s",
    ).wait().conclusion  # fmt: skip
    assert same.description.startswith("No stable description")
