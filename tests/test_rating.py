"""A conclusion is rated once more: by hand and blind in the notebook, or by whoever is named."""

import subprocess
import sys
from dataclasses import replace

import kernels
import pytest
from test_claude_rater import looks

from maia_lab import report
from maia_lab.bench.loopback import Loopback
from maia_lab.errors import SessionError
from maia_lab.events import Accepted, Observed, Offered, Rated
from maia_lab.journal import Journal
from maia_lab.proposal import Conclusion
from maia_lab.scoring import evaluation
from maia_lab.scoring.rater import WordsRater
from maia_lab.scoring.rating import Sitting, concluded, rated_by
from maia_lab.session import Session
from maia_lab.sessions import find
from maia_lab.start import again, describe

UNIT, NAME = "synthetic/one/1001", "to-be-rated"


@pytest.fixture(scope="module")
def study(own_folders):
    """A session's study; the session is concluded under NAME."""
    describe(UNIT, agent="offline", review="auto", session=NAME).wait()
    return again(find(NAME, readonly=True))


@pytest.fixture
def session(study):
    """The same session in memory, up to its conclusion's score."""
    journal = Journal.memory(NAME)
    for event in find(NAME, readonly=True).journal.events:
        if not isinstance(event, Accepted | Rated):
            journal.append(event)
    return Session(journal)


def fitting(study, sitting):
    said = sitting.said
    sure = WordsRater(study.world.words).rate(sitting.images, said.labels, said.suppressed_by)
    return [bool(one) for one in sure > 0.5]


def test_a_sitting_shows_as_many_active_images_as_others_in_random_order(session, study):
    sitting = Sitting(session, study, count=30, seed=1)
    values = study.system.values(sitting.images)
    assert [v > study.system.reference.high for v in values] == sitting.active
    assert sum(sitting.active) == 15 and sitting.active[:15] != [True] * 15
    same, other = Sitting(session, study, 30, 1), Sitting(session, study, 30, 2)
    assert same.images == sitting.images and other.images != sitting.images


def test_marks_are_scored_as_any_rating_and_say_what_they_agree_with(session, study):
    sitting = Sitting(session, study, count=30)
    fits = fitting(study, sitting)
    right = sitting.score(fits)
    assert (right.n, right.positives, right.recall) == (30, 15, 1.0) and right.correlation > 0.9
    assert right.rater.endswith("(agrees with the images' words in 30 of 30)")
    fits[sitting.active.index(True)] = False
    wrong = sitting.score(fits)
    assert wrong.recall == pytest.approx(14 / 15) and "in 29 of 30" in wrong.rater
    assert sitting.score([False] * 30).note == "no image is predicted to be active"


def test_a_rating_stands_beside_the_scores_and_is_not_told_to_the_agent(session, study, tmp_path):
    sitting = Sitting(session, study, count=20)
    session.rate([sitting.score(fitting(study, sitting))], "human")
    assert [s.of for s in session.scores][-1] == "this description, by a person"
    assert len(session.scores) == 4 and session.scores[0].of == evaluation.MINE
    assert "this description, by a person: said by a person who saw 20" in evaluation.table(
        session.scores
    )
    page, words = report.to_html(session.journal), report.to_markdown(session.journal)
    assert "by a person" in page and "by a person" in words
    assert next(e for e in session.briefing.events if isinstance(e, Rated)).scores == ()
    assert session.state.scored and not session.state.ended
    session.accept("human")
    session.rate([sitting.score(fitting(study, sitting))], "human")
    assert len(session.scores) == 5


def test_what_is_not_scored_is_not_rated(session):
    silent = Journal.memory(NAME)
    for event in session.journal.events:
        if isinstance(event, Offered) and isinstance(event.proposal, Conclusion):
            event = replace(event, proposal=replace(event.proposal, labels=()))
        silent.append(event)
    with pytest.raises(SessionError, match="has no labels"):
        concluded(Session(silent))
    session.not_yet("test snow", "human")
    with pytest.raises(SessionError, match="has no scored conclusion"):
        concluded(session)
    with pytest.raises(SessionError, match="out of order"):
        session.rate([], "human")


def test_another_rater_is_asked_paid_and_named(session, study, tmp_path, monkeypatch):
    with Loopback(looks) as server:
        monkeypatch.setenv("MAIA_CACHE", str(tmp_path))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", server.key)
        score = rated_by(session, study, "claude:looker")
        assert server.refused == []
    assert score.of == "this description, by claude" and score.n == 200
    assert score.rater.startswith("looker (sees images and description only)")
    assert session.scores[-1] == score and session.spent.requests == len(server.requests)


def test_in_a_terminal_somebody_who_looks_has_to_be_named(study):
    command = [sys.executable, "-m", "maia_lab", "rate", NAME]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and f"%maia rate {NAME}" in done.stderr


MARK = """
from ipywidgets.widgets.widget import _instances
known = list(_instances.values())
pictures = [w for w in known if type(w).__name__ == "ToggleButton"]
done = next(w for w in known if getattr(w, "description", "") == "Done")
def shown():
    print(*(w.value for w in known if type(w).__name__ == "HTML"))
for picture in pictures[::2]:
    picture.value = True
shown()
"""


def test_a_person_rates_in_the_notebook_of_a_later_day(study):
    with kernels.opened() as front:
        reply, outputs = front.run(f"%maia rate {NAME} --count 12 --seed 3")
        assert reply["status"] == "ok", outputs
        before = kernels.text(front.run(MARK)[1])
        assert "<b>sand background</b>" in before and "6 of 12 fit" in before
        assert "precision" not in before and "image/jpeg" in before
        after = kernels.text(front.run("done.click(); shown(); print(done.disabled)")[1])
        assert "this description, by a person" in after and after.rstrip().endswith("True")
        front.run("done.click()")
        said = kernels.text(front.run("%maia rate nowhere")[1])
        assert "is not a session" in said
    events = find(NAME, readonly=True).journal.events
    (rated,) = [e for e in events if isinstance(e, Rated)]
    assert rated.by == "human" and rated.scores[0].n == 12 and rated.scores[0].predicted == 6
    assert not [e for e in events[events.index(rated) :] if isinstance(e, Observed)]
