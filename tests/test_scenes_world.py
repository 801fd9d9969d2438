from __future__ import annotations

import pytest
from PIL import Image

from maia_lab import provenance
from maia_lab.errors import WordsError, WorldError
from maia_lab.scenes.keep import scene_of
from maia_lab.scenes.world import scenes_world


@pytest.fixture(scope="module")
def scenes():
    return scenes_world(40, 20, seed=3)


def test_held_out_images_are_none_of_the_data(scenes):
    data, held_out = (
        {provenance.pixel_hash(i) for i in images} for images in (scenes.data, scenes.held_out)
    )
    assert len(data) == 40 and len(held_out) == 20 and not data & held_out
    assert (scenes.name, scenes.data.name, scenes.held_out.name) == (
        "scenes",
        "40 scenes",
        "20 held-out scenes",
    )


def test_generated_images_hold_what_was_asked_and_say_where_they_come_from(scenes):
    prompts = ["a red circle", "two stars on snow"]
    images = scenes.generator.generate(prompts, [1, 2])
    for image, prompt in zip(images, prompts, strict=True):
        assert image.size == (128, 128)
        assert scenes.words.matches(prompt, image)
        origin = provenance.origin(image)
        assert (origin.kind, origin.by, origin.text) == ("generated", "scenes renderer", prompt)
    again = scenes.generator.generate(prompts, [1, 2])
    assert [provenance.pixel_hash(i) for i in again] == [provenance.pixel_hash(i) for i in images]


def test_a_prompt_that_is_not_understood_draws_nothing(scenes):
    with pytest.raises(WordsError, match="cat"):
        scenes.generator.generate(["a red circle", "a cat"], [0, 0])


def test_an_edited_image_names_its_parent_and_differs_only_there(scenes):
    (image,) = scenes.generator.generate(["a small red circle and a small star on sand"], [5])
    (edited,) = scenes.editor.edit([image], ["make the circle blue"], [0])
    origin = provenance.origin(edited)
    assert (origin.kind, origin.text) == ("edited", "make the circle blue")
    assert provenance.base(edited) == origin.parent == provenance.pixel_hash(image)
    before, after = scene_of(image), scene_of(edited)
    assert after.things[0].colour == "blue" and after.things[1] == before.things[1]


def test_a_masked_image_is_edited_and_described_as_its_original(scenes):
    image = scenes.data[0]
    masked = provenance.stand_in(Image.eval(image, lambda v: v // 4), image, "system")
    (edited,) = scenes.editor.edit([masked], ["remove everything"], [0])
    assert provenance.base(edited) == provenance.pixel_hash(image)
    assert scenes.captioner.describe([masked]) == scenes.captioner.describe([image])


def test_an_image_from_elsewhere_is_neither_edited_nor_described(scenes):
    stranger = Image.new("RGB", (64, 64), "red")
    with pytest.raises(WorldError):
        scenes.editor.edit([stranger], ["remove everything"], [0])
    with pytest.raises(WorldError):
        scenes.captioner.describe([stranger])


def test_what_a_model_drew_is_told_apart_from_what_is_known(scenes):
    made = provenance.Origin("generated", "tiny", "red")
    drawn = provenance.stamp(Image.new("RGB", (64, 64), "red"), made)
    known, unread = scenes.captioner.describe([scenes.data[0], drawn])
    assert scenes.words.matches(known, scenes.data[0])
    assert unread == "(drawn by tiny: what it shows was not read)"


def test_descriptions_and_concepts_are_true_of_their_image(scenes):
    for image, sentence in zip(
        scenes.data, scenes.captioner.describe(list(scenes.data)), strict=True
    ):
        assert scenes.words.matches(sentence, image)
        assert all(scenes.words.matches(text, image) for text in scenes.words.concepts(image))


def test_the_vocabulary_is_ordered_by_kind(scenes):
    vocabulary = scenes.vocabulary
    assert list(vocabulary) == ["shape", "colour", "texture", "size", "number", "background"]
    assert [len(words) for words in vocabulary.values()] == [16, 9, 4, 3, 2, 9]
    for kind, words in vocabulary.items():
        for word in words:
            noun = {"background": " background", "number": " things"}.get(kind, "")
            scenes.generator.generate([word + noun], [0])


def test_tied_data_give_each_colour_one_shape_and_what_is_drawn_stays_free():
    tied, free = scenes_world(60, 60, seed=3, tied=1.0), scenes_world(60, 60, seed=3)
    shapes = [
        {(t.colour, t.shape) for i in range(60) for t in images.scene(i).things}
        for images in (tied.data, tied.held_out, free.data)
    ]
    colours = [colour for colour, _ in shapes[0]]
    assert len(colours) == len(set(colours)) == len({shape for _, shape in shapes[0]}) == 9
    assert min(len(shapes[1]), len(shapes[2])) > 50
    assert tied.data.digest != free.data.digest
    often = scenes_world(200, 1, seed=3, tied=0.9).data
    things = [t for i in range(200) for t in often.scene(i).things]
    assert 0.85 < sum((t.colour, t.shape) in shapes[0] for t in things) / len(things) < 0.96


def test_a_label_that_cannot_be_read_is_refused(scenes):
    with pytest.raises(WordsError):
        scenes.words.matches("fluffy", scenes.data[0])
