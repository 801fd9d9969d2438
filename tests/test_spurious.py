"""From biased data to a head that reads only what answers to the classes."""

import numpy as np
import pytest

from maia_lab import spurious
from maia_lab.crossing import Crossing
from maia_lab.errors import DataError
from maia_lab.events import Observed
from maia_lab.scenes.planted import PAIRS, planted_world
from maia_lab.tasks.spurious import classes, read


def runs(session):
    """What came of each step."""
    return [e.observation for e in session.journal.events if isinstance(e, Observed)]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """The shipped network's own units, on drawn things that have a background each."""
    return spurious(
        "scenes",
        "layer4",
        data=planted_world(160, 128),
        candidates=24,
        agent="offline",
        review="auto",
        folder=tmp_path_factory.mktemp("sessions"),
    ).wait()


def test_every_candidate_is_labelled_twice_over(session):
    answers = session.conclusion.answers
    shown = runs(session)[0].text
    assert 8 <= len(answers) <= 24
    assert f"shown to {len(answers)} units" in shown
    assert {answer.says.split(":")[0] for answer in answers} == {"SELECTIVE", "SPURIOUS"}
    assert all(answer.says.count("thing") == 2 for answer in answers)


def test_the_conclusion_hands_over_the_accuracies_and_the_evidence(session):
    table, before, after, curve, labels = runs(session)[-1].tables
    found = {row[0]: float(row[2].split()[0]) for row in table.rows}
    # Chance is a quarter; whoever goes by the background is right in a quarter, too.
    assert found["SELECTIVE units"] > 0.6
    assert sum(int(cell) for row in before.rows for cell in row[1:]) == 128
    assert [row[0] for row in after.rows] == list(PAIRS)
    assert len(curve.rows) > 5
    assert len(labels.rows) == len(session.conclusion.answers)


def test_planted_data_are_biased_and_their_test_is_not():
    world = planted_world(16, 16)
    seen = {(s.things[0].shape, s.background) for s in map(world.data.scene, range(16))}
    fair = {(s.things[0].shape, s.background) for s in map(world.held_out.scene, range(16))}
    assert seen == set(PAIRS.items())
    assert len(fair) == 16


def test_data_without_a_class_are_named():
    world = planted_world(2, 16)

    class Silent:
        def layer(self, images):
            return np.zeros((len(images), 3), np.float32)

    with pytest.raises(DataError, match="'fish' has no image in 2 biased scenes"):
        read(Silent(), world.data, world, classes(world))


def test_cells_that_do_not_cross_are_refused():
    with pytest.raises(DataError, match="do not cross"):
        Crossing.measure({("a", "b"): []}, {})
