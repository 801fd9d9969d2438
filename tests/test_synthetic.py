"""Synthetic units do what their truth says: in words, in scenes, and in pixels."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from PIL import Image

from maia_lab.errors import UnitError, WorldError
from maia_lab.provenance import Origin
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.keep import image_of
from maia_lab.scenes.phrase import Phrase
from maia_lab.scenes.render import render
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import Scene, Thing
from maia_lab.systems import synthetic
from maia_lab.systems.synthetic import RULES, Synthetic, Truth, open_synthetic, truth

MEANT = [rule for rule in RULES if rule not in ("noise", "dead")]
SEEDS = range(5000, 5012)


@cache
def scenes() -> tuple[Scene, ...]:
    chance = stream("tests of synthetic units")
    return tuple(sample(chance) for _ in range(200))


def drawn(scene: Scene, size: int = 64) -> Image.Image:
    return image_of(scene, Origin("data", "test"), size)


@cache
def pictures() -> tuple[Image.Image, ...]:
    return tuple(map(drawn, scenes()))


def thing(shape="circle", colour="red", texture="plain", x=0.3, y=0.3, radius=0.15) -> Thing:
    return Thing(shape, colour, texture, x, y, radius)


def a(**wanted) -> Concept:
    return Concept((Phrase(**wanted),))


def answers(told: Truth, *scene: Scene) -> list[bool]:
    return [any(map(bool, told.lit(s))) for s in scene]


RED, STAR = thing(), thing("star", "blue", x=0.7, y=0.7)
BLUE = thing(colour="blue", x=0.7, y=0.3)
GRASS = Concept(background="grass")


@pytest.mark.parametrize(
    ("told", "lights", "silent"),
    [
        (Truth("one", a(colour="red")), [(RED,), (RED, STAR)], [(STAR,), ()]),
        (Truth("one", GRASS), [(), (RED,)], []),
        (Truth("or", a(colour="red"), a(shape="star")), [(RED,), (STAR,)], [(BLUE,)]),
        (Truth("and", a(colour="red"), a(shape="star")), [(RED, STAR)], [(RED,), (STAR,)]),
        (Truth("and", a(colour="red"), a(shape="circle")), [(RED, BLUE)], [(RED,), (RED, STAR)]),
        (Truth("and", a(colour="red"), GRASS), [(RED,)], [(STAR,)]),
        (Truth("and-not", a(colour="red"), a(shape="star")), [(RED,)], [(RED, STAR), (STAR,)]),
        (Truth("and-not", a(colour="red"), GRASS), [], [(RED,)]),
        (Truth("count", a(colour="blue", count=2)), [(BLUE, STAR)], [(BLUE,), (BLUE, RED)]),
        (
            Truth("relation", a(colour="red"), a(shape="star"), "left of"),
            [(RED, STAR)],
            [(thing(x=0.8), STAR), (RED,), (RED, BLUE)],
        ),
        (
            Truth("relation", a(colour="red"), a(colour="blue"), "above"),
            [(RED, STAR)],
            [(RED, BLUE), (thing(y=0.9), STAR)],
        ),
        (Truth("noise"), [], [(RED,)]),
    ],
)
def test_each_rule_answers_what_it_says(told, lights, silent):
    assert all(answers(told, *(Scene("grass", s) for s in lights)))
    assert not any(answers(told, *(Scene("grass", s) for s in silent)))


@pytest.mark.parametrize("rule", [rule for rule in MEANT if rule != "relation"])
def test_labels_say_in_words_where_a_unit_answers(rule):
    for seed in SEEDS:
        told = truth(rule, seed)
        said = [Concept.parse(label) for label in told.labels]
        unless = [Concept.parse(label) for label in told.suppressed_by]
        predicted = [
            any(c.matches(s) for c in said) and not any(c.matches(s) for c in unless)
            for s in scenes()
        ]
        assert predicted == answers(told, *scenes()), str(told)


@pytest.mark.parametrize("rule", MEANT)
def test_units_are_neither_rare_nor_everywhere_nor_simpler_than_they_say(rule):
    for seed in SEEDS:
        told = truth(rule, seed)
        lit = np.array(answers(told, *scenes()))
        assert 0.01 <= lit.mean() <= 0.6, str(told)
        for simpler in told.simpler:
            assert (lit != answers(simpler, *scenes())).any(), str(told)


def test_seeds_give_different_units_and_always_the_same_ones():
    for rule in MEANT:
        told = [truth(rule, seed) for seed in range(20)]
        truth.cache_clear()
        assert [truth(rule, seed) for seed in range(20)] == told
        assert len(set(told)) >= (4 if rule == "count" else 12), rule


@pytest.mark.parametrize("rule", MEANT)
def test_activations_tell_lit_images_from_the_rest(rule):
    layer = Synthetic().layer(rule)
    units = list(SEEDS)[:4]
    values = layer.respond(pictures(), units).values
    for column, seed in enumerate(units):
        lit = np.array(answers(truth(rule, seed), *scenes()))
        assert np.quantile(values[lit, column], 0.1) > 0.25, str(truth(rule, seed))
        assert values[~lit, column].max() < 0.2, str(truth(rule, seed))


def test_the_map_lies_on_what_is_seen_and_grows_with_it(monkeypatch):
    monkeypatch.setattr(synthetic, "truth", lambda rule, seed: Truth("one", a(colour="red")))
    layer = Synthetic().layer("one")
    scale = [drawn(Scene("sand", (thing(radius=r, x=0.5, y=0.5),))) for r in (0.1, 0.2, 0.3)]
    small, medium, large = layer.respond(scale, [0]).values[:, 0]
    assert medium / small == pytest.approx(2, rel=0.4)
    assert large > medium > small > 0.2
    both = Scene("sand", (RED, STAR))
    grid = layer.respond([drawn(both)], [0]).maps[0, 0]
    mask = render(both, 64, masks=True)[1]
    red, star = (m.reshape(16, 4, 16, 4).mean((1, 3)) for m in mask)
    assert grid[red > 0.9].min() > 0.3
    assert np.abs(grid[star > 0.5]).max() < 0.15
    hidden = Scene("sand", (thing(radius=0.1), thing("square", "blue", radius=0.3)))
    assert layer.respond([drawn(hidden)], [0]).values[0, 0] < 0.2


def test_noise_hangs_on_the_pixels_alone():
    layer = Synthetic().layer("one")
    first, again = (layer.respond(pictures()[:8], [5000, 5001]) for _ in range(2))
    np.testing.assert_array_equal(first.maps, again.maps)
    alone = layer.respond(pictures()[3:4], [5001])
    np.testing.assert_array_equal(alone.maps[0, 0], first.maps[3, 1])
    assert len(np.unique(first.values)) == 16


def test_a_noise_unit_knows_nothing_and_a_dead_one_says_nothing():
    noise = Synthetic().layer("noise").respond(pictures(), [1, 2])
    assert noise.values.std() > 0.05
    assert abs(np.corrcoef(noise.values.T)[0, 1]) < 0.3
    dead = Synthetic().layer("dead").respond(pictures()[:9], [1])
    assert not dead.values.any()
    assert not dead.maps.any()


def test_an_image_whose_scene_is_not_known_is_refused():
    layer = Synthetic().layer("one")
    with pytest.raises(WorldError, match="shows no scene"):
        layer.respond([Image.new("RGB", (64, 64))], [0])
    touched = pictures()[0].copy()
    touched.putpixel((0, 0), (1, 2, 3))
    with pytest.raises(WorldError, match="changed since"):
        layer.respond([touched], [0])


def test_addresses_are_rule_and_seed():
    model = open_synthetic()
    assert (model.name, model.world) == ("synthetic", "scenes")
    assert [name for name, _, _ in model.layers()] == list(RULES)
    assert model.index("or", 7) == 7
    for ask, said in (
        (lambda: model.layer("andnot"), "the nearest are and-not"),
        (lambda: model.index("or", "red"), "have no names"),
        (lambda: model.index("or", 10**6), "choose 0 to 999999"),
        (lambda: open_synthetic("synthetics"), "call it synthetic"),
    ):
        with pytest.raises(UnitError, match=said):
            ask()
    digests = Counter(model.layer(rule).digest for rule in RULES)
    assert len(digests) == len(RULES)
