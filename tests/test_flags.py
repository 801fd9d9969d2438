"""What a reviewer should look at before saying yes."""

from __future__ import annotations

import pytest
from corpus import benign, hostile

from maia_lab.flags import flags, visible
from maia_lab.proposal import Conclusion, Evidence, Hypothesis, Prediction, Proposal
from maia_lab.review import Flag

RED = (Hypothesis("H1", "fires for red things"),)


def of(code: str, **more: object) -> tuple[Flag, ...]:
    return flags(Proposal("why", code, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import requests", "network"),
        ("open('x')", "file"),
        ("image.save('x.png')", "file"),
        ("import subprocess", "subprocess"),
        ("import os\nos.system('ls')", "subprocess"),
        ("from os import environ", "environment"),
        ("exec('1')", "dynamic code"),
        ("getattr(tools, 'x')", "access by name"),
        ("().__class__", "dunder attribute"),
        ("tools._world", "private attribute"),
        ("tools = 1", "rebinds tools"),
        ("for system in []: pass", "rebinds system"),
        ("import math as tools", "rebinds tools"),
        ("tools.may_conclude = 1", "changes tools"),
        ("!ls", "magic"),
        ("%%bash\nls", "magic"),
        ("x = !ls", "magic"),
        ("x = 1 # \u202e", "right-to-left override"),
        ("to\u200bols = 1", "zero width space"),
        ("print(1) #\rimport os", "control character"),
        ("t\u043e\u043els = 1", "not plain ASCII"),
        ("x = " + "1 + " * 60 + "1", "read it to its end"),
        ("x = (", "does not parse"),
        ("while True: pass", "while"),
        ("try:\n    1\nexcept: pass", "catches everything"),
    ],
)
def test_a_risk_is_flagged(code: str, said: str) -> None:
    found = [flag for flag in of(code) if flag.kind == "risk" and said in flag.text]
    assert found and found[0].line >= 1


def test_a_flag_points_at_its_line() -> None:
    assert {flag.line for flag in of("x = 1\n\nimport os\ny = eval('1')")} == {3, 4}


def test_plain_experiments_carry_no_risk() -> None:
    flagged = {
        title: [flag.text for flag in found]
        for title, code in benign()
        if (found := [flag for flag in of(code) if flag.kind == "risk"])
    }
    assert set(flagged) == {"saves a picture", "while loop until enough"}


def test_flags_never_fail_on_hostile_code() -> None:
    caught = {code: bool(of(code)) for kind, code in hostile() if kind != "too large"}
    print(f"\n{sum(caught.values())} of {len(caught)} hostile snippets carry a flag: no barrier")
    assert sum(caught.values()) > len(caught) / 2 and caught['systems["a"] = 1']


def test_an_experiment_without_a_control_is_flagged() -> None:
    assert any("control" in f.text for f in of("system.call_neuron(tools.dataset_sample(3))"))
    assert not of("tools.display(tools.dataset_exemplars(system))")


def test_a_single_sample_is_flagged() -> None:
    def single(call: str) -> bool:
        return any("anecdote" in f.text for f in of(f"print(tools.compare({{'a': {call}}}))"))

    assert single("tools.text2image('a red circle')")
    assert single("tools.text2image(['a red circle'], per_prompt=1)")
    assert not single("tools.text2image('a red circle', per_prompt=5)")
    assert not single("tools.text2image(['a red circle', 'a red square'])")


def test_a_missing_counterfactual_is_flagged_until_one_was_made() -> None:
    proposal = Proposal("w", "tools.compare({'red': x})", RED, (Prediction("H1", ("red",)),))
    assert any("counterfactual" in f.text for f in flags(proposal))
    assert not flags(proposal, earlier=["tools.edit_images(images, 'make it blue')"])


def test_a_prediction_about_what_is_not_measured_is_flagged() -> None:
    code = "tools.compare({'red': tools.edit_images(a, 'x')[0], 'blue': b})"
    predicts = (Prediction("H1", ("red",), ("blue",)), Prediction("H1", ("green",), ("control",)))
    (flag,) = of(code, hypotheses=RED, predicts=predicts)
    assert flag.kind == "method" and "'green'" in flag.text


def test_names_put_together_while_running_are_given_the_benefit_of_the_doubt() -> None:
    code = "tools.compare({f'{c} circle': tools.edit_images(c, c)[0] for c in 'ab'})"
    predicts = (Prediction("H1", ("a circle",)),)
    assert not of(code, hypotheses=RED, predicts=predicts)
    code = "tools.edit_images(a, b)\nname = f'{c} circle'\ntools.compare({name: a})"
    assert not of(code, hypotheses=RED, predicts=predicts)


def test_a_conclusion_without_evidence_or_limits_is_flagged() -> None:
    texts = [f.text for f in flags(Conclusion("d", ("red thing",)), earlier=["print(1)"])]
    assert len(texts) == 3
    whole = Conclusion("d", ("red thing",), (), (Evidence("H1", (2,)),), "size")
    assert flags(whole, earlier=["tools.edit_images(a, b)"]) == ()


def test_what_deceives_the_eye_is_spelled_out() -> None:
    assert visible("a\u202eb\u200b\x1b[31m\r\n\tx\rz\u3164") == (
        "a\\u202eb\\u200b\\x1b[31m\n\tx\\x0dz\\u3164"
    )
    assert visible("ü – é 日本 ± 🦊") == "ü – é 日本 ± 🦊"
    assert visible("\U000e0041") == "\\U000e0041"


def test_the_same_images_under_two_names_are_flagged() -> None:
    def twice(code: str) -> bool:
        return any("the same images twice: a" in flag.text for flag in of(code))

    assert twice("tools.compare({'red': a, 'blue': a})")
    assert not twice("tools.compare({'red': a, 'blue': b})") and not twice("tools.compare(a)")


def test_contradictory_names_are_flagged() -> None:
    code = "tools.compare({'red': tools.edit_images(a, 'x')[0]})"
    claims = (*RED, Hypothesis("H1", "fires for blue things"))
    texts = [f.text for f in of(code, hypotheses=claims)]
    assert texts == ["H1 is the name of two claims"]
    itself = (Prediction("H1", ("red",), ("red",)),)
    texts = [f.text for f in of(code, hypotheses=RED, predicts=itself)]
    assert texts == ["H1 predicts 'red' above itself"]
