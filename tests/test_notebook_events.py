"""Random events through a real kernel: nothing runs unapproved, and a bug in the gate is found."""

import kernels
import pytest

from maia_lab.bench.walks import BUGS, unapproved

WALKS = 30


@pytest.fixture
def page(own_folders):
    with kernels.opened(labextension=True) as front:
        yield front


def test_nothing_runs_that_was_not_approved_as_it_stood_in_its_cell(page):
    assert list(unapproved(page, 1, WALKS)) == []


@pytest.mark.parametrize("bug", BUGS)
def test_such_a_walk_finds_a_bug_in_the_gate(page, bug):
    page.run(BUGS[bug])
    # It ends with the first find. A busy kernel thinks for longer, and more clicks meet nothing.
    assert next(unapproved(page, 1, 5 * WALKS), None) is not None
