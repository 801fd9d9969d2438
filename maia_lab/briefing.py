"""What an agent is told before it speaks: everything that happened, but for what would mislead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from maia_lab.events import Event, Observed, Offered, Rated
from maia_lab.proposal import Conclusion
from maia_lab.task import Question


@dataclass(frozen=True, slots=True)
class Briefing:
    """Everything an agent is told before it speaks."""

    question: Question
    events: Sequence[Event]
    steps_left: int
    """Including the one it is asked for."""
    must_conclude: bool
    """The budget has come to its last step: anything but a conclusion ends the session."""
    tokens_left: int | None = None
    """None: no limit. What a conclusion will cost is the agent's to set aside."""
    money_left: float | None = None
    """US dollars."""


def told(events: Iterable[Event]) -> Iterator[Event]:
    """The events as an agent is told them: scores would let it tune to held-out images."""
    concluding = False
    for event in events:
        if isinstance(event, Offered):
            concluding = isinstance(event.proposal, Conclusion)
        if isinstance(event, Observed) and concluding:
            seen = replace(event.observation, parts=(), scores=(), tables=())
            event = replace(event, observation=seen)
        if isinstance(event, Rated):
            event = replace(event, scores=())
        yield event
