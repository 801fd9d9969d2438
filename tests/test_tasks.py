"""A task is a brief, and what its conclusion's cell does."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maia_lab import ask, compare, open_study, tasks
from maia_lab.contrast import Contrast
from maia_lab.errors import SessionError
from maia_lab.executor import LocalExecutor
from maia_lab.journal import Journal
from maia_lab.observation import Table
from maia_lab.proposal import Answer, Conclusion
from maia_lab.report import to_ipynb, to_markdown
from maia_lab.review import Approve
from maia_lab.scenes.world import scenes_world
from maia_lab.start import describe
from maia_lab.task import Closing, Task
from maia_lab.tasks import COMPARE

UNITS = ("synthetic/one/3", "synthetic/one/4")


def rank(study, said):
    rows = tuple((answer.about, answer.says) for answer in said.answers)
    return Closing("", tables=(Table("Ranked", ("unit", "place"), rows, "by hand"),))


@pytest.fixture
def ranking(monkeypatch):
    task = Task("rank", "Rank {unit} among others.", rank, answers="unit: its place")
    monkeypatch.setitem(tasks.TASKS, task.name, task)
    return task


def test_a_further_task_is_one_entry(ranking, tmp_path):
    """From the brief over several systems to its own table in report and notebook."""

    def drive(session, study, agent):
        said = Conclusion("the first", (), answers=tuple(Answer(u, "1st") for u in UNITS))
        session.offer(said, "someone")
        code = session.decide(session.ticket, Approve(), "someone")
        session.began()
        executor = LocalExecutor(study.names, study.tools.recorder, session.journal.keep)
        session.observed(executor.run(code))
        session.accept("someone")
        return lambda: None

    session = describe(
        UNITS[0], beside=UNITS[1:], task="rank", folder=tmp_path, session="fox", driver=drive
    )
    assert session.opened.question.text == "Rank synthetic/one/3 among others."
    assert session.conclusion.answers[1] == Answer(UNITS[1], "1st")
    session.journal.close()
    kept = Journal.open(tmp_path / "fox", readonly=True)
    assert "|:--|--:|\n| synthetic/one/3 | 1st |\n| synthetic/one/4 | 1st |" in to_markdown(kept)
    text = to_ipynb(kept)
    assert "beside=['synthetic/one/4']" in text and "task='rank'" in text
    assert "systems = study.systems" in text


def test_units_side_by_side_are_bound_by_address():
    study = open_study(UNITS[0], beside=UNITS[1:])
    assert list(study.names["systems"]) == list(UNITS)
    first, second = study.systems.values()
    assert study.system is first
    for system in (first, second):
        assert len(study.tools.dataset_exemplars(system, 2)) == 2
    assert "systems" not in open_study(UNITS[0]).names


def test_an_unknown_task_is_named_with_those_there_are():
    with pytest.raises(SessionError, match="describe"):
        tasks.find("descrbe")


def test_the_same_unit_at_another_scale_is_no_other_unit():
    """And one whose rule differs is told apart, in the condition in which it does."""

    def bright(images):
        return [float(np.asarray(image.convert("L")).mean()) for image in images]

    def twice(images):
        return [2 * value + 7 for value in bright(images)]

    def reddish(images):
        return [float(np.asarray(image)[..., 0].mean()) for image in images]

    models = {"bright": bright, "twice": twice, "reddish": reddish}
    study = open_study(
        "bright/output/0", beside=["twice/output/0", "reddish/output/0"], models=models,
        data=scenes_world(200, 60),
    )  # fmt: skip
    conditions = {
        phrase: study.tools.text2image(phrase, per_prompt=12)
        for phrase in ("a large red circle on a night background", "a snow background")
    }
    contrast = study.tools.contrast(conditions)
    by = {(g.condition, g.first, g.second): g for g in contrast.gaps}
    for condition in conditions:
        assert by[condition, "bright/output/0", "twice/output/0"].p == 1.0
    red = by[next(iter(conditions)), "bright/output/0", "reddish/output/0"]
    assert red.p <= 0.01 and red.difference > 0.2 and red.n == 12
    assert contrast.ranks[0][2] == pytest.approx(1.0)
    # Whoever reads the journal can tell the same from what was kept.
    assert Contrast.of(contrast.conditions) == contrast
    shown = study.tools.side_by_side(conditions["a snow background"][:5])
    assert len(shown.tiles) == 15 and shown.across == 5
    measured = study.tools.compare(conditions, system=study.systems["reddish/output/0"])
    assert measured["a snow background"].unit == ""


def test_units_are_compared_by_a_task_of_their_own(tmp_path):
    """A conclusion's conditions are measured on all units, on images that nobody looked at."""

    def drive(session, study, agent):
        answers = (Answer("a circle", "the first"), Answer("a zebra", "the second"))
        session.offer(Conclusion("they differ", (), answers=answers), "someone")
        code = session.decide(session.ticket, Approve(), "someone")
        session.began()
        executor = LocalExecutor(study.names, study.tools.recorder, session.journal.keep)
        session.observed(executor.run(code))
        session.accept("someone")
        return lambda: None

    session = compare(*UNITS, folder=tmp_path, session="fox", driver=drive)
    assert ", ".join(UNITS) in session.opened.question.text
    ranks, apart = session.journal.events[-2].observation.tables
    assert ranks.rows[0][:2] == UNITS and float(ranks.rows[0][2]) < 0.9
    assert apart.rows[0][0] == "a circle" and "zebra" in apart.rows[1][-1]
    session.journal.close()
    with pytest.raises(SessionError, match="two units"):
        compare(UNITS[0], UNITS[0])
    with pytest.raises(SessionError, match="needs a question"):
        ask(" ", UNITS[0])


def test_units_are_compared_over_all_classes_however_large_the_folder(tmp_path, monkeypatch):
    for name, shade in (("ape", 0), ("bee", 80), ("cow", 160)):
        (tmp_path / name).mkdir()
        for i in range(20):
            Image.new("RGB", (8, 8), (shade + i, 0, 0)).save(tmp_path / name / f"{i}.png")
    models = {"red": redness, "double": lambda images: 2 * redness(images)}
    study = open_study("red/output/0", beside=["double/output/0"], models=models, data=tmp_path)
    monkeypatch.setattr("maia_lab.tasks.compare.MOST", len(study.world.held_out) // 2)
    said = Conclusion("alike", (), answers=(Answer("an ape", "same"), Answer("a cow", "same")))
    _, apart = COMPARE.close(study, said).tables
    assert [row[-1] for row in apart.rows] == ["no difference found"] * 2


def redness(images):
    return np.array([np.asarray(image)[..., 0].mean() for image in images])


def test_the_page_on_tasks_says_what_works(monkeypatch):
    """Its example is executed, up to its own table."""
    monkeypatch.setattr(tasks, "TASKS", dict(tasks.TASKS))
    page = (Path(__file__).parents[1] / "docs" / "a-task.md").read_text("utf-8")
    names = {}
    exec(compile(re.search(r"```python\n(.*?)```", page, re.S)[1], "a-task.md", "exec"), names)
    table = names["close"](names["study"], Conclusion("they differ", ())).tables[0]
    assert [row[0] for row in table.rows] == ["scenes/layer4/12", "scenes/layer4/13"]
    assert (
        "scenes/layer4/13"
        in names["SNOW"].ask(names["study"].unit, "", list(names["study"].systems)).text
    )
