"""Events as JSON and back: every noun tagged with its name, every string without secrets.

Reading is forgiving towards newer versions (unknown fields are ignored, missing ones take their
defaults) and strict about shape: a field of the wrong type makes an event unreadable instead of
going wrong in whatever looks at it later.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from maia_lab.events import Event, Setting
from maia_lab.observation import Measurement, Observation, Picture, Score, Table, Text, Trial
from maia_lab.proposal import Answer, Conclusion, Evidence, Hypothesis, Prediction, Proposal
from maia_lab.review import Approve, Edit, Flag, Reject, Stop
from maia_lab.spending import Usage
from maia_lab.task import Question
from maia_lab.unit import Unit

EVENTS: tuple[type, ...] = get_args(Event)
PARTS: tuple[type, ...] = (
    *(Unit, Question, Setting, Hypothesis, Prediction, Proposal, Evidence, Answer, Conclusion),
    *(Approve, Edit, Reject, Stop, Flag),
    *(Text, Picture, Measurement, Score, Table, Trial, Observation, Usage),
)
NOUNS = {noun.__name__: noun for noun in EVENTS + PARTS}
TAG = "is"
SECRET_NAMES = ("_API_KEY", "_TOKEN", "_SECRET")
"""Endings of the environment variables whose values are never written."""


def encode(event: Event) -> dict[str, Any]:
    """Put an event into what JSON can hold, secrets struck out.

    Raises:
        TypeError: it holds something that no event may hold.
    """
    encoded: dict[str, Any] = _encode(event, redactor())
    return encoded


def decode(data: object) -> Event:
    """Read an event back from what :func:`encode` made of it; lists come back as tuples.

    Raises:
        ValueError: it is of an unknown type, lacks a field, or has one of another shape.
    """
    event = _decode(data)
    if not isinstance(event, EVENTS):
        raise ValueError(f"{type(event).__name__} is not an event")
    return event  # type: ignore[return-value]  # EVENTS are the members of Event


def redactor() -> Callable[[str], str]:
    """A function that strikes API keys, and the environment's secrets of this moment, from text."""
    secrets = {
        value: name
        for name, value in os.environ.items()
        # Shorter values ("1", "none") are no secrets, and striking them would spoil the text.
        if name.upper().endswith(SECRET_NAMES) and len(value) >= 8
    }
    longest_first = sorted(secrets, key=len, reverse=True)
    pattern = re.compile("|".join([*map(re.escape, longest_first), r"sk-ant-[\w-]{6,}"]))

    def clean(text: str) -> str:
        return pattern.sub(lambda found: f"[{secrets.get(found[0], 'API key')} removed]", text)

    return clean


def _encode(value: object, clean: Callable[[str], str]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        # JSON proper has no NaN and no infinity.
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, list | tuple):
        return [_encode(item, clean) for item in value]
    name = type(value).__name__
    if NOUNS.get(name) is not type(value):
        raise TypeError(f"{name} is not a part of any event")
    return {TAG: name} | {
        field.name: _encode(getattr(value, field.name), clean) for field in fields(NOUNS[name])
    }


def _decode(data: object) -> object:
    if isinstance(data, list):
        return tuple(_decode(item) for item in data)
    if not isinstance(data, dict):
        return data
    if "float" in data:
        return float(str(data["float"]))
    name = str(data.get(TAG))
    if name not in NOUNS:
        raise ValueError(f"{name!r} is not a noun of this version")
    given = {}
    for field, hint in _hints(name).items():
        if field in data:
            given[field] = _decode(data[field])
            if not _fits(given[field], hint):
                raise ValueError(f"{name}.{field} should be {hint}, not {given[field]!r:.80}")
    try:
        return NOUNS[name](**given)
    except TypeError as error:
        raise ValueError(str(error)) from error


@cache
def _hints(name: str) -> dict[str, Any]:
    return get_type_hints(NOUNS[name])


def _fits(value: object, hint: Any) -> bool:
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return any(_fits(value, one) for one in arguments)
    if kind is Literal:
        return value in arguments
    if kind is tuple:
        if not isinstance(value, tuple):
            return False
        if arguments[-1] is Ellipsis:
            return all(_fits(item, arguments[0]) for item in value)
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    return type(value) is hint or (hint is float and type(value) is int)
