"""What an edit changed, told by real edits of drawn scenes, and by edits that lie."""

import pytest
from conftest import COLOURS, plain

from maia_lab.alteration import remarks
from maia_lab.scenes.world import scenes_world

WORLD = scenes_world(4, 4)


def drawn(prompt, *seeds):
    return WORLD.generator.generate([prompt] * len(seeds), seeds)


def told(before, after, instruction):
    texts = [instruction] * len(before)
    return remarks(before, after, texts, WORLD.words, WORLD.vocabulary)


@pytest.mark.parametrize(
    "instruction",
    [
        "make the circle blue",
        "make the circle striped",
        "replace the circle with a star",
        "remove the circle",
        "add a star",
        "change the background to snow",
    ],
)
def test_edits_that_do_what_they_say_are_not_remarked_on(instruction):
    before = drawn("a red plain circle on a grass background", 1, 2, 3)
    after = WORLD.editor.edit(before, [instruction] * 3, [0, 1, 2])
    assert told(before, after, instruction) == []


def test_an_edit_that_changed_nothing_is_told():
    before = drawn("a red circle", 1, 2)
    after = [before[0], drawn("a blue circle", 1)[0]]
    said = told(before, after, "make the circle red")
    assert said[0] == "'make the circle red' changed nothing in 1 of 2 images."


def test_an_edit_that_changed_something_else_too_is_told():
    before = drawn("a red plain circle on a grass background", 1)
    after = WORLD.editor.edit(before, ["make the circle blue"], [0])
    after = WORLD.editor.edit(after, ["change the background to snow"], [0])
    (said,) = told(before, after, "make the circle blue")
    assert said == "'make the circle blue' changed the background, too, in 1 of 1 images."


def test_without_words_only_equal_pixels_are_told():
    reds, others = [plain("red", i) for i in (0, 1)], [plain("blue", 0), plain("red", 1)]
    said = remarks(reds, others, ["blue", "blue"], None, {"colour": tuple(COLOURS)})
    assert said == ["'blue' changed nothing in 1 of 2 images."]


def test_the_tools_tell_it_in_the_output_and_keep_it(tools):
    from maia_lab.recorder import Kept

    kept = Kept(lambda data: "")
    with tools.recorder.to(kept):
        tools.edit_images([plain("red", 3)], "red")
        tools.compare({"red": [plain("red", 1), plain("red", 1)]})
    assert kept.remarks == [
        "'red' changed nothing in 1 of 1 images.",
        "2 images of 'red' are only 1 pictures.",
    ]
    assert "changed nothing" in kept.observation("done", "", 0.0).text
