"""What is said of a long pass while it goes on."""

from maia_lab import pace
from maia_lab.pace import Pace


def test_rate_and_rest_are_said_and_a_second_pass_begins_anew(monkeypatch):
    now = [10.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    say = Pace()
    told = [(0.0, 100), (2.0, 300), (4.0, 500), (0.1, 1), (1.0, 11)]
    said = []
    for seconds, done in told:
        now[0] += seconds
        said.append(say(done, 2000))
    assert said[0] == "" and said[3] == "", "nothing can be said at once"
    assert said[1] == "100 images/s, 17 s left"
    assert said[2] == "67 images/s, 22 s left"
    assert said[4] == "10 images/s, 3 min left"
