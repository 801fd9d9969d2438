import numpy as np
import pytest
from conftest import plain

from maia_lab.comparison import Comparison, difference
from maia_lab.contrast import standardised
from maia_lab.errors import DataError
from maia_lab.observation import Measurement
from maia_lab.system import Reference, Response


def measured(values, bases=None, condition="c", control="control"):
    values = tuple(float(v) for v in values)
    bases = tuple(bases) if bases else tuple(f"{condition}{i}" for i in range(len(values)))
    mean = float(np.mean(values))
    return Measurement(condition, values, bases, mean, 0.0, 0.0, 50.0, control)


def test_a_comparison_says_how_far_a_condition_lies_from_its_control(system):
    groups = {
        "red": [plain("red", i) for i in range(6)],
        "blue": [plain("blue", i) for i in range(6)],
    }
    comparison = Comparison.measure(system, groups, "blue", seed=0)
    assert [m.condition for m in comparison.conditions] == ["red", "blue"]
    red, blue = comparison["red"], comparison["blue"]
    assert red.n == 6
    assert 0 < red.low <= red.difference <= red.high
    assert red.difference == pytest.approx(red.mean - blue.mean)
    assert red.effect == pytest.approx(red.difference / system.reference.sd)
    assert red.percentile > 60 > 40 > blue.percentile
    assert blue.control == ""
    assert "test images" in red.source
    assert "red" in str(comparison) and "±" in str(comparison)


def test_edits_are_paired_with_the_images_they_were_made_from(system, tools):
    reds = [plain("red", i) for i in range(5)]
    both, prompts = tools.edit_images(reds, "blue")
    assert prompts[:2] == ["original", "blue"]
    comparison = Comparison.measure(system, {"red": both[::2], "edited": both[1::2]}, "red", 0)
    edited, red = comparison["edited"], comparison["red"]
    assert edited.bases == red.bases
    within = np.subtract(edited.values, red.values)
    assert edited.difference == pytest.approx(np.mean(within))
    assert edited.high - edited.low < 4 * np.ptp(within)


def test_five_edits_of_one_image_are_one_piece_of_evidence():
    same = difference(measured([5, 6, 7, 8, 9], ["x"] * 5), measured([0, 0.1, 0.2]))
    assert same == (pytest.approx(6.9), -np.inf, np.inf, 1.0)


@pytest.mark.parametrize(("n", "m"), [(3, 30), (5, 5), (8, 30), (30, 30)])
def test_the_interval_covers_the_true_difference_as_often_as_it_says(n, m):
    random = np.random.default_rng(5)
    hits = 0
    for trial in range(400):
        a, b = random.normal(1, 1, n), random.normal(0, 1, m)
        _, low, high, _ = difference(measured(a), measured(b, condition="d"), seed=trial)
        hits += low <= 1 <= high
    assert 0.92 <= hits / 400 <= 0.99


def test_images_that_are_a_part_of_others_are_set_against_the_rest():
    part, rest = measured([1, 2, 3], "abc"), measured([5, 6, 7, 8], "defg")
    whole = measured([5, 1, 6, 2, 7, 3, 8], "daebfcg")
    assert difference(part, whole) == difference(part, rest) and difference(part, rest).high < 0
    assert difference(whole, part) == difference(rest, part)
    same = difference(part, measured([1, 2, 3], "abc"))
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_a_difference_is_the_same_from_either_side():
    originals = measured([1, 5, 2, 9, 4, 7], ["a", "b", "c", "d", "e", "f"])
    edits = measured([0, 4, 1], ["a", "b", "c"])
    forth, back = difference(edits, originals), difference(originals, edits)
    assert forth == pytest.approx((-back[0], -back[2], -back[1], back[3]))
    assert forth[0] == -1


def test_one_image_gives_no_interval_and_the_table_says_so(system):
    groups = {"red": [plain("red", 0)], "blue": [plain("blue", 0), plain("blue", 1)]}
    assert "(one image)" in str(Comparison.measure(system, groups, "blue", 0))


@pytest.mark.parametrize(
    ("groups", "control", "says"),
    [
        ({"red": []}, "red", "without images"),
        ({"red": [plain("red", 0)]}, "grey", "name one of red"),
    ],
)
def test_what_cannot_be_compared_is_refused(system, groups, control, says):
    with pytest.raises(DataError, match=says):
        Comparison.measure(system, groups, control, 0)


@pytest.mark.parametrize("names", [("red", " Red"), ("", "blue"), (1, "blue")])
def test_names_that_the_ledger_could_not_tell_apart_are_refused(names, system):
    groups = {name: [plain("red", i)] for i, name in enumerate(names)}
    with pytest.raises(DataError, match="name"):
        Comparison.measure(system, groups, names[0], 0)


def test_a_unit_that_never_varies_is_told_in_a_sentence(system):
    same = [plain("red", 1)]
    text = str(Comparison.measure(system, {"a": same * 3, "b": same * 3}, "a", 0))
    assert "same value" in text and "nan" not in text


def test_a_default_control_is_as_fresh_as_its_conditions(tools):
    one, other, again = (
        tools.compare({"red": [plain("red", shade)]})["control"].bases for shade in (1, 2, 1)
    )
    assert one == again and set(one) != set(other)


def test_what_is_on_or_off_is_no_surer_than_chance_would_have_it():
    def on(n, value=1.0):
        return measured([value] * n, condition=f"{value}")

    assert difference(on(2), on(2, 0)).p == pytest.approx(1 / 3), "two of six ways to deal them"
    assert difference(on(4), on(4, 0)).p == pytest.approx(2 / 70)
    pairs = [measured([value] * 6, [f"b{i}" for i in range(6)]) for value in (1, 0)]
    assert difference(*pairs).p == pytest.approx(2 / 64), "the signs of six pairs"
    assert difference(on(3), on(3)).p == 1


@pytest.mark.parametrize("n", [2, 3, 5])
def test_units_that_are_on_or_off_by_chance_seldom_differ_clearly(n):
    random = np.random.default_rng(1)
    tossed = random.integers(0, 2, (500, 2, n))
    clear = [difference(measured(a), measured(b, condition="d")).p <= 0.05 for a, b in tossed]
    assert np.mean(clear) <= 0.06


def test_a_unit_that_always_answers_the_same_number_has_no_spread_in_any_precision(
    system, monkeypatch
):
    def respond(images, units=None):
        return Response(np.full((len(images), 1), 0.1, np.float32))

    monkeypatch.setattr(system._layer, "respond", respond)
    system.reference = Reference(np.full(3000, 0.1, np.float32), None)
    assert system.reference.sd == 0
    groups = {name: [plain(name, i) for i in range(7)] for name in ("red", "blue")}
    comparison = Comparison.measure(system, groups, "blue", 0)
    assert [(m.sd, m.percentile, m.effect) for m in comparison.conditions] == [(0, 50, 0)] * 2
    assert np.all(standardised(system, groups["red"]) == 0)


@pytest.mark.parametrize(("n", "chance"), [(2, 0.9), (3, 0.8), (6, 0.8), (12, 0.9)])
def test_the_interval_of_what_is_on_or_off_covers_though_nothing_varied(n, chance):
    tossed = (np.random.default_rng(2).random((400, n)) < chance).astype(float)
    found = [difference(measured(a), measured([0] * n, condition="d")) for a in tossed if a.any()]
    assert np.mean([d.low <= chance <= d.high + 1e-9 for d in found]) >= 0.92
