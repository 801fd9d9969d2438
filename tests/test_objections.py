from dataclasses import replace

import numpy as np
import pytest
from test_comparison import measured
from test_ledger import HIGH, HOLDS, PAIR, rows, step

from maia_lab.comparison import difference
from maia_lab.ledger import Ledger
from maia_lab.objections import content, objections, out_of_reach
from maia_lab.proposal import Conclusion, Evidence, Hypothesis, Prediction

CITED = (Evidence("H1", (1, 2)),)
CONFIRMED = (*step(1, rows(*PAIR), HOLDS), *step(2, rows(*PAIR, of="new"), HOLDS))


def against(*events, labels=("high",), evidence=CITED, suppressed_by=()):
    said = Conclusion("…", labels, suppressed_by, evidence)
    return objections(said, Ledger.fold(events))


def compared(number, *rows, control=0.0):
    """A step with a control from the data, and drawn conditions: (prompt, mean, shared)."""
    base = measured(np.linspace(control, control + 0.1, 8), condition="control", control="")
    found = [replace(base, bases=tuple(f"c{number}-{i}" for i in range(8)))]
    for prompt, mean, *shared in rows:
        m = measured(np.linspace(mean, mean + 0.1, 8), condition=prompt)
        m = replace(m, bases=tuple(f"{b} in {number}" for b in m.bases))
        delta, low, high, _ = difference(m, found[0])
        m = replace(m, difference=delta, low=low, high=high, prompts=(prompt,))
        found.append(replace(m, shared=tuple(shared or prompt.split()[1:])))
    return step(number, found, Prediction("H1", (found[1].condition,)))


def test_a_confirmed_claim_that_its_conditions_name_is_left_alone():
    assert against(*CONFIRMED) == ()


def test_a_bow_tie_that_must_be_worn_is_contradicted_by_its_own_table():
    worn = Hypothesis("H1", "fires for bow ties, when worn")
    says = Prediction("H1", ("worn",), ("flat on a table", "close-up of just a bow tie"))
    flat, close = (
        measured([at], condition=name) for name, at in zip(says.lower, (20.3, 21.8), strict=True)
    )
    row = measured([19.9, 22.4, 24.8, 27.6], condition="worn")
    events = step(1, [row, flat, close], says, hypotheses=(worn,))
    said = against(*events, labels=("bow tie worn",), evidence=(Evidence("H1", (1,)),))
    assert "H1 is cited, and nothing that it predicted came out clearly." in said
    assert "H1 says worn is above flat on a table, and that rests on a single image." in said
    assert any("wider than what was tested" in text for text in said)
    # Laid flat as often as it was worn, and higher.
    flat = measured([20.3, 20.6, 20.1, 20.4], condition="flat on a table")
    row = measured([19.0, 19.3, 18.9, 19.2], condition="worn")
    events = step(1, [flat, row], Prediction("H1", ("worn",), ("flat on a table",)))
    said = against(*events, labels=("worn",), evidence=(Evidence("H1", (1,)),))
    assert said[0].startswith("H1 is contradicted by step 1: worn minus flat on a table is -1.25")


def test_evidence_that_was_never_gathered_is_objected_to():
    cites = (Evidence("H1", (1, 4)), Evidence("H9", (1,)), Evidence("H2", (2,)))
    assert against(*CONFIRMED, evidence=cites) == (
        "step 4 is cited for H1 and tested no prediction of it.",
        "H9 was never stated as a hypothesis.",
        "step 2 is cited for H2 and tested no prediction of it.",
        "H2 is cited, and no prediction of it was ever measured.",
    )
    assert "No hypothesis is cited" in against(*CONFIRMED, evidence=())[0]
    assert against(labels=(), evidence=()) == (), "nothing is claimed"


def test_a_claim_that_was_not_confirmed_is_objected_to():
    (said,) = against(*step(1, rows(*PAIR), HOLDS), evidence=(Evidence("H1", (1,)),))
    assert said == "H1 was not confirmed: no later step tested it again on fresh images."
    failed = step(2, rows(("high", 1), ("low", 0.9), of="new"), HOLDS)
    (said,) = against(*step(1, rows(*PAIR), HOLDS), *failed)
    assert (
        said == "H1 was not confirmed: with fresh images it was not clear that high is above low."
    )


def test_what_was_seen_before_and_not_found_again_is_named_too():
    seen, both = rows(("seen", 5)), Prediction("H1", ("high",), ("low", "seen"))
    first = step(1, [*rows(*PAIR), *seen], HOLDS)
    (said, *_) = against(*first, *step(2, [*rows(*PAIR, of="new"), *seen], both))
    assert said.endswith("with fresh images it was not clear that high is above seen.")


def test_what_should_be_lower_and_is_as_high_is_named():
    near = (("red circle", 1.0), ("red square", 0.98))
    events = compared(1, *((f"a {name}", at) for name, at in near))
    claims = Prediction("H1", ("a red circle",), ("a red square",))
    events[0] = replace(events[0], proposal=replace(events[0].proposal, predicts=(claims,)))
    said = against(*events, labels=("red circle",), evidence=(Evidence("H1", (1,)),))
    assert (
        "H1 says a red circle is above a red square, and a red square is about as high" in said[1]
    )
    assert "98%" in said[1]


def test_a_label_whose_words_no_condition_had_is_wider_than_the_tests():
    (said,) = against(*CONFIRMED, labels=("high", "purple boat"))
    assert said == "'purple boat' is wider than what was tested: no condition had all its words."
    (said,) = against(*CONFIRMED, suppressed_by=("snow",))
    assert said.startswith("'snow' is wider")


def test_a_label_tested_with_one_image_is_an_anecdote():
    once = measured([5.0], condition="boat")
    assert "'boat' was tested with a single image." in against(
        *CONFIRMED, *step(3, [once]), labels=("boat",)
    )


def test_images_that_hold_a_label_and_leave_the_unit_cold_are_named():
    tied = ("a red circle", 1.0, "red", "circle", "red circle")
    free = ("a blue circle", 0.0, "blue", "circle", "blue circle")
    events = compared(1, tied, free)
    said = against(*events, labels=("circle",), evidence=())
    assert any("'circle' did not drive it in step 1: a blue circle is" in s for s in said)
    assert not any("drive it" in s for s in against(*events, labels=("red",), evidence=()))
    silenced = against(*events, labels=("circle",), evidence=(), suppressed_by=("blue",))
    assert not any("drive it" in s for s in silenced), "what suppresses was said"


def test_a_label_that_is_narrower_than_what_drives_it_is_named():
    events = compared(1, ("a red circle", 1.0), ("a red square", 0.95), ("a blue circle", 0.0))
    said = against(*events, labels=("red circle",), evidence=())
    assert any("'red circle' is narrower than what was measured" in text for text in said)
    both = against(*events, labels=("red circle", "red square"), evidence=())
    assert not any("narrower" in text for text in both)
    events = compared(1, ("a red circle", 1.0), ("a red square", 0.5), ("a blue circle", 0.0))
    said = against(*events, labels=("red circle",), evidence=())
    assert not any("narrower" in text for text in said)


def test_what_was_never_left_out_is_named():
    grass = ("a red circle on grass", 1.0, "red", "circle", "red circle", "grass background")
    said = against(*compared(1, grass), labels=("red circle",), evidence=())
    assert "'red circle' was never tested without grass background." in said
    sand = ("a red circle on sand", 1.0, "red", "circle", "red circle", "sand background")
    said = against(*compared(1, grass, sand), labels=("red circle",), evidence=())
    assert not any("never tested" in text for text in said)


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("Two red boxes on a grass background", {"two", "red", "box", "gras"}),
        ("bow ties", {"bow", "tie"}),
        ("a", set()),
        ("", set()),
    ],
)
def test_the_words_of_a_phrase_are_those_that_say_something(phrase, words):
    assert content(phrase) == words


def test_changes_to_images_that_show_the_label_as_well_are_no_test_of_it():
    row = compared(1, ("a red circle", 1.0), ("a blue ball", 0.0, "red circle"), control=1.0)
    control, *rest = row[-1].observation.measurements
    (said,) = against(*row, labels=("red circle",), evidence=())[1:]
    assert said.startswith("'red circle' did not drive it")
    held = [replace(m, prompts=(), shared=("red circle",)) for m in (control, *rest)]
    seen = replace(row[-1].observation, measurements=tuple(held))
    row = (*row[:-1], replace(row[-1], observation=seen))
    assert against(*row, labels=("red circle",), evidence=())[1:] == ()


def test_drawn_images_must_come_near_what_the_data_do():
    def told(drawn, share_high=1.0):
        made = replace(measured([drawn] * 4, condition="drawn"), source="crayons")
        seen = replace(measured([2.0] * 4, condition="strongest"), share_high=share_high)
        cold = measured([0.0] * 4, condition="control")
        return out_of_reach(Ledger.fold(step(1, [made, seen, cold])), {"crayons"})

    assert told(0.5) and not told(1.5)
    assert not told(1.5, share_high=0.3)
    assert told(1.5, share_high=0.0), "nothing says how strong the data's strongest are"
    assert not out_of_reach(Ledger.fold(step(1, [HIGH])), {"crayons"}), "nothing was drawn"


def test_one_thing_with_two_properties_is_no_test_of_two_things():
    row = compared(1, ("a red thing and a large thing", 1.0), ("a large red thing", 0.0))
    assert against(*row, labels=("large thing and red thing",), evidence=())[1:] == ()
    assert against(*row, labels=("red large thing",), evidence=())[1:]


def test_a_plain_thing_is_no_plain_background():
    thing = ("a plain thing on a snow background", 1.0, "plain", "snow background")
    ground = ("a dotted thing on a plain background", 0.0, "dotted", "plain background")
    events = compared(1, thing, ground)
    for label, drives in (("plain", True), ("plain background", False)):
        said = against(*events, labels=(label,), evidence=())
        assert any("did not drive it" in text for text in said) is not drives
