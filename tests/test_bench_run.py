"""Sessions in processes of their own, whose code never meets the rule of a synthetic unit."""

from __future__ import annotations

from maia_lab.bench.run import Job, describe_many
from maia_lab.scenes.world import scenes_world
from maia_lab.systems.blind import Blind
from maia_lab.systems.synthetic import Synthetic

SMALL = (("n", 300), ("held_out", 60))


def test_sessions_end_in_a_journal_that_does_not_know_the_rule(tmp_path):
    jobs = [Job("synthetic/one/3", options=SMALL), Job("synthetic/or/9", options=SMALL)]
    done = []
    outcomes = describe_many(jobs, tmp_path, progress=lambda n, of: done.append((n, of)))
    assert [o.job for o in outcomes] == jobs and done == [(1, 2), (2, 2)]
    for outcome in outcomes:
        assert outcome.failed == "" and outcome.conclusion is not None
        assert str(outcome.session.opened.question.unit).startswith("blind/unit/")
        for file in outcome.folder.rglob("*.jsonl"):
            assert "synthetic" not in file.read_text()


def test_a_session_that_cannot_begin_is_an_outcome_and_the_next_one_is_held(tmp_path):
    jobs = [Job("scenes/layer9/3", options=SMALL), Job("scenes/layer4/12", options=SMALL)]
    wrong, right = describe_many(jobs, tmp_path, workers=1)
    assert "layer9" in wrong.failed and wrong.conclusion is None
    assert right.failed == "" and right.conclusion is not None


def test_a_blind_unit_answers_as_the_unit_it_stands_for():
    layer = Synthetic().layer("or")
    images = list(scenes_world(n=12).data)

    def ask(number, asked):
        from maia_lab.scenes.scene import Scene

        assert number == 5
        return [layer.answer(Scene.from_json(text), size, key, 5) for text, size, key in asked]

    seen = Blind(ask, "d").respond(images, [5])
    told = layer.respond(images, [5])
    assert (seen.values == told.values).all() and (seen.maps == told.maps).all()
