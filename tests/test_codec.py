import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maia_lab.events import Noted, Observed, Offered
from maia_lab.journal import codec
from maia_lab.observation import Measurement, Observation, Text
from maia_lab.proposal import Prediction, Proposal

any_event = st.one_of(*(st.from_type(event) for event in codec.EVENTS))


def there_and_back(event):
    return codec.decode(json.loads(json.dumps(codec.encode(event), allow_nan=False)))


@settings(max_examples=300, deadline=None)
@given(any_event)
def test_every_event_survives_the_way_through_json(event):
    assert repr(there_and_back(event)) == repr(event)


def test_every_type_that_an_event_can_hold_is_known():
    found = set(codec.EVENTS)
    while more := {part for noun in found for part in parts(noun)} - found:
        found |= more
    assert found == set(codec.NOUNS.values())


def parts(noun):
    hints = list(codec._hints(noun.__name__).values())
    for hint in hints:
        hints.extend(codec.get_args(hint))
    return {hint for hint in hints if isinstance(hint, type) and hint.__module__.startswith("maia")}


def test_floats_that_json_does_not_have_survive():
    values = (float("nan"), float("inf"), float("-inf"), -0.0, 0.1)
    row = Measurement("red", values, ("a",) * 5, 0.0, 0.0, 0.0, 0.0, "control")
    back = there_and_back(Observed(1, Observation(measurements=(row,))))
    assert repr(back.observation.measurements[0].values) == repr(values)


def test_numbers_of_numpy_become_plain_numbers():
    row = Measurement("red", (np.float32(0.5),), ("a",), np.float64(2), 0.0, 0.0, 0.0, "")
    back = there_and_back(Observed(np.int64(3), Observation(measurements=(row,))))
    assert back.step == 3
    assert type(back.step) is int
    assert back.observation.measurements[0].values == (0.5,)


def test_text_of_half_a_character_survives():
    assert there_and_back(Noted("\ud800 \u2028 \x00 ☃")) == Noted("\ud800 \u2028 \x00 ☃")


def test_a_field_of_a_newer_version_is_ignored_and_a_missing_one_takes_its_default():
    data = codec.encode(Noted("hello", by="agent"))
    assert codec.decode(data | {"mood": "cheerful"}) == Noted("hello", by="agent")
    del data["by"]
    assert codec.decode(data) == Noted("hello")


@pytest.mark.parametrize(
    "change",
    [
        {"is": "Dreamt"},
        {"is": "Proposal", "why": "", "code": ""},
        {"step": "1"},
        {"step": True},
        {"by": None},
        {"flags": "none"},
        {"proposal": {"is": "Unit", "model": "a", "layer": "b", "index": 1}},
        {"proposal": {"is": "Proposal", "why": "no code"}},
        {"proposal": {"is": "Proposal", "why": "", "code": "", "predicts": ["H1"]}},
        {"flags": [{"is": "Flag", "kind": "joke", "text": ""}]},
        {"step": {"float": "one"}},
    ],
)
def test_an_event_of_another_shape_is_not_read(change):
    data = codec.encode(Offered(1, 1, Proposal("look", "1", predicts=(Prediction("H1", ()),)), "a"))
    assert codec.decode(data)
    with pytest.raises(ValueError):
        codec.decode(data | change)


def test_what_is_no_part_of_an_event_is_not_written():
    with pytest.raises(TypeError, match="object is not a part of any event"):
        codec.encode(Noted(object()))


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "OTHER_API_KEY", "HF_TOKEN"])
def test_secrets_of_the_environment_are_struck_out_wherever_they_stand(name, monkeypatch):
    monkeypatch.setenv(name, "canary-5c0ffee+(")
    monkeypatch.setenv("SHORT_TOKEN", "a")
    said = "key=canary-5c0ffee+(; a sk-ant-api03-Ab_cd-ef99."
    event = Observed(1, Observation((Text(said),), error=said))
    assert there_and_back(event).observation.text == (f"key=[{name} removed]; a [API key removed].")
    assert "canary" not in json.dumps(codec.encode(event))
