from dataclasses import replace

import numpy as np
from test_comparison import measured

from maia_lab.events import Observed, Offered
from maia_lab.ledger import Ledger
from maia_lab.observation import Observation
from maia_lab.proposal import Conclusion, Evidence, Hypothesis, Prediction, Proposal

RED, WORN = Hypothesis("H1", "fires for red"), Hypothesis("H2", "fires only for what is worn")


def step(number, rows, *predicts, hypotheses=(RED, WORN)):
    proposal = Proposal("why", "code", hypotheses, predicts)
    return [
        Offered(number, 1, proposal, "agent"),
        Observed(number, Observation(measurements=tuple(rows))),
    ]


HIGH = measured(np.linspace(5, 6, 8), condition="high")
LOW = measured(np.linspace(0, 1, 8), condition="low")
ALSO_LOW = measured(np.linspace(0.1, 1, 8), condition="also low")


def test_a_prediction_that_holds_supports_its_hypothesis():
    ledger = Ledger.fold(step(1, [HIGH, LOW], Prediction("H1", ("high",), ("low",))))
    (check,) = ledger.findings["H1"].checks
    assert check.speaks == "for" and check.low > 3
    assert ledger.findings["H1"].status == "supported"
    assert ledger.findings["H2"].status == "untested"


def test_one_contradiction_outweighs_any_number_of_confirmations():
    holds = Prediction("H1", ("high",), ("low",))
    events = [
        *step(1, [HIGH, LOW], holds),
        *step(2, [HIGH, LOW], holds),
        *step(3, [HIGH, LOW], Prediction("H1", ("low",), ("high",))),
    ]
    assert Ledger.fold(events).findings["H1"].status == "contradicted"


def test_a_difference_that_could_be_nothing_is_no_support():
    ledger = Ledger.fold(step(1, [LOW, ALSO_LOW], Prediction("H1", ("also low",), ("low",))))
    assert ledger.findings["H1"].status == "untested"
    assert ledger.findings["H1"].speaking("unclear")


def test_a_prediction_without_a_lower_condition_is_against_the_control():
    control = measured(np.zeros(5), condition="control", control="")
    ledger = Ledger.fold(step(1, [HIGH, control], Prediction("H1", ("high",))))
    assert ledger.findings["H1"].checks[0].lower == "control"
    assert ledger.findings["H1"].status == "supported"


def test_predictions_meet_only_what_was_measured_in_their_own_step():
    events = [*step(1, [HIGH, LOW]), *step(2, [], Prediction("H1", ("high",), ("low",)))]
    assert Ledger.fold(events).findings["H1"].status == "untested"


def test_a_bow_tie_that_must_be_worn_is_contradicted_by_its_own_table():
    flat = measured([20.3, 20.6, 20.1, 20.4], condition="flat on a table")
    worn = measured([19.0, 19.3, 18.9, 19.2], condition="worn")
    ledger = Ledger.fold(step(1, [flat, worn], Prediction("H2", ("worn",), ("flat on a table",))))
    conclusion = Conclusion("bow ties, when worn", ("bow tie",), (), (Evidence("H2", (1,)),))
    (objection,) = ledger.objections(conclusion)
    assert "H2 is contradicted" in objection and "flat on a table" in objection


def test_evidence_that_was_never_gathered_is_objected_to():
    ledger = Ledger.fold(step(1, [HIGH, LOW], Prediction("H1", ("high",), ("low",))))
    cites = (Evidence("H1", (1, 4)), Evidence("H9", (1,)))
    said = ledger.objections(Conclusion("red", ("red",), (), cites))
    assert said == (
        "step 4 is cited for H1 and tested no prediction of it.",
        "H9 was never stated as a hypothesis.",
    )


def test_a_reworded_hypothesis_is_another_claim():
    again = Proposal("why", "code", (Hypothesis("H1", "fires for purple boats"),))
    events = [
        *step(1, [HIGH, LOW], Prediction("H1", ("high",), ("low",))),
        Offered(2, 1, again, "agent"),
    ]
    assert Ledger.fold(events).findings["H1"].status == "untested"


def test_each_comparison_of_a_step_keeps_its_own_control():
    first = [replace(HIGH, comparison=0), replace(LOW, comparison=0)]
    other = measured(np.linspace(9, 10, 8), condition="low")
    second = [replace(ALSO_LOW, comparison=1), replace(other, comparison=1)]
    ledger = Ledger.fold(step(1, [*first, *second], Prediction("H1", ("high",), ("low",))))
    assert [check.speaks for check in ledger.findings["H1"].checks] == ["for"]
