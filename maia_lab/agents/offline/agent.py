"""An experimenter that needs no model and no key: it looks, guesses, tests, and doubts itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from maia_lab.agents.offline.ask import Asking
from maia_lab.agents.offline.bias import Biases
from maia_lab.agents.offline.claims import Language
from maia_lab.agents.offline.closing import Closing
from maia_lab.agents.offline.compare import Comparing
from maia_lab.agents.offline.notes import fold
from maia_lab.agents.offline.plan import Plan
from maia_lab.agents.offline.spurious import propose
from maia_lab.briefing import Briefing
from maia_lab.events import Decided, Event, Noted
from maia_lab.ledger import Ledger
from maia_lab.loop import Watch
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import Approve, Edit, Reject


class OfflineAgent:
    """Proposes one experiment after another, then a conclusion, from what the session recorded.

    It is a function of the briefing and its seed: a session that is resumed goes on as it would
    have. It reads printed text and measurements only; what an image shows it was told by captions.

    Attributes:
        name: as it is shown to people.
    """

    name = "offline"

    def __init__(self, vocabulary: Mapping[str, tuple[str, ...]], seed: int = 0) -> None:
        """Take the words it may use.

        Args:
            vocabulary: kind → words, as :class:`maia_lab.world.Words` has them: nouns first.
            seed: what its choices among equals start from.
        """
        self._vocabulary, self._language, self._seed = vocabulary, Language(vocabulary), seed

    async def propose(self, briefing: Briefing, watch: Watch) -> Proposal | Conclusion:  # noqa: ARG002
        """Say what to do next."""
        if _to_conclude(briefing.events):
            briefing = replace(briefing, must_conclude=True)
        if briefing.question.task == "bias":
            return Biases(briefing, self._vocabulary, self._seed).next()
        if briefing.question.task == "compare":
            return Comparing(briefing, self._language).next()
        if briefing.question.task == "ask":
            return Asking(briefing, self._language, self._seed).next()
        if briefing.question.task == "spurious":
            return propose(briefing)
        notes = fold(briefing.events, self._language)
        plan = Plan(notes, self._seed)
        if not briefing.must_conclude and briefing.steps_left > 1:
            for proposal in plan.proposals():
                return proposal
        return Closing(plan.judgement).conclusion(Ledger.fold(briefing.events))


def _to_conclude(events: Iterable[Event]) -> bool:
    """Whether a human asked for the conclusion, and has said nothing else since."""
    said = ""
    for event in events:
        match event:
            case Noted(text=text, by="human"):
                said = text
            case Decided(verdict=Approve(note) | Edit(note=note) | Reject(note), by="human") if (
                note
            ):
                said = note
    return said.lower().startswith("conclude now")
