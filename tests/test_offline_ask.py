"""Questions in free words, answered without a language model as far as words of the world go."""

import numpy as np
import pytest
import torch
from PIL import Image
from test_comparison import measured

from maia_lab import ask
from maia_lab.agents.offline.ask import NEITHER, Asking
from maia_lab.agents.offline.claims import Claim, Language
from maia_lab.agents.offline.compare import Comparing
from maia_lab.agents.offline.question import TAKEN, read
from maia_lab.briefing import Briefing
from maia_lab.contrast import USUAL
from maia_lab.events import Decided, Observed, Offered, Opened, Setting
from maia_lab.imaging.plain_edits import EDITS, MORE, PlainEditor
from maia_lab.observation import Observation
from maia_lab.proposal import Hypothesis, Proposal
from maia_lab.scenes.world import scenes_world
from maia_lab.tasks import ASK, COMPARE
from maia_lab.unit import Unit

CIRCLE, GRASS = Claim((("circle",),)), Claim(background="grass")


@pytest.mark.parametrize(
    ("question", "kinds", "claims", "unknown"),
    [
        ("Does this unit care about texture or shape?", ("texture", "shape"), (), ()),
        ("is it the ball or the grass?", (), (CIRCLE, GRASS), ()),
        ("red or blue circles?", (), (Claim((("red", "circle"),)), Claim((("blue", "circle"),))),
         ()),
        ("does color matter", ("colour",), (), ()),
        ("does it fire for zebras?", (), (), ("zebras",)),
        ("Is it the background?", ("background",), (), ()),
    ],
)  # fmt: skip
def test_a_question_is_read_by_the_words_of_the_world(question, kinds, claims, unknown):
    asked = read(question, Language(scenes_world(1, 1).vocabulary))
    assert (asked.kinds, asked.claims, asked.unknown) == (kinds, claims, unknown)


def test_of_photographs_a_question_is_read_by_what_edits_take_away():
    language = Language({"edit": PlainEditor.instructions})
    assert all(edit in EDITS | MORE for pair in TAKEN.values() for edit in pair)
    asked = read("size, the object or its surroundings?", language)
    assert (asked.kinds, asked.unknown) == (("centre", "background"), ("size",))


def test_what_is_asked_to_suppress_is_known_as_such():
    asked = read("Do stars suppress it?", Language(scenes_world(1, 1).vocabulary))
    assert asked.lowers and asked.claims == (Claim((("star",),)),)


# synthetic/one/4 answers to whatever is green, synthetic/one/14 to circles.
@pytest.mark.parametrize(
    ("unit", "question", "says", "says_not"),
    [
        (4, "Does it care about colour or texture?", "Colour matters", "Texture matters"),
        (14, "Is it the ball or the grass?", "A circle drives it", "grass background drives it"),
        (4, "Does it fire for zebras?", "there are no images to make for zebras", "mean"),
    ],
)
def test_a_question_is_answered_by_experiment(unit, question, says, says_not, tmp_path):
    session = ask(
        question, f"synthetic/one/{unit}", data=scenes_world(400, 60), agent="offline",
        review="safe", folder=tmp_path,
    ).wait()  # fmt: skip
    said = session.conclusion
    assert says in said.description and says_not not in said.description, said
    assert session.journal.events[-2].observation.tables[0].rows[0][1] in said.description


def test_what_was_not_found_to_matter_is_no_evidence(tmp_path):
    session = ask(
        "does it care about texture or shape?", "scenes/layer4/12", agent="offline", review="auto",
        folder=tmp_path,
    ).wait()  # fmt: skip
    found = {a.about: a.says for a in session.conclusion.answers}
    assert "Texture matters" in found["texture"] and "was not found" in found["shape"]
    cited = [session.ledger.findings[e.hypothesis] for e in session.conclusion.evidence]
    assert [finding.hypothesis.text for finding in cited] == [
        "With another texture, it answers less."
    ]
    assert not any(isinstance(e, Decided) and e.by == "ledger" for e in session.journal.events)


def test_photographs_without_a_label_are_asked_by_taking_colour_away(tmp_path):
    chance = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(90):
        noise = chance.normal(chance.integers(0, 255, 3), 20, (24, 24, 3))
        image = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
        image.save(tmp_path / "photos" / f"{number}.png")
    red = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1, bias=False))
    red[0].weight.data[:] = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1)
    session = ask(
        "does it care about size, colour or shape?", red, "0", 0, data=tmp_path / "photos",
        preprocess=((0, 0, 0), (1, 1, 1), 24), agent="offline", review="auto", folder=tmp_path,
    ).wait()  # fmt: skip
    said, found = session.conclusion, dict(session.journal.events[-2].observation.tables[0].rows)
    assert "Colour matters: 'make it gray' takes" in found["colour"], said
    assert "Shape was not found to matter" in found["shape"]
    assert "nothing of size" in said.not_tested
    first, again = (m for _, m in session.ledger.measurements if m.condition == "make it gray")
    assert not {*first.bases} & {*again.bases} and "over 9 images" in found["colour"]


def briefed(task, question, *ran):
    """A session at its last step, in which experiments measured these rows."""
    asked = task.ask(Unit("net", "a", 0), question)
    events = [Opened("fox", asked, Setting("offline", "scenes", "data", "scenes", "scenes"))]
    for step, (code, hypotheses, rows) in enumerate(ran, 1):
        events.append(Offered(step, 1, Proposal("why", code, hypotheses), "offline"))
        events.append(Observed(step, Observation(measurements=tuple(rows))))
    return Briefing(asked, tuple(events), 1, must_conclude=True)


def test_what_a_reviewer_cut_out_of_a_cell_lends_its_name_to_no_other():
    chance = np.random.default_rng(0)
    rows = [
        measured(chance.normal(mean, 0.1, 12), condition=name)
        for name, mean in (("grass background, without circle", 5), (NEITHER, 0))
    ]
    briefing = briefed(ASK, "is it the ball or the grass?", ("# Cross: …", (), rows))
    said = Asking(briefing, Language(scenes_world(1, 1).vocabulary), 0).next()
    assert "Grass background drives it" in said.description
    assert said.labels == ("grass background",)


def test_a_difference_rests_on_the_claim_of_its_own_condition():
    units, chance = ("net/a/0", "net/a/1"), np.random.default_rng(0)
    apart = {USUAL: 0, "a star": 3, "a star on a snow background": 0}
    rows = [
        measured(chance.normal(n * mean, 0.1, 30), [f"{name}{i}" for i in range(30)], name).by(unit)
        for n, unit in enumerate(units)
        for name, mean in apart.items()
    ]
    claims = [
        Hypothesis(f"H{n}", f"net/a/1 answers {name} more than net/a/0 does.")
        for n, name in enumerate(apart)
    ]
    briefing = briefed(COMPARE, "", ("# Test: …", tuple(claims), rows))
    said = Comparing(briefing, Language(scenes_world(1, 1).vocabulary)).next()
    assert [a.about for a in said.answers] == ["a star"]
    assert [e.hypothesis for e in said.evidence] == ["H1"]
