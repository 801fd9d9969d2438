from __future__ import annotations

import numpy as np

from maia_lab.scenes import lexicon
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.lexicon import MANY
from maia_lab.scenes.prompts import ask, pairs, say
from maia_lab.scenes.sample import stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS
from maia_lab.scenes.words import meant


def test_every_wording_is_read_back_as_what_was_asked_and_the_scene_holds_that_and_no_more():
    rng = stream("test", 1)
    for _ in range(300):
        concept = ask(rng)
        assert Concept.parse(say(rng, concept)) == concept
        scene = meant(concept, rng)
        assert concept.matches(scene)
        counts = [2 if phrase.count is None else phrase.count for phrase in concept.phrases]
        assert len(scene.things) == sum(counts) <= MANY


def test_prompts_use_every_word_that_can_be_drawn_and_many_that_mean_the_same():
    rng = stream("test", 2)
    texts = [say(rng, ask(rng)) for _ in range(2000)]
    used = set(" ".join(texts).replace(",", "").split())
    assert used >= {word for words in (*ATTRIBUTES.values(), BACKGROUNDS) for word in words}
    assert {"ball", "spotted", "huge", "lawn", "two", "a"} <= used <= set(lexicon.words())
    assert len(set(texts)) > 1200


def test_a_stretch_of_pairs_is_the_same_by_itself_and_shares_nothing_with_another():
    pixels, things, texts = pairs(3, 1, 8)
    again, _, shorter = pairs(3, 1, 5)
    assert pixels.shape == (8, 64, 64, 3) and pixels.dtype == np.uint8
    asked = [bool(Concept.parse(text).phrases) for text in texts]
    assert things.shape == (8, 64, 64) and things.any((1, 2)).tolist() == asked
    np.testing.assert_array_equal(pixels[:5], again)
    assert texts[:5] == shorter
    assert texts != pairs(3, 2, 8)[2] and texts != pairs(4, 1, 8)[2]
