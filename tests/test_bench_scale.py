"""A sweep whose processes are all killed, and one with a unit that kills its process."""

import pytest

from maia_lab.bench.scale import swept


@pytest.mark.slow
def test_nothing_is_lost_when_processes_die():
    assert swept(1) == (True, True)
