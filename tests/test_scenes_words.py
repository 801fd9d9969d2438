from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maia_lab.errors import WordsError
from maia_lab.scenes.captions import caption
from maia_lab.scenes.concept import Concept, concepts
from maia_lab.scenes.phrase import Phrase
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS, Scene, Thing
from maia_lab.scenes.words import draw, parse

CIRCLE = Thing("circle", "red", "striped", 0.3, 0.3, 0.28)
STAR = Thing("star", "blue", "plain", 0.7, 0.7, 0.14)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("two red striped circles on a grass background", None),
        ("a large blue fish and a small yellow star in the water",
         "large blue fish and small yellow star on water background"),
        ("a house, a tree and a car on snow", "house, tree and car on snow background"),
        ("three dotted mushrooms on a wooden table", "three dotted mushrooms on wood background"),
        ("A photo of a bird against the sky.", "bird on sky background"),
        ("an empty sand background", "sand background"),
        ("a starry night with a white moon", "white moon on night background"),
        ("a pink heart in front of a brick wall", "pink heart on brick background"),
        ("two big purple flowers and a bird in a meadow",
         "two large purple flowers and bird on grass background"),
        ("a polka-dot car", "dotted car"),
        ("a circle with stripes", "striped circle"),
        ("a circle with a striped pattern", "striped circle"),
        ("something red", "red"),
        ("things that are red and striped", "red striped things"),
        ("red and blue", "red thing and blue thing"),
        ("red and striped", "red striped"),
        ("a large, red circle", "large red circle"),
        ("the colour red", "red"),
        ("stripes", "striped"),
        ("all objects", "things"),
        ("a circle against a blue sky", "circle on sky background"),
        ("a plain red circle on a plain background", "red plain circle on plain background"),
        ("2 fish", "two fish"),
        ("a red star shape", "red star"),
        ("a red plus on sand", "red cross on sand background"),
        ("two plus signs and a circle", "two crosses and circle"),
        ("a plus, and a red plus sign", "cross and red cross"),
        ("a red circle plus a blue star", "red circle and blue star"),
        ("red plus striped", "red striped"),
        ("star shapes", "stars"),
        ("the background is grass", "grass background"),
    ],
)  # fmt: skip
def test_a_prompt_is_understood(text, said):
    concept = parse(text)
    if said is not None:
        assert str(concept) == said
    assert parse(str(concept)) == concept
    assert parse(concept.say(article=True)) == concept


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a black cat on a sofa", "do not know: cat, sofa"),
        ("a circle 😀", "do not know: 😀"),
        ("a red circle without stripes", r"not there \('without'\)"),
        ("no circles", r"not there \('no'\)"),
        ("a circle or a star", r"a choice \('or'\)"),
        ("a circle left of a star", r"where \('left'\)"),
        ("a circle on a white background", "white background"),
        ("a green sky", "green sky"),
        ("a star on a circle", "'on' of a thing"),
        ("a circle in red", "does not say which background"),
        ("a boat in the sea on sand", "two backgrounds, water and sand"),
        ("a red blue circle", "'red' and 'blue' of one thing"),
        ("a circle with red stripes", "how the pattern looks"),
        ("seven circles", "7 things"),
        ("0 circles", "0 things"),
        ("9" * 5000 + " circles", "things"),
        ("four circles and three stars", "7 things"),
        ("a circle and two", "without saying what"),
        ("a table", "does not say which background"),
        ("", "nothing that can be seen"),
    ],
)
def test_a_prompt_beyond_the_grammar_is_refused_with_the_reason(text, reason):
    with pytest.raises(WordsError, match=reason):
        draw(text, 0)


def test_an_unknown_word_is_answered_with_the_words_that_are_known():
    with pytest.raises(WordsError) as refused:
        parse("a black cat")
    for word in [*BACKGROUNDS, *(word for words in ATTRIBUTES.values() for word in words)]:
        assert word in refused.value.next_step


def test_what_is_said_is_drawn_and_the_rest_is_chance():
    scenes = [draw("two red circles and a star", seed) for seed in range(40)]
    assert all(parse("two red circles and a star").matches(scene) for scene in scenes)
    assert {len(scene.things) for scene in scenes} == {3}
    assert len({scene.background for scene in scenes}) > 4
    assert len({scene.things[0].texture for scene in scenes}) == 4


def test_the_same_words_and_seed_draw_the_same_scene():
    assert draw("a red circle", 7) == draw("the red  circle", 7)
    assert draw("a red circle", 7) != draw("a red circle", 8)


def test_a_plural_draws_several_and_matches_one():
    assert len(draw("red circles", 0).things) == 2
    assert parse("red circles").matches(Scene("sand", (CIRCLE,)))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("red", True),
        ("red striped", True),
        ("large red striped circle", True),
        ("small circle", False),
        ("red star", False),
        ("circle and star", True),
        ("two circles", False),
        ("two things", True),
        ("three things", False),
        ("red thing and circle", False),
        ("grass background", True),
        ("red circle on grass", True),
        ("red circle on sand", False),
    ],
)
def test_a_concept_holds_or_not(text, holds):
    assert parse(text).matches(Scene("grass", (CIRCLE, STAR))) is holds


def test_each_phrase_needs_a_thing_of_its_own_whatever_the_order():
    both = Scene("grass", (CIRCLE, Thing("circle", "blue", "plain", 0.7, 0.7, 0.14)))
    assert parse("a circle and a red circle").matches(both)
    assert parse("a red circle and a circle").matches(both)
    assert not parse("a red circle and a red thing").matches(both)


def choice(words):
    return st.none() | st.sampled_from(words)


phrases = st.builds(
    Phrase,
    **{attribute: choice(words) for attribute, words in ATTRIBUTES.items()},
    count=st.sampled_from([None, 1, 2, 3]),
)
backgrounds = choice(BACKGROUNDS)


@settings(max_examples=300, deadline=None)
@given(st.lists(phrases, min_size=1, max_size=2), backgrounds)
def test_every_concept_is_read_back_from_its_own_words(things, background):
    concept = Concept(tuple(things), background)
    if concept == Concept((Phrase(shape="fish", count=None),), background):
        return  # One word for one fish and for several.
    for text in (str(concept), concept.say(article=True)):
        assert [p.wanted for p in parse(text).phrases] == [p.wanted for p in things]
        assert parse(text).background == background
    fish = any(phrase.shape == "fish" and phrase.count is None for phrase in things)
    assert fish or parse(str(concept)) == concept


def test_a_caption_says_everything_in_readable_english():
    scene = Scene("grass", (CIRCLE, STAR, STAR))
    assert caption(scene) == (
        "a large red striped circle and two small blue plain stars on a grass background"
    )
    assert caption(Scene("water")) == "a water background"


def test_every_caption_is_read_back_as_what_it_describes():
    for seed in range(500):
        scene = sample(stream("test", seed))
        read = parse(caption(scene))
        assert read == Concept.of(scene) and read.matches(scene)
        drawn = draw(caption(scene), seed)
        kinds = [
            sorted((t.size, t.colour, t.texture, t.shape) for t in s.things) for s in (scene, drawn)
        ]
        assert kinds[0] == kinds[1] and drawn.background == scene.background


def test_all_concepts_of_a_scene_are_true_of_it_and_canonical():
    found = concepts(Scene("grass", (CIRCLE,)))
    assert {"red", "circle", "striped", "large", "red circle", "striped circle"} < found
    assert {"red striped", "large circle", "grass background"} < found and len(found) == 11
    for seed in range(100):
        scene = sample(stream("test", seed))
        for text in concepts(scene):
            assert parse(text).matches(scene) and str(parse(text)) == text
