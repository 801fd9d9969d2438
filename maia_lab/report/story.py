"""A session told in order: what was asked, every step with all that became of it, how it ended."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from maia_lab import process
from maia_lab.errors import JournalError, MaiaError
from maia_lab.events import (
    Accepted,
    Budgeted,
    Decided,
    Event,
    Noted,
    Observed,
    Offered,
    Opened,
    Paused,
    Rated,
    Resumed,
    Stopped,
)
from maia_lab.images import decode
from maia_lab.ledger import Ledger
from maia_lab.objections import tested
from maia_lab.observation import Measurement, Observation, Picture, Score, Table
from maia_lab.proposal import Conclusion, Hypothesis, Prediction
from maia_lab.review import Edit, Policy, Reject, Stop
from maia_lab.state import rebudgeted

if TYPE_CHECKING:
    from maia_lab.journal import Journal

LARGE = 60_000
"""Bytes of a picture's file from which on it is shown in a lighter form."""
POLICIES = {
    "ask": "a human decided every step",
    "safe": "code on the allow-list ran by itself",
    "auto": "every experiment ran by itself",
}


@dataclass(slots=True, eq=False)
class Step:
    """One proposal and what became of it."""

    offered: Offered
    """As it was last offered."""
    verdicts: list[Decided] = field(default_factory=list)
    observation: Observation | None = None
    accepted: Accepted | None = None
    rated: list[Score] = field(default_factory=list)
    """Of a conclusion: what later raters say of it."""

    @property
    def number(self) -> int:
        """From 1."""
        return self.offered.step

    @property
    def code(self) -> str:
        """What ran, or would have: the reviewer's text where it was edited."""
        for decided in self.verdicts:
            # An edit of what was offered again since is void.
            if isinstance(decided.verdict, Edit) and decided.revision == self.offered.revision:
                return decided.verdict.code
        return self.offered.proposal.code

    @property
    def edited(self) -> bool:
        """Whether a reviewer changed it."""
        return self.code != self.offered.proposal.code

    @property
    def state(self) -> str:
        """In one word: waiting, approved, rejected, stopped, or how its run came out."""
        if self.observation is not None:
            return self.observation.outcome
        if not self.verdicts:
            return "waiting"
        match self.verdicts[-1].verdict:
            case Reject():
                return "rejected"
            case Stop():
                return "stopped"
            case _:
                return "approved"

    @property
    def sent_back(self) -> bool:
        """Whether its last verdict, before it ran or after, was a no."""
        return bool(self.verdicts) and isinstance(self.verdicts[-1].verdict, Reject)

    @property
    def decisions(self) -> list[tuple[str, str]]:
        """Every verdict in words, and the note that came with it."""
        told = []
        for decided in self.verdicts:
            match decided.verdict:
                case Reject() if self.observation is not None and decided is self.verdicts[-1]:
                    word = "sent back by"
                case Reject():
                    word = "sent back by the" if decided.by == "ledger" else "rejected by"
                case verdict:
                    words = {"Approve": "approved by", "Edit": "edited and approved by"}
                    word = words.get(type(verdict).__name__, "stopped by")
            told.append((f"{word} {decided.by}", decided.verdict.note))
        if self.accepted is not None:
            told.append((f"conclusion accepted by {self.accepted.by}", ""))
        return told

    @property
    def predictions(self) -> list[tuple[str, str]]:
        """Hypothesis id, and what it says will be measured, in words."""
        proposal = self.offered.proposal
        if isinstance(proposal, Conclusion):
            return []
        return [(p.hypothesis, predicted(p)) for p in proposal.predicts]

    @property
    def comparisons(self) -> list[tuple[Measurement, ...]]:
        """Measurements that share a control, in the order of their table."""
        rows = self.observation.measurements if self.observation is not None else ()
        return [tuple(group) for _, group in groupby(rows, lambda m: m.comparison)]


@dataclass(slots=True, eq=False)
class Story:
    """A session, folded for readers."""

    opened: Opened
    told: list[Step | Noted | Paused | Resumed] = field(default_factory=list)
    """Steps, and what was said and what happened between them, in order."""
    stopped: str = ""
    """Why it ended without an accepted conclusion."""
    times: tuple[str, str] = ("", "")
    """When it began, and when the last thing happened: ISO 8601, UTC."""
    events: Sequence[Event] = ()
    ledger: Ledger = field(default_factory=lambda: Ledger.fold(()))

    @classmethod
    def read(cls, journal: Journal) -> Story:
        """Read the story off a journal; events that mean nothing to it are skipped.

        Raises:
            JournalError: no session was opened in it.
        """
        opened = next((event for event in journal.events if isinstance(event, Opened)), None)
        if opened is None:
            raise JournalError(
                journal.name, "holds no session", "name a folder in which one was begun"
            )
        times = (journal.records[0].time, journal.records[-1].time)
        events = tuple(journal.events)
        story = cls(opened, times=times, events=events, ledger=Ledger.fold(events))
        for event in journal.events:
            story._tell(event)
        return story

    def _tell(self, event: Event) -> None:
        match event:
            case Noted() | Paused() | Resumed():
                self.told.append(event)
            case Offered():
                if (step := self._step(event.step)) is None:
                    self.told.append(Step(event))
                else:
                    step.offered = event
            case Budgeted():
                self.opened = rebudgeted(self.opened, event)
            case Stopped(why=why):
                self.stopped = why
            case Decided() | Observed() | Accepted() | Rated():
                if (step := self._step(event.step)) is None:
                    return
                match event:
                    case Decided(verdict=verdict):
                        step.verdicts.append(event)
                        if isinstance(verdict, Stop):
                            self.stopped = verdict.note or f"stopped by {event.by}"
                    case Observed(observation=observation):
                        step.observation = observation
                    case Accepted():
                        step.accepted = event
                    case Rated(scores=scores):
                        step.rated += scores
            case _:
                return

    def _step(self, number: int) -> Step | None:
        return next((step for step in self.steps if step.number == number), None)

    @property
    def steps(self) -> list[Step]:
        """The steps alone."""
        return [item for item in self.told if isinstance(item, Step)]

    @property
    def process(self) -> list[tuple[str, str]]:
        """How the session went about it, each measure under its name."""
        return process.measures(self.events)

    @property
    def setting(self) -> list[tuple[str, str]]:
        """All that the results depend on, and what it took, each under its name."""
        setting, question = self.opened.setting, self.opened.question
        outcomes = [step.observation for step in self.steps if step.observation is not None]
        rejected = sum(step.state == "rejected" for step in self.steps)
        edited = sum(step.edited for step in self.steps)
        steps = f"{len(self.steps)} of at most {setting.max_steps}"
        steps += f", {edited} edited" if edited else ""
        steps += f", {rejected} rejected" if rejected else ""
        began, last = (datetime.fromisoformat(time) for time in self.times)
        took = (last - began).total_seconds()
        ran = sum(observation.seconds for observation in outcomes)
        spent = f"experiments ran for {_span(ran)}"
        return [
            ("unit", str(question.unit)),
            ("task", question.task),
            ("world", setting.world),
            ("data", setting.data),
            ("images drawn by", setting.generator or "nothing: no generator was in use"),
            ("images edited by", setting.editor or "nothing: no editor was in use"),
            ("images captioned by", setting.captioner or "nothing: no captioner was in use"),
            ("agent", setting.agent),
            ("review", self._reviewed(setting.policy)),
            ("steps", steps),
            ("began", f"{began:%Y-%m-%d %H:%M} UTC"),
            # A recording that was copied bears the times of the copying.
            ("took", f"{_span(took)}, of which {spent}" if took >= ran else spent),
            ("seed", str(setting.seed)),
            *((f"{name} digest", digest[:16]) for name, digest in setting.digests),
            ("maia_lab", setting.version),
        ]

    def _reviewed(self, policy: Policy) -> str:
        """Who decided: the policy may have changed since the session was begun."""
        by = Counter(step.verdicts[-1].by for step in self.steps if step.verdicts)
        if by.keys() <= {"ledger", "human" if policy == "ask" else policy}:
            return f"{policy}: {POLICIES[policy]}"
        counts = ", ".join(f"{who} {count}" for who, count in by.items())
        return f"begun with {policy}; steps decided by {counts}"

    @property
    def hypotheses(self) -> dict[str, Hypothesis]:
        """By id, as last worded."""
        return {id: finding.hypothesis for id, finding in self.ledger.findings.items()}

    @property
    def concluding(self) -> Step | None:
        """The accepted conclusion's step, else that of the last one that was not sent back."""
        steps = [step for step in self.steps if isinstance(step.offered.proposal, Conclusion)]
        accepted = [step for step in steps if step.accepted is not None]
        standing = [step for step in steps if not step.sent_back]
        return next(reversed(accepted or standing), None)

    @property
    def conclusion(self) -> Conclusion | None:
        """What was concluded, accepted or not; see :attr:`ending`."""
        step = self.concluding
        proposal = None if step is None else step.offered.proposal
        return proposal if isinstance(proposal, Conclusion) else None

    @property
    def against(self) -> list[str]:
        """What a reviewer was told to look at in the conclusion."""
        return [] if self.concluding is None else [f.text for f in self.concluding.offered.flags]

    def ground(self, phrase: str) -> str:
        """What was measured of one of the conclusion's phrases, in words; empty if nothing was."""
        said = self.conclusion
        labels = said.labels if said is not None and phrase in said.suppressed_by else ()
        rows = tested(phrase, self.ledger, labels)
        if not rows:
            return ""
        values = [value for _, m in rows for value in m.values]
        steps = sorted({step for step, _ in rows})
        images = f"{len(values)} image{'' if len(values) == 1 else 's'}"
        return (
            f"{images} in step{'' if len(steps) == 1 else 's'} {', '.join(map(str, steps))}:"
            f" mean {sum(values) / len(values):.2f}"
        )

    @property
    def scores(self) -> Sequence[Score]:
        """The conclusion's scores, then its baselines', then what later raters say of it."""
        step = self.concluding
        if step is None or step.observation is None:
            return ()
        return (*step.observation.scores, *step.rated)

    @property
    def tables(self) -> Sequence[Table]:
        """What the task handed over with the conclusion."""
        step = self.concluding
        return () if step is None or step.observation is None else step.observation.tables

    @property
    def pictures(self) -> Sequence[Picture]:
        """What the conclusion's step shows."""
        step = self.concluding
        parts = () if step is None or step.observation is None else step.observation.parts
        return [part for part in parts if isinstance(part, Picture)]

    @property
    def ending(self) -> str:
        """How the session stands, in a few words."""
        step = self.concluding
        if step is not None and step.accepted is not None:
            return "concluded"
        if self.stopped:
            return f"stopped: {self.stopped}"
        if self.told and isinstance(last := self.told[-1], Paused):
            return f"paused: {last.why}"
        return "concluded, not yet accepted" if step is not None else "not finished"


def predicted(prediction: Prediction) -> str:
    """A prediction in words: ``red circles; red squares above blue circles``.

    Conditions hold commas of their own: ``a red circle, but not large``.
    """
    return f"{'; '.join(prediction.higher)} above {'; '.join(prediction.lower) or 'the control'}"


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def picture(
    journal: Journal, sha256: str, lighter: Callable[[bytes], tuple[str, bytes]]
) -> tuple[str, str] | None:
    """A kept picture's MIME type, and its bytes in base64; None where there is none.

    Args:
        journal: which keeps it.
        sha256: what it is kept under.
        lighter: makes the MIME type and the bytes of a large picture as they are to be shown.
    """
    try:
        data = journal.image(sha256)
        kinds = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
        kind = next((kind for start, kind in kinds.items() if data.startswith(start)), None)
        if kind is not None and len(data) > LARGE:
            decode(data)  # Whoever made the journal: no more is opened than may be.
            kind, data = lighter(data)
    except MaiaError:
        return None
    return None if kind is None else (kind, base64.b64encode(data).decode("ascii"))
