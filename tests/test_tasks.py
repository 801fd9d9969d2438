"""A task is a brief, and what its conclusion's cell does."""

import pytest

from maia_lab import open_study, tasks
from maia_lab.errors import SessionError
from maia_lab.executor import LocalExecutor
from maia_lab.journal import Journal
from maia_lab.observation import Table
from maia_lab.proposal import Answer, Conclusion
from maia_lab.report import to_ipynb, to_markdown
from maia_lab.review import Approve
from maia_lab.start import describe
from maia_lab.task import Closing, Task

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
    assert "| synthetic/one/4 | 1st |" in to_markdown(kept)
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
