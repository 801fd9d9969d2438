from dataclasses import replace

from test_comparison import measured
from test_ledger import HOLDS, PAIR, rows, step

from maia_lab.events import Decided, Observed, Offered
from maia_lab.observation import Observation
from maia_lab.process import after_the_answer, measures
from maia_lab.proposal import Conclusion, Evidence, Prediction
from maia_lab.review import Reject

CONTROL = replace(measured([0.0, 0.1, 0.2], condition="control"), control="")
TOLD = [
    *step(1, [*rows(*PAIR), CONTROL], HOLDS, Prediction("H1", ("high",), ("control",))),
    *step(2, [measured([3.0], condition="once")]),
    Offered(3, 1, Conclusion("…", ("high",), (), (Evidence("H1", (1,)),)), "agent"),
]


def test_a_session_is_told_by_what_it_tried_controlled_and_repeated():
    told = dict(measures(TOLD))
    assert told["attempts to refute"] == "1 predicted differences from a rival condition"
    assert told["came out against"] == "0 of 2 predicted differences"
    assert told["controls"] == "1 of 2 comparisons beside random data"
    assert told["replicates"] == "5.5 images a condition, 1 with one alone"
    assert told["confirmed on fresh images"] == "0 of 2 hypotheses"
    assert told["spent after the answer"] == "1 of 2 steps"


def test_what_ran_after_a_conclusion_was_sent_back_counts():
    conclusion = TOLD[-1].proposal
    again = [
        Decided(3, 1, Reject("test snow"), "ledger"),
        *step(4, rows(*PAIR)),
        *step(5, rows(*PAIR)),
        Offered(6, 1, conclusion, "agent"),
        Observed(6, Observation()),
    ]
    assert after_the_answer([*TOLD, *again]) == (3, 4)


def test_nothing_measured_is_nothing_told():
    assert measures(()) == [] and after_the_answer(TOLD[:-1]) is None
