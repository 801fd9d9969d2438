"""Contexts in which a class is missed: found among many, confirmed, and measured once more."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maia_lab.agents.offline import bias as offline_bias
from maia_lab.allowlist import refusals
from maia_lab.bench.skewed import Learned
from maia_lab.bench.worlds import scenes
from maia_lab.contexts import Contexts
from maia_lab.errors import WordsError, WorldError
from maia_lab.events import Decided, Observed
from maia_lab.observation import Measurement
from maia_lab.scenes.edits import edit
from maia_lab.scenes.scene import Scene, Thing
from maia_lab.scenes.words import draw
from maia_lab.scenes.world import scenes_world
from maia_lab.slices import Slices, varied
from maia_lab.start import bias, describe
from maia_lab.study import open_study
from maia_lab.sweep import Effect, Sweep, effects
from maia_lab.systems.gated import Gate, gate
from maia_lab.tasks.bias import _row as row

VOCABULARY = scenes_world(1, 1).vocabulary


@pytest.mark.parametrize(
    ("context", "unless"),
    [(("red",), False), (("on grass",), True), (("red", "striped"), False), ((), False)],
)
def test_an_effect_is_named_by_as_many_words_as_matter(context, unless):
    chance = np.random.default_rng(0)
    rows = Contexts("fish", VOCABULARY).design(324, chance)
    low = [bool(context) and row.issuperset(context) != unless for row in rows]
    values = [(1 - 0.4 * is_low) * chance.normal(1, 0.1) for is_low in low]
    found, looked = effects(rows, values)
    assert [(e.context, e.unless) for e in found] == [(context, unless)] * bool(context)
    assert looked > 200


def test_contexts_are_drawn_as_they_say():
    contexts = Contexts("a red boat", VOCABULARY)
    assert "colour" not in contexts.own and "shape" not in contexts.own
    scene = draw(contexts.prompt(("two", "striped", "on snow")), 0)
    assert [(t.shape, t.colour, t.texture) for t in scene.things] == [
        ("boat", "red", "striped")
    ] * 2
    assert scene.background == "snow"
    near = contexts.prompt(("beside a star", "beside an orange thing"))
    assert near == "a red boat and an orange star"
    name = contexts.name(("small", "on snow"), unless=True)
    assert contexts.read(name) == (("small", "on snow"), True)
    with pytest.raises(WordsError, match="no context"):
        contexts.read("red boat: on the moon")


def test_what_no_words_can_draw_is_refused():
    with pytest.raises(WordsError, match="dragon"):
        Contexts("dragon", VOCABULARY)
    with pytest.raises(WorldError, match="labels"):
        varied("tench", {"edit": ("make it gray",)})


@pytest.mark.parametrize(("side", "axis", "less"), [("left", "x", 1), ("bottom", "y", -1)])
def test_a_thing_is_moved_to_a_side(side, axis, less):
    scene = Scene("grass", (Thing("fish", "red", "plain", 0.5, 0.5, 0.27),))
    moved = edit(scene, f"move the fish to the {side}", 0)
    assert (0.5 - getattr(moved.things[0], axis)) * less > 0.15
    assert moved.background == "grass" and moved.things[0].radius == 0.27


@pytest.mark.parametrize("address", ["outside/2", "clean/1"])
def test_a_bias_is_found_and_a_clean_classifier_left_in_peace(address, tmp_path):
    kind, seed = address.split("/")
    truth = gate(kind, int(seed))
    session = describe(
        f"gated/{address}", data=scenes(100, 30), task="bias", question=truth.subject,
        agent="offline", review="auto", folder=tmp_path,
    ).wait()  # fmt: skip
    assert [answer.about for answer in session.conclusion.answers] == (
        [f"{truth.subject}: {', '.join(truth.context) or 'any context'}"]
    )
    # Nothing is held against it: what a sweep found was tested on fresh images, and once more.
    assert not any(isinstance(e, Decided) and e.by == "ledger" for e in session.journal.events)
    assert "three things" in session.conclusion.not_tested
    *_, last = (e.observation for e in session.journal.events if isinstance(e, Observed))
    (table,) = last.tables
    assert "any context" in table.rows[-1][0]
    if truth.context:
        assert abs(float(table.rows[0][1][:4]) - truth.strength) < 0.1


def test_a_share_that_is_lost_is_a_number_however_few_images_answer():
    silent, one = np.zeros(40, np.float32), np.eye(1, 40, dtype=np.float32)[0]
    chance = np.random.default_rng(0)
    assert row(silent, one, silent, chance)[0] == "1.00 [unknown]"
    assert row(silent, silent, silent, chance)[0] == "not told from none"
    halved, whole = (np.linspace(a, b, 40, dtype=np.float32) for a, b in ((1, 3), (3, 5)))
    assert row(halved, whole, silent, chance)[0].startswith("0.50 [0.")


@pytest.mark.parametrize("n", [3, 6, 20])
def test_the_interval_of_what_is_lost_covers_it_as_often_as_it_says(n):
    chance, hits, told = np.random.default_rng(2), 0, 0
    for _ in range(300):
        low, rest, zero = (chance.normal(mean, 1, n) for mean in (5, 10, 0))
        said = row(low, rest, zero, chance)[0]
        if (ends := re.search(r"\[(-?[\d.]+), (-?[\d.]+)\]", said)) is not None:
            told, hits = told + 1, hits + (float(ends[1]) <= 0.5 <= float(ends[2]))
    assert told > 200 and hits / told >= 0.92


def test_a_score_that_never_rises_ends_without_a_claim(tmp_path):
    session = describe(
        lambda images: [0.5] * len(images), data=scenes(60, 20), task="bias", question="fish",
        agent="offline", review="auto", folder=tmp_path,
    ).wait()  # fmt: skip
    assert "does not tell images with fish from those without" in session.conclusion.description
    assert not session.conclusion.labels


def test_a_sweep_prints_what_it_found():
    study = open_study("gated/one/3", data=scenes(60, 20))
    sweep = study.tools.sweep("mushroom", n=120)
    assert "mushroom: on plain: loses" in str(sweep)
    assert all(0 < len(images) <= 8 for images in sweep.worst.values())


@pytest.mark.parametrize(
    ("without", "told"), [(1.0, "on sand: 0.1, p"), (0.0, "on sand: loses 90%, 9 of 9 missed, p")]
)
def test_of_a_score_that_does_not_rise_no_share_is_lost(without, told):
    def measured(name, mean):
        values = (mean - 0.01, mean, mean + 0.01) * 3
        return name, Measurement(name, values, ("",) * 9, mean, 0.01, 0.0, 50.0, "")

    means = {"fish: on sand": 0.1, "fish: otherwise": 1.0, "without fish": without}
    conditions = dict(measured(*each) for each in means.items())
    found = (Effect(("on sand",), False, 1e-6),)
    assert told in str(Sweep(Contexts("fish", VOCABULARY), found, conditions, 9, {}))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Warm and cold pictures; some of the warm ones are dim."""
    folder, chance = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for label, n, colour in (
        ("warm_bright", 40, (220, 120, 40)), ("warm_dim", 40, (70, 50, 35)),
        ("cold", 50, (60, 90, 160)),
    ):  # fmt: skip
        (folder / label).mkdir()
        for i in range(n):
            pixels = chance.normal(colour, 20, (24, 24, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")
    return folder


def redness(images):
    pixels = [np.asarray(image, float).mean((0, 1)) for image in images]
    return [float(red - blue) for red, _, blue in pixels]


def test_a_sweep_sets_each_slice_against_the_rest_of_its_class(photographs):
    sweep = open_study(redness, data=photographs).tools.sweep("warm")
    assert "warm: warm_dim: loses" in str(sweep) and "warm_bright" not in str(sweep)
    assert sweep.effects[0].context == ("warm_dim",)


def test_of_too_few_photographs_it_says_that_nothing_was_measured(tmp_path):
    for i in range(12):
        (tmp_path / ("warm", "cold")[i > 8]).mkdir(exist_ok=True)
        colour = (200, 30 + i, 30) if i <= 8 else (30, 30 + i, 200)
        Image.new("RGB", (8, 8), colour).save(tmp_path / ("warm", "cold")[i > 8] / f"{i}.png")
    said = bias(
        redness, shows="warm", data=tmp_path, agent="offline", review="auto", folder=tmp_path / "s"
    ).wait().conclusion  # fmt: skip
    assert said.description.startswith("Nothing was measured of the contexts of warm: ")
    assert "has fewer than two images" in said.description


def test_photographs_are_sliced_by_their_labels_and_edited(photographs, tmp_path):
    session = bias(
        redness, shows="warm", data=photographs, agent="offline", review="auto", folder=tmp_path
    ).wait()
    answers = [answer.about for answer in session.conclusion.answers]
    assert "warm: make it gray" in answers and "warm: warm_dim" in answers
    assert "warm: warm_bright" not in answers and "warm: mirror it" not in answers
    assert not any(isinstance(e, Decided) and e.by == "ledger" for e in session.journal.events)
    *_, last = (e.observation for e in session.journal.events if isinstance(e, Observed))
    lost = {row[0]: float(row[1][:4]) for row in last.tables[0].rows[:-1]}
    assert 0.45 < lost["warm: warm_dim"] < 0.6 and lost["warm: make it gray"] > 0.4
    assert "held out until now" in last.tables[0].note
    assert "neither a label says" in session.conclusion.not_tested


def test_contexts_that_no_fresh_image_was_shown_in_are_not_called_harmless(photographs, tmp_path):
    session = bias(
        redness, shows="warm", data=photographs, agent="offline", review="auto", folder=tmp_path,
        max_steps=2,
    ).wait()  # fmt: skip
    said = session.conclusion
    assert "is not settled" in said.description and "warm_dim" in said.description
    assert "none was measured" in session.tables[0].note
    assert not said.labels and not said.answers


def test_a_real_network_s_class_is_missed_in_edited_photographs(tmp_path, monkeypatch):
    data = os.environ.get("MAIA_TEST_DATA")
    if not data:
        pytest.skip("needs a trained network and photographs: set MAIA_TEST_DATA")
    monkeypatch.syspath_prepend(str(Path(data, "models")))
    import realnets

    net, preprocess = realnets.load("mobilenetv1_0.25_128")
    for file in sorted(Path(data, "images").glob("*.jpg"))[:150]:
        folder = tmp_path / "photos" / ("dog" if "n02085" <= file.name < "n02114" else "other")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder)
    dogs = np.zeros(1001)
    dogs[152:270] = 1 / 118
    session = bias(
        net, "classifier", "dog", direction=dogs, shows="dog", preprocess=preprocess,
        data=tmp_path / "photos", agent="offline", review="auto", folder=tmp_path,
    ).wait()  # fmt: skip
    answers = [answer.about for answer in session.conclusion.answers]
    assert "dog: draw only its edges" in answers and "dog: mirror it" not in answers
    assert session.ledger.findings["H1"].status == "supported"


@pytest.mark.parametrize(
    ("shows", "told"), [("tench", "without images"), ("warm_bright", ""), ("", "warm")]
)
def test_a_class_is_known_by_a_label(shows, told):
    vocabulary = {"label": ("cold", "warm_bright", "warm_dim"), "edit": ("make it gray",)}
    if not told:
        slices = Slices(shows, vocabulary)
        assert slices.rest == ("cold", "warm_dim") and not slices.own["label"]
        return
    with pytest.raises(WordsError, match=told):
        Slices(shows, vocabulary)


def test_a_class_that_cannot_be_shown_is_refused_before_a_session_begins(photographs, tmp_path):
    with pytest.raises(WordsError, match="drawn here; say what"):
        bias("gated/one/3", shows="zebra", data=scenes(60, 20), agent="offline", folder=tmp_path)
    with pytest.raises(WordsError, match="without images"):
        bias(redness, shows="hot", data=photographs, agent="offline", folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_sole_class_is_refused():
    with pytest.raises(WordsError, match="only class"):
        Slices("warm", {"label": ("warm_dim", "warm_bright")})


def test_a_gate_is_about_what_it_says():
    fish, other = (
        Thing("fish", "red", "plain", 0.3, 0.5, 0.15),
        Thing("star", "blue", "plain", 0.7, 0.5, 0.15),
    )
    gated = Gate("fish", ("at the left", "beside a blue thing"), False, 0.5)
    assert gated.score(Scene("grass", (fish, other))) == pytest.approx(0.5, abs=0.05)
    assert gated.score(Scene("grass", (fish,))) == pytest.approx(1, abs=0.1)
    # Another of the same kind is no neighbour: it is a second one.
    assert Gate("fish", ("beside a red thing",), False, 1.0).score(
        Scene("grass", (fish, replace(fish, x=0.7)))
    ) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("context", "unless", "found"),
    [("on grass", True, True), ("on snow", False, True), ("on grass", False, False),
     ("red", False, False)],
)  # fmt: skip
def test_a_learned_bias_is_found_by_either_name(context, unless, found):
    said = {(frozenset([context]), unless): (0.5, 0.4)}
    learned = Learned("strong", "on grass", frozenset(["on snow", "on sand"]), said)
    assert learned.found is found


@pytest.mark.parametrize(
    "code",
    [
        offline_bias.SWEEP.format(kind="Sweep", asks="", what='"ring"', more=", around=True"),
        offline_bias.CONFIRM.format(pairs='"two": ("two rings", [], [])', n=9, seed=1, out=", not"),
        offline_bias.CONFIRM_FOUND.format(pairs='"a": ("a", "b", "")', n=9, seed=1, out=", not"),
    ],
)
def test_what_the_offline_agent_writes_runs_by_itself_where_safe_code_may(code):
    assert refusals(code) == ()
