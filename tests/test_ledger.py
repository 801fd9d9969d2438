from dataclasses import replace

import numpy as np
import pytest
from test_comparison import measured

from maia_lab.events import Observed, Offered
from maia_lab.ledger import Ledger, holm
from maia_lab.observation import Observation
from maia_lab.proposal import Hypothesis, Prediction, Proposal

RED, WORN = Hypothesis("H1", "fires for red"), Hypothesis("H2", "fires only for what is worn")


def step(number, rows, *predicts, hypotheses=(RED, WORN), looked=()):
    proposal = Proposal("why", "code", hypotheses, predicts)
    return [
        Offered(number, 1, proposal, "agent"),
        Observed(number, Observation(measurements=tuple(rows), looked=looked)),
    ]


def rows(*conditions, of=""):
    """Conditions of eight images each by (name, centre); those of another ``of`` are others."""
    return [
        measured(np.linspace(at, at + 1, 8), [f"{name}{of}{i}" for i in range(8)], name)
        for name, at in conditions
    ]


PAIR = (("high", 5), ("low", 0))
HIGH, LOW = rows(*PAIR)
HOLDS, FAILS = Prediction("H1", ("high",), ("low",)), Prediction("H1", ("low",), ("high",))


def finding(*events, of="H1"):
    return Ledger.fold([event for group in events for event in group]).findings[of]


def test_a_prediction_that_holds_speaks_for_its_hypothesis():
    found = finding(step(1, [HIGH, LOW], HOLDS))
    (check,) = found.checks
    assert check.speaks == "for" and check.low > 3
    assert found.status == "indicated"
    assert finding(step(1, [HIGH, LOW], HOLDS), of="H2").status == "untested"


def test_a_claim_is_supported_once_fresh_images_confirm_it():
    first = step(1, rows(*PAIR), HOLDS)
    again = finding(first, step(2, rows(*PAIR), HOLDS))
    assert again.status == "indicated", "the same images once more are no confirmation"
    confirmed = finding(first, step(2, rows(*PAIR, of="new"), HOLDS))
    assert confirmed.status == "supported" and confirmed.confirmed_in == 2
    assert [check.fresh for check in confirmed.checks] == [False, True]


def test_a_confirmation_leaves_out_images_that_were_seen_before():
    mixed = [
        replace(
            row,
            values=row.values + old.values,
            bases=row.bases + old.bases,
        )
        for row, old in zip(rows(("high", 2), ("low", 0), of="new"), rows(*PAIR), strict=True)
    ]
    found = finding(step(1, rows(*PAIR), HOLDS), step(2, mixed, HOLDS))
    assert found.checks[1].difference == pytest.approx(2), "with the old ones it would be 3.5"


def test_images_chosen_by_their_activation_confirm_nothing():
    new = rows(*PAIR, of="new")
    seen = tuple(new[0].bases)
    found = finding(step(1, rows(*PAIR), HOLDS), step(2, new, HOLDS, looked=seen))
    assert found.status == "indicated"
    earlier = step(2, [], looked=seen)
    assert finding(step(1, rows(*PAIR), HOLDS), earlier, step(3, new, HOLDS)).status == "indicated"


def test_a_first_test_on_fresh_images_is_no_confirmation():
    assert finding(step(1, [], looked=("x",)), step(2, rows(*PAIR), HOLDS)).status == "indicated"


def test_a_confirmation_must_find_all_that_it_predicts():
    both = Prediction("H1", ("high",), ("low", "also high"))
    conditions = (*PAIR, ("also high", 5))
    found = finding(
        step(1, rows(*PAIR), HOLDS),
        step(2, rows(*conditions, of="new"), both),
    )
    assert found.status == "indicated"
    assert [c.speaks for c in found.checks] == ["for", "for", "unclear"]
    assert found.checks[2].left == 1


def test_one_contradiction_outweighs_any_number_of_confirmations():
    events = (step(n, rows(*PAIR, of=n), HOLDS) for n in (1, 2, 3))
    assert finding(*events, step(4, [HIGH, LOW], FAILS)).status == "contradicted"


def test_a_difference_that_could_be_nothing_is_no_support():
    also = rows(("also low", 0.1))[0]
    found = finding(step(1, [LOW, also], Prediction("H1", ("also low",), ("low",))))
    assert found.status == "unclear" and found.speaking("unclear")


def test_a_difference_is_corrected_for_all_that_were_tested():
    random = np.random.default_rng(0)
    names = [f"c{i}" for i in range(60)]
    noise = [measured(random.normal(0, 1, 8), condition=name) for name in names]
    guesses = Prediction("H1", tuple(names[:30]), tuple(names[30:]))
    alone = finding(step(1, [noise[0], noise[30]], Prediction("H1", ("c0",), ("c30",))))
    together = finding(step(1, noise, guesses))
    # Of 900 differences between 60 conditions of nothing, many lie outside their own interval.
    assert sum(c.low > 0 or c.high < 0 for c in together.checks) > 10
    assert together.status == "unclear"
    assert alone.checks[0].p < together.checks[0].p


def test_holm_is_what_the_textbook_says():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []


def test_sessions_with_nothing_to_find_find_something_no_more_often_than_promised():
    random = np.random.default_rng(4)
    found = 0
    for _ in range(200):
        noise = [measured(random.normal(0, 1, 6), condition=f"c{i}") for i in range(5)]
        guess = Prediction("H1", ("c0",), ("c1", "c2", "c3", "c4"))
        found += finding(step(1, noise, guess)).status != "unclear"
    assert found / 200 <= 0.08


def test_a_prediction_without_a_lower_condition_is_against_the_control():
    control = measured(np.linspace(0, 0.1, 5), condition="control", control="")
    found = finding(step(1, [HIGH, control], Prediction("H1", ("high",))))
    assert found.checks[0].lower == "control"
    assert found.status == "indicated"


def test_a_condition_is_never_compared_with_itself():
    assert finding(step(1, [HIGH], Prediction("H1", ("high",), ("high",)))).status == "untested"


def test_what_is_left_of_a_rise_is_told():
    three = rows(*PAIR, ("lowest", -1))
    assert finding(step(1, three, HOLDS)).checks[0].left == pytest.approx(1 / 6)
    assert finding(step(1, three[:2], HOLDS)).checks[0].left is None


def test_predictions_meet_only_what_was_measured_in_their_own_step():
    events = step(1, [HIGH, LOW]), step(2, [], HOLDS)
    assert finding(*events).status == "untested"


def test_a_reworded_hypothesis_is_another_claim():
    other = (Hypothesis("H1", "fires for purple boats"),)
    first = step(1, [HIGH, LOW], HOLDS)
    assert finding(first, step(2, [], hypotheses=other)).status == "untested"
    back = step(2, [], hypotheses=other), step(3, [], hypotheses=(RED,))
    assert finding(first, *back).status == "indicated"


def test_each_comparison_of_a_step_keeps_its_own_control():
    also = rows(("also low", 0.1))[0]
    first = [replace(HIGH, comparison=0), replace(LOW, comparison=0)]
    other = measured(np.linspace(9, 10, 8), condition="low")
    second = [replace(also, comparison=1), replace(other, comparison=1)]
    found = finding(step(1, [*first, *second], HOLDS))
    assert [check.speaks for check in found.checks] == ["for"]


def test_an_empty_ledger_says_nothing():
    ledger = Ledger.fold(())
    assert not ledger.findings and not ledger.measurements and not ledger.remarks


def test_a_confirmation_must_also_find_what_it_predicts_of_images_that_were_seen():
    both = Prediction("H1", ("high",), ("low", "seen"))
    seen = rows(("seen", 5))
    found = finding(
        step(1, [*rows(*PAIR), *seen], HOLDS),
        step(2, [*rows(*PAIR, of="new"), *seen], both),
    )
    assert [c.fresh for c in found.checks] == [False, True, False]
    assert found.status == "indicated"
