from dataclasses import replace

import numpy as np
import pytest
from conftest import described, plain

from maia_lab import provenance
from maia_lab.errors import SessionError, WordsError, WorldError
from maia_lab.recorder import Kept
from maia_lab.system import Reference, Response
from maia_lab.world import World


@pytest.fixture
def kept(tools):
    files = {}

    def store(data):
        files[str(len(files))] = data
        return str(len(files) - 1)

    with tools.recorder.to(Kept(store)) as _:
        yield tools.recorder.target


def test_exemplars_are_masked_and_measured_as_their_originals(tools, system):
    top = tools.dataset_exemplars(system, 5)
    values = [value for value, _ in top]
    assert values == sorted(values, reverse=True)
    again, _ = system.call_neuron([image for _, image in top])
    assert again == values
    bottom = tools.dataset_exemplars(system, 5, "bottom")
    assert bottom[0][0] <= bottom[-1][0] < values[-1]


def test_the_same_call_gives_the_same_images_and_another_seed_others(tools):
    first, again = tools.text2image("red", per_prompt=4), tools.text2image("red", per_prompt=4)
    assert [provenance.pixel_hash(i) for i in first] == [provenance.pixel_hash(i) for i in again]
    other = tools.text2image("red", per_prompt=4, seed=1)
    assert [provenance.pixel_hash(i) for i in first] != [provenance.pixel_hash(i) for i in other]


def test_a_prompt_given_twice_is_drawn_twice(tools):
    five = tools.text2image(["red"] * 5)
    assert len({provenance.pixel_hash(image) for image in five}) > 1


def test_a_prompt_that_cannot_be_drawn_is_refused_with_what_can_be_said(tools):
    with pytest.raises(WordsError, match="say red, green or blue"):
        tools.text2image(["red", "a cat"])


def test_instructions_pair_up_and_one_is_broadcast(tools):
    images = [plain("red", 0), plain("green", 0)]
    both, prompts = tools.edit_images(images, "blue")
    assert len(both) == 4 and prompts == ["original", "blue"] * 2
    both, prompts = tools.edit_images(images[0], ["blue", "green"])
    assert prompts == ["original", "blue", "original", "green"]
    with pytest.raises(WorldError, match="do not pair up"):
        tools.edit_images(images, ["blue", "green", "red"])


def test_a_comparison_takes_a_control_from_the_data_and_is_recorded(tools, kept):
    comparison = tools.compare({"red": tools.text2image("red", per_prompt=4)})
    assert comparison["control"].n == 30
    assert kept.measurements == list(comparison.conditions)


def test_whatever_way_images_are_measured_it_is_known_that_they_were(tools, system, kept):
    images = tools.text2image(["red", "green", "blue", "red"])
    activations, masked = system.call_neuron(images[:1])
    looks = [
        lambda: system.layer(images[1:2]),
        lambda: system.values(images[2:3]),
        lambda: tools.cross({(t, g): images[3:] for t in "ab" for g in "cd"}),
    ]
    for number, (look, image) in enumerate(zip(looks, images[1:], strict=True), 1):
        assert len(kept.seen) == number
        look()
        assert provenance.base(image) in kept.seen
    assert system.layer(masked)[0, 0] == activations[0]


def test_what_images_share_is_counted_beside_how_usual_it_is(tools, system):
    top = [image for _, image in tools.dataset_exemplars(system, 6)]
    assert tools.summarize_images(top).startswith("6 of 6 show 'red' (")
    assert tools.describe_images(top[:1], ["0.9"]) == ["0.9: plain red"]


def test_images_that_nobody_has_read_are_left_out_of_what_is_shared_and_counted(tools):
    class Half:
        def concepts(self, image):
            if provenance.origin(image).text == "blue":
                raise WorldError("an image", "shows no scene that is known here", "use another")
            return frozenset(["red"])

    tools._world = replace(tools._world, words=Half())
    said = tools.summarize_images([plain("red", 0), plain("red", 1), plain("blue", 0)])
    assert said.startswith("2 of 2 show 'red'")
    assert "1 of 3 left out" in said
    assert tools.summarize_images([plain("blue", 0)]).startswith("(1 of 1 left out")


def test_text_and_pictures_are_kept_in_order(tools, kept):
    tools.display("before", [plain("red", 0), plain("blue", 0)], "after")
    kinds = [type(part).__name__ for part in kept.parts]
    assert kinds == ["Text", "Picture", "Text"]


def test_held_out_images_are_closed_to_experiments(tools, kept):
    tools.may_conclude = lambda: False
    with pytest.raises(SessionError, match="held-out"):
        tools.conclude("red things", ["red"])
    tools.may_conclude = lambda: True
    mine, baseline, found = tools.conclude("red things", ["red"]).scores
    assert (mine.precision, mine.recall, mine.n) == (1.0, 1.0, 30)
    assert baseline.of == "one-shot baseline" and baseline.labels == ("red",)
    assert found.of == "search baseline" and found.labels == ("red",)
    assert kept.scores == [mine, baseline, found]


def test_what_a_world_cannot_do_is_said_with_the_way_to_it(system, exemplars, world):
    bare = described(World("photos", world.data, world.held_out), system, exemplars)
    for attempt in (
        lambda: bare.text2image("red"),
        lambda: bare.edit_images(plain("red", 0), "blue"),
        lambda: bare.describe_images([plain("red", 0)]),
        lambda: bare.summarize_images([plain("red", 0)]),
    ):
        with pytest.raises(WorldError, match="photos"):
            attempt()
    (score,) = bare.conclude("red things", ["red"]).scores
    assert score.precision is None and "nothing can tell" in score.note


def test_the_mask_darkens_what_does_not_activate(system):
    half = np.zeros((16, 16, 3), np.uint8)
    half[:, 8:] = (220, 30, 30)
    from PIL import Image

    image = Image.fromarray(half)
    (activation,), (shown,) = system.call_neuron(image)
    (answer,) = system.activate(image)
    assert answer.mask.shape == (16, 16) and answer.value == activation
    assert answer.mask[8, 11] and not answer.mask[8, 1]
    assert np.asarray(shown)[8, 11, 0] == 220
    assert provenance.original(shown) is image
    (mean,), _ = system.call_neuron(image, reduce="mean")
    assert mean < activation


def test_a_unit_below_zero_is_not_shown_as_active_beyond_the_edge_of_its_map(system, monkeypatch):
    maps = np.full((1, 1, 4, 4), -5, np.float32)
    maps[0, 0, 1, 2] = -1
    monkeypatch.setattr(system._layer, "respond", lambda *_: Response(maps.max((2, 3)), maps))
    system.reference = Reference(np.float32([-5, -3, -1]), -4.0)
    (answer,) = system.activate(plain("red", 0))
    assert answer.mask[6, 10] and 0 < answer.mask.mean() < 0.2
    assert answer.map.max() <= -1


def test_a_percentile_is_told_only_of_what_the_data_were_reduced_to(system):
    red = plain("red", 0)
    assert system.activate(red)[0].percentile > 50
    assert np.isnan(system.activate(red, reduce="mean")[0].percentile)
