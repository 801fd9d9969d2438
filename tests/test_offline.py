"""The offline experimenter, on units whose truth is known and on sessions that go wrong."""

from __future__ import annotations

import ast
import asyncio
import zlib
from dataclasses import dataclass, replace

import numpy as np
import pytest

from maia_lab.agents.offline.agent import OfflineAgent
from maia_lab.agents.offline.claims import Claim, Language
from maia_lab.agents.offline.judgement import Judgement, View
from maia_lab.agents.offline.notes import Notes, Row, _read, fold
from maia_lab.agents.offline.plan import Plan
from maia_lab.agents.offline.survey import Formula, Seen, guess
from maia_lab.allowlist import refusals
from maia_lab.briefing import Briefing
from maia_lab.events import Began, Decided, Noted, Observed, Offered, Opened, Setting
from maia_lab.executor import LocalExecutor
from maia_lab.observation import Observation, Text
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import SET_ASIDE, Approve, Edit, Reject
from maia_lab.scenes.captions import caption
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.keep import scene_of
from maia_lab.scenes.sample import sample
from maia_lab.scenes.world import scenes_world
from maia_lab.session import sha256
from maia_lab.system import Reference, Response, System
from maia_lab.tasks import DESCRIBE
from maia_lab.tools import Tools
from maia_lab.unit import Unit

IMAGES = 450


@dataclass
class Rule:
    """Answers to scenes by a rule, with some noise."""

    labels: tuple[str, ...]
    suppressed_by: tuple[str, ...] = ()
    name, units, digest = "rule", 1, "rule"

    def respond(self, images, units=None):
        values = []
        for image in images:
            scene = scene_of(image)
            on = any(Concept.parse(label).matches(scene) for label in self.labels)
            off = any(Concept.parse(label).matches(scene) for label in self.suppressed_by)
            noise = np.random.default_rng(zlib.crc32(image.tobytes())).normal(0, 0.05)
            values.append(float(on and not off) + noise)
        return Response(np.array(values, np.float32)[:, None])


class Index:
    """Exemplars by sorting everything."""

    def __init__(self, layer, data):
        self.layer, self.data = layer, data
        self.values = layer.respond(list(data)).values[:, 0]
        self.reference = Reference(np.sort(self.values), None)

    def positions(self, stratum, count):
        order = np.argsort(self.values, kind="stable")
        at = {"top": 1.0, "bottom": 0.0, "median": 0.5}.get(stratum, stratum) * (len(order) - 1)
        return [int(order[i]) for i in np.argsort(np.abs(np.arange(len(order)) - at))[:count]]

    def answers(self, stratum, count):
        return self.layer.respond([self.data[i] for i in self.positions(stratum, count)])


@dataclass
class Played:
    """A session that has been played to its end, or to the step asked for."""

    events: list
    conclusion: Conclusion | None

    @property
    def proposals(self):
        return [e.proposal for e in self.events if isinstance(e, Offered)]

    @property
    def observations(self):
        return [e.observation for e in self.events if isinstance(e, Observed)]


@pytest.fixture(scope="module")
def scenes():
    return scenes_world(IMAGES, 10)


def play(scenes, layer, review=lambda step, proposal: Approve(), steps=12, notes=()):
    index = Index(layer, scenes.data)
    unit = Unit.parse("rule/output/0")
    system = System(unit, layer, 0, index.reference)
    tools = Tools(scenes, system, index)
    executor = LocalExecutor({"system": system, "tools": tools}, tools.recorder, lambda _: "0" * 64)
    agent, question = OfflineAgent(scenes.vocabulary), DESCRIBE.ask(unit)
    drawn_by = scenes.generator.name if scenes.generator else ""
    edited_by = scenes.editor.name if scenes.editor else ""
    setting = Setting("offline", "scenes", "scenes", drawn_by, edited_by)
    events: list = [Opened("play", question, setting)]
    events += [Noted(note) for note in notes]
    for step in range(1, steps + 1):
        left = steps - step + 1
        briefing = Briefing(question, tuple(events), left, left == 1)
        proposal = asyncio.run(agent.propose(briefing, None))
        verdict = review(step, proposal)
        events += [Offered(step, 1, proposal, "offline"), Decided(step, 1, verdict, "human")]
        if isinstance(verdict, Reject):
            continue
        if isinstance(proposal, Conclusion):
            return Played(events, proposal)
        code = verdict.code if isinstance(verdict, Edit) else proposal.code
        events += [Began(step, 1, sha256(code)), Observed(step, executor.run(code))]
    return Played(events, None)


@pytest.fixture(scope="module")
def red_circle(scenes):
    return play(scenes, Rule(("red", "moon")))


def language(scenes):
    return Language(scenes.vocabulary)


def test_it_goes_from_exemplars_to_the_labels_that_drive_a_unit(red_circle):
    assert red_circle.conclusion is not None
    assert {str(Concept.parse(label)) for label in red_circle.conclusion.labels} == {"red", "moon"}
    assert red_circle.conclusion.suppressed_by == ()
    assert red_circle.conclusion.not_tested


def test_what_suppresses_a_unit_is_part_of_its_description(scenes):
    played = play(scenes, Rule(("blue",), ("grass background",)))
    assert [str(Concept.parse(label)) for label in played.conclusion.labels] == ["blue"]
    assert played.conclusion.suppressed_by == ("grass background",)


def test_something_that_needs_company_is_described_with_it(scenes):
    played = play(scenes, Rule(("a circle and a plain thing",)))
    (label,) = played.conclusion.labels
    truth = Concept.parse("a circle and a plain thing")
    assert {str(p) for p in Concept.parse(label).phrases} == {str(p) for p in truth.phrases}


def test_of_two_things_the_one_whose_size_matters_is_what_it_answers_to():
    speaks = Language({"shape": ("star", "circle"), "colour": ("red",), "size": ("large",)})
    notes, both = Notes(speaks, usual=(0.0,) * 101), speaks.read("a star and a red thing")
    as_drawn, star, red = (
        "red thing and star, drawn, unchanged",
        "red thing and star, larger star",
        "red thing and star, larger red thing",
    )
    values = {as_drawn: 1.0, star: 1.3, red: 0.9}
    notes.rows = {name: Row((value,) * 6, (1,)) for name, value in values.items()}
    assert Judgement(notes).first(both) == Claim((("star",),))
    notes.rows[star], notes.rows[red] = notes.rows[red], notes.rows[star]
    assert Judgement(notes).first(both) == Claim((("red",),))
    notes.rows[red] = notes.rows[star]
    assert Judgement(notes).first(both) is None
    del notes.rows[red]
    assert Judgement(notes).first(both) == Claim((("red",),))


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [
        ("orange thing and medium thing", "a medium red thing and a small orange thing"),
        ("red circle and red thing", "a red circle and a red square"),
        ("blue thing and red thing", "a blue thing and a red thing"),
        ("two red things", "two red things"),
        ("red thing on a sand background", "a red thing on a sand background"),
    ],
)
def test_what_is_enlarged_is_not_both_things_at_once(scenes, asked, drawn):
    speaks = language(scenes)
    assert speaks.say(speaks.apart(speaks.read(asked)), article=True) == drawn


def test_an_image_that_nobody_read_shows_nothing(scenes):
    speaks = language(scenes)
    notes, captions = Notes(speaks), ["a red circle", "(drawn by red: not read)", "a star"]
    lines = ["strongest:", *(f"  {3 - i}: {said}" for i, said in enumerate(captions))]
    _read(notes, Observation((Text("\n".join(lines)),)))
    assert notes.exemplars == (speaks.read("a red circle"), speaks.read("a star"))


def test_a_pair_is_drawn_apart_before_one_of_it_is_enlarged(scenes):
    speaks = language(scenes)
    plan = Plan(Notes(speaks, usual=(0.0,) * 101, generator=True, editor=True), 0)
    plan.judgement.formula = Formula((speaks.read("orange thing and medium thing"),))
    code = plan.enlarge(0).code
    assert "a medium red thing and a small orange thing" in code
    assert "make the orange thing bigger" in code


def test_noise_gets_no_description(scenes):
    played = play(scenes, Rule(()))
    assert played.conclusion.labels == ()
    assert "No stable description" in played.conclusion.description


def test_what_the_data_tie_together_is_told_apart_by_what_is_made():
    tied = scenes_world(IMAGES, 10, seed=3, tied=1.0)
    for truth in ("red", tied.data._shape["blue"]):
        played = play(tied, Rule((truth,)))
        assert [str(Concept.parse(label)) for label in played.conclusion.labels] == [truth]


def test_what_has_no_word_is_said_to_be_not_nameable(scenes):
    words = {kind: w for kind, w in scenes.vocabulary.items() if kind != "number"}
    played = play(replace(scenes, vocabulary=words), Rule(("two red things",)))
    assert played.conclusion.labels == ()
    assert "Not nameable with these words" in played.conclusion.description


class Above(Rule):
    """Answers where its first label's thing is above its second's: there is no word for that."""

    def respond(self, images, units=None):
        values = []
        for image in images:
            things = scene_of(image).things
            high, low = (
                [t.y for t in things if getattr(t, kind) == word] for kind, word in self.labels
            )
            on = bool(high and low) and min(high) < max(low) - 0.05
            noise = np.random.default_rng(zlib.crc32(image.tobytes())).normal(0, 0.05)
            values.append(float(on) + noise)
        return Response(np.array(values, np.float32)[:, None])


def test_words_that_hold_in_silent_images_too_are_named_as_closest_only(scenes):
    played = play(scenes, Above((("size", "small"), ("texture", "striped"))))
    assert played.conclusion.labels == ()
    assert "closest is a small thing and a striped thing, but" in played.conclusion.description


@pytest.mark.parametrize(
    ("active", "clear", "generator", "why"),
    [
        ({"red": 9, "blue": 1}, True, True, ""),
        ({"red": 6, "blue": 0}, True, True, "leave it silent"),
        ({"red": 9, "blue": 10}, True, True, "are not of that kind"),
        ({"red": 6, "blue": 0}, False, True, "leave it silent"),
        # Where nothing can be drawn, a graded unit is said to answer most to it, and no more.
        ({"red": 6, "blue": 0}, False, False, ""),
    ],
)
def test_a_name_holds_in_active_images_and_in_most_of_them(active, clear, generator, why):
    notes = Notes(Language({"colour": ("red", "blue")}), usual=(0.0,) * 101)
    notes.generator = generator
    notes.seen = [
        Seen(Claim(((word,),)), float(i < count), 0.05)
        for word, count in active.items()
        for i in range(10)
    ]
    judgement = Judgement(notes)
    judgement.view = View(0.5, 0.004, 0.9, clear=clear)
    judgement.formula = Formula((Claim((("red",),)),))
    assert why in judgement.unnamed and bool(why) == bool(judgement.unnamed)


@pytest.mark.parametrize(
    "taken",
    [{"generator": None, "editor": None}, {"exemplars": False}, {"editor": None}],
    ids=["exemplars only", "synthesis only", "no edits"],
)
def test_it_works_with_the_tools_there_are(scenes, taken):
    played = play(replace(scenes, **taken), Rule(("blue",)))
    assert [str(Concept.parse(label)) for label in played.conclusion.labels] == ["blue"]
    code = "".join(p.code for p in played.proposals)
    assert ("text2image" in code, "edit_images" in code) == (
        taken.get("generator", True) is True,
        "editor" not in taken,
    )


def test_every_experiment_runs_and_the_session_stays_short(red_circle):
    assert [o.outcome for o in red_circle.observations] == ["done"] * len(red_circle.observations)
    assert len(red_circle.proposals) <= 10


def test_every_cell_is_python_over_system_and_tools_alone(red_circle):
    for proposal in red_circle.proposals[:-1]:
        tree = ast.parse(proposal.code)
        assert not any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(tree))
        assert proposal.code.startswith("# ")
        assert max(map(len, proposal.code.splitlines())) <= 110
        assert refusals(proposal.code) == ()


def test_every_predicted_condition_is_measured_by_its_own_step(red_circle):
    observed = {e.step: e.observation for e in red_circle.events if isinstance(e, Observed)}
    offers = [e for e in red_circle.events if isinstance(e, Offered)]
    predictions = 0
    for offer in offers:
        if isinstance(offer.proposal, Proposal):
            measured = {m.condition for m in observed[offer.step].measurements}
            for prediction in offer.proposal.predicts:
                predictions += 1
                assert {*prediction.higher, *prediction.lower} <= measured
                assert prediction.hypothesis in {h.id for h in offer.proposal.hypotheses}
    assert predictions >= 4


def test_the_conclusion_cites_steps_that_measured_something(red_circle):
    steps = {e.step for e in red_circle.events if isinstance(e, Observed)}
    assert red_circle.conclusion.evidence
    assert all(set(e.steps) <= steps for e in red_circle.conclusion.evidence)


def test_the_same_events_give_the_same_proposal_to_an_agent_that_never_saw_the_session(
    scenes, red_circle
):
    offers = [i for i, e in enumerate(red_circle.events) if isinstance(e, Offered)]
    for i in offers[2:5]:
        briefing = Briefing(red_circle.events[0].question, tuple(red_circle.events[:i]), 5, False)
        again = asyncio.run(OfflineAgent(scenes.vocabulary).propose(briefing, None))
        assert again == red_circle.events[i].proposal


def test_a_rejected_proposal_is_not_made_again(scenes):
    def review(step, proposal):
        return Reject("no") if step in (3, 5) else Approve()

    played = play(scenes, Rule(("red",)), review)
    codes = [p.code for p in played.proposals]
    assert len(set(codes)) == len(codes)
    assert [str(Concept.parse(label)) for label in played.conclusion.labels] == ["red"]


def test_what_was_set_aside_for_an_experiment_of_ones_own_is_proposed_again(scenes):
    played = play(scenes, Rule(("red",)), lambda step, _: SET_ASIDE if step == 3 else Approve(), 5)
    assert played.proposals[2] == played.proposals[3]


def test_when_everything_is_rejected_it_concludes_that_it_knows_nothing(scenes):
    def review(step, proposal):
        return Approve() if isinstance(proposal, Conclusion) else Reject("no")

    played = play(scenes, Rule(("red",)), review)
    assert played.conclusion.labels == ()


def test_a_step_that_fails_is_tried_once_more_in_a_simpler_form(scenes):
    def review(step, proposal):
        return Edit("raise RuntimeError('out of memory')") if step in (1, 4) else Approve()

    played = play(scenes, Rule(("red",)), review)
    first = [p.code.splitlines()[0] for p in played.proposals]
    assert first[0] == first[1]
    assert played.proposals[0].code != played.proposals[1].code
    assert [str(Concept.parse(label)) for label in played.conclusion.labels] == ["red"]


def test_what_a_person_mentions_is_tested(scenes):
    played = play(scenes, Rule(("red",)), notes=["could it be yellow boats on snow?"])
    measured = {m.condition for o in played.observations for m in o.measurements}
    assert "yellow boat on a snow background" in measured


def test_only_what_a_person_says_is_taken_for_a_remark(scenes):
    said = "labels are the last words of file names: boat, star"
    no = "Write it with system, tools, plain Python."
    events = [Noted(said, "data"), Decided(1, 1, Reject(no), "safe"), Noted("a red moon?")]
    assert [str(c.things) for c in fold(events, language(scenes)).remarks] == ["(('red', 'moon'),)"]


def test_a_session_that_ends_too_soon_does_not_call_the_unit_unstable(scenes):
    played = play(scenes, Rule(("red",)), steps=2)
    assert "ended before a word was tried" in played.conclusion.description


def test_the_last_step_is_a_conclusion_from_what_is_known(scenes):
    played = play(scenes, Rule(("red",)), steps=4)
    assert [str(Concept.parse(label)) for label in played.conclusion.labels] == ["red"]


def test_a_caption_is_read_as_it_was_meant(scenes):
    random = np.random.default_rng(5)
    for _ in range(200):
        scene = sample(random)
        read = language(scenes).read(caption(scene))
        said = sorted((t.size, t.texture, t.colour, t.shape) for t in scene.things)
        assert sorted(map(sorted, read.things)) == sorted(map(sorted, said))
        assert read.background == scene.background


def test_a_claim_means_the_same_in_the_words_of_the_world(scenes):
    random, speaks = np.random.default_rng(6), language(scenes)
    some = [sample(random) for _ in range(40)]
    claims = sorted({c for s in some[:8] for c in speaks.read(caption(s)).parts()})[::23]
    assert len(claims) > 20
    for claim in claims:
        concept = Concept.parse(speaks.say(claim, article=True))
        assert speaks.read(speaks.say(claim)) == claim
        for scene in some:
            assert concept.matches(scene) == claim.holds_in(speaks.read(caption(scene)))


def test_words_that_are_taken_away_are_not_seen(scenes):
    words = {kind: w for kind, w in scenes.vocabulary.items() if kind != "size"}
    claim = Language(words).read("a large red plain circle on a night background")
    assert claim == Claim((("plain", "red", "circle"),), "night")


def test_the_simpler_of_two_equal_formulas_is_guessed():
    red, blue = Claim((("red", "circle"),)), Claim((("blue", "star"),))
    seen = tuple(Seen(c, float(c is red), 0.05) for c in (red, blue) for _ in range(10))
    assert guess(seen, 0.5, 0.01)[0].labels[0].words == 1
    assert guess(seen, 2.0, 0.01) == ()
    assert not Formula((red,), (blue,)).holds_in(red & blue)
