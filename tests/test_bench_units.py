import numpy as np
import pytest

from maia_lab.bench.networks import _count, good, networks
from maia_lab.bench.units import Described, Setup, describe_all, mixed, split, units
from maia_lab.errors import DataError
from maia_lab.observation import Score
from maia_lab.proposal import Conclusion
from maia_lab.scenes.data import SceneImages
from maia_lab.systems.synthetic import COMMON, RARE, truth
from maia_lab.unit import Unit


def test_units_come_in_the_papers_mix_and_seeds_share_them_evenly():
    assert mixed(85) == {"one": 47, "or": 18, "and": 20}
    assert sum(mixed(120).values()) == 120
    assert split(120, 7) == [18, 17, 17, 17, 17, 17, 17]


def test_units_of_tied_data_answer_in_those_data():
    setup = Setup(tied=1.0, images=600)
    found = list(units("and", 6, 2, setup, lambda unit: bool(unit.first.phrases)))
    assert len(set(found)) == 6 and not {*found} & {*units("and", 6, 3, setup)}
    data = SceneImages(600, 2, tied=1.0)
    for address in found:
        unit = truth("and", int(Unit.parse(address).index))
        share = np.mean([unit.matches(data.scene(i)) for i in range(600)])
        assert RARE <= share <= COMMON and unit.first.phrases


def test_a_description_is_exact_by_what_it_means_and_silence_is_not_unnameable():
    unit = truth("and-not", 0)
    labels, silent = tuple(unit.labels), tuple(unit.suppressed_by)
    assert Described(unit, Conclusion("…", labels, silent), {}, 1.0).exact
    assert not Described(unit, Conclusion("…", labels), {}, 1.0).exact
    quiet = Described(unit, Conclusion("No stable description.", ()), {}, 1.0)
    assert (quiet.exact, quiet.silent, quiet.unnameable) == (False, True, False)
    named = Described(unit, Conclusion("Not nameable with these words: …", ()), {}, 1.0)
    assert named.silent and named.unnameable
    failed = Described(unit, None, {}, 0.0)
    assert not (failed.exact or failed.silent or failed.unnameable or failed.metric("f1"))


def test_a_real_session_is_read_with_its_baselines_and_its_drawn_images():
    setup = Setup(images=300, held_out=40)
    (address,) = units("one", 1, 5, setup)
    (one,) = describe_all([setup.job(address, 5, 5)], "offline")
    assert one.exact and one.seconds > 0
    assert one.metric("pearson") > 0.8
    assert one.by("search baseline").labels


def test_a_dead_unit_and_one_without_a_label_are_not_good():
    score = Score("this description", ("red",), 0.9, 0.75, 50, 60, 1000)
    assert good(score)
    assert not good(Score("this description", ("red",), 0.9, 0.65, 50, 60, 1000))
    assert not good(Score("this description", (), None, None, 0, 0, 1000))
    assert not good(None)


def test_no_verdict_is_given_of_no_channel_and_failed_sessions_are_named():
    with pytest.raises(DataError, match="give 4 or more"):
        networks([1], n=3)
    found = {"agent": Score("agent", ("red",), 0.9, 0.9, 9, 9, 40)}
    row = _count("good/untrained", [[found, {}], [{}, {}]], "agent", "<= 1", "the control")
    assert row.holds and row.note == "the control; 3 sessions came to no score"
