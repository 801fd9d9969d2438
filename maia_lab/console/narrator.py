"""A session told in the terminal as it happens, each step in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from maia_lab.console.closing import scored, tabled
from maia_lab.console.terminal import (
    WIDEST,
    indented,
    measured,
    page,
    standing,
    tell_changes,
    tell_code,
    tell_opening,
    tell_proposal,
)
from maia_lab.events import (
    Accepted,
    Answered,
    Budgeted,
    Decided,
    Event,
    Noted,
    Observed,
    Offered,
    Opened,
    Paused,
    Rated,
    Repaired,
    Resumed,
    Stopped,
)
from maia_lab.ledger import Ledger
from maia_lab.observation import Observation, Picture
from maia_lab.plain import one_line, visible
from maia_lab.proposal import Conclusion
from maia_lab.review import Approve, Edit, Flag, Reject, Verdict
from maia_lab.spending import Spent
from maia_lab.thought import Thought

if TYPE_CHECKING:
    from rich.console import RenderableType

_WORDS = {Approve: "approved", Edit: "edited and approved", Reject: "rejected"}


class Narrator:
    """Reads a journal aloud: call it with every event.

    A proposal that a human decided was shown to her in full already, so only her verdict is told;
    ``live=False`` tells it all, as for a replay, up to where the session is resumed.

    Attributes:
        images: the folder below which pictures are named as files; None names none.
        lines: shown of printed text, where nothing was measured.
    """

    lines = 6

    def __init__(
        self, stream: TextIO | None = None, images: Path | None = None, *, live: bool = True
    ) -> None:
        """Write to ``stream`` (standard output); name pictures as files below ``images``."""
        self._page, self.images, self._live = page(stream), images, live
        self._events: list[Event] = []
        self._offered: Offered | None = None
        self._against: list[Flag] = []
        self._known: dict[str, str] = {}
        self._spent, self._heard = Spent(), Thought("done")

    def overhear(self, thought: Thought) -> None:
        """Show what the agent is doing in one line that passes; elsewhere only that it waits."""
        before, self._heard = self._heard, thought
        if thought.kind == "wait":
            line = f"{one_line(thought.text)}; trying again in {thought.seconds:.0f} s"
            if self._page.is_terminal:
                self._passing(line)
            elif before.kind != "wait" or before.seconds < thought.seconds:
                self._line(line, "yellow")
        elif thought.kind in ("done", "rating"):
            self._passing(one_line(thought.text))
        else:
            if before.kind == thought.kind:
                self._heard = replace(thought, text=(before.text + thought.text)[-200:])
            self._passing(f"{thought.kind} … {one_line(self._heard.text)[-(WIDEST - 20) :]}")

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        self._passing("")
        self._events.append(event)
        match event:
            case Opened():
                tell_opening(self._page, event)
            case Offered(flags=flags):
                self._offered = event
                self._against = [flag for flag in flags if flag.kind == "method"]
                self._offer(event)
            case Decided(verdict=verdict, by=by):
                self._decided(verdict, by)
            case Observed(observation=observation):
                self._observed(observation)
            case Noted(text=text, by=by):
                self._line(f"{by} says: {one_line(text)}", "cyan")
            case Budgeted(limit=limit, most=most, by=by):
                self._line(f"{by} sets {limit} to {most:g}", "yellow")
            case Answered(usage=usage, cost=cost):
                self._spent = self._spent.plus(usage, cost)
            case Repaired(what=what):
                self._line(f"mended: {one_line(what)}", "yellow")
            case Accepted(by=by):
                against = len(self._against)
                but = f", with {against} objection{'s' * (against > 1)} to it" * bool(against)
                self._line(
                    f"✓ the description stands, accepted by {by}{but}",
                    "yellow" if against else "bold green",
                )
                self._used()
            case Rated(scores=scores):
                self._print(scored(scores))
            case Paused(why=why):
                self._line(f"paused: {one_line(why)}", "yellow")
                self._used()
            case Resumed(policy=policy):
                self._live = True
                self._line(f"goes on, review: {policy}", "yellow")
            case Stopped(why=why, by=by):
                self._line(f"stopped by {by}: {one_line(why)}", "yellow")
                self._used()
            case _:
                return

    def _offer(self, offered: Offered) -> None:
        """Nothing yet: whoever is to decide is shown it elsewhere."""

    def _introduce(self, offered: Offered, by: str) -> None:
        """Tell what was decided, unless the reader did it herself."""
        if by != "human" or not self._live:
            tell_proposal(self._page, self._shortened(offered))

    def _decided(self, verdict: Verdict, by: str) -> None:
        offered, self._offered = self._offered, None
        if offered is not None:
            self._introduce(offered, by)
        # What is decided of a step once more, after it ran, is whether its conclusion stands.
        word = "not accepted" if offered is None else _WORDS.get(type(verdict), "stopped")
        note = f": {one_line(verdict.note)}" if verdict.note else ""
        style = "yellow" if isinstance(verdict, Reject) else "bright_black"
        self._line(f"{word} by {by}{note}", style)

    def _shortened(self, offered: Offered) -> Offered:
        """The offer without the hypotheses that were told before in the same words."""
        proposal = offered.proposal
        if isinstance(proposal, Conclusion):
            return offered
        new = tuple(h for h in proposal.hypotheses if self._known.get(h.id) != h.text)
        self._known.update((h.id, h.text) for h in new)
        return replace(offered, proposal=replace(proposal, hypotheses=new))

    def _observed(self, observation: Observation) -> None:
        for _, rows in groupby(observation.measurements, lambda m: m.comparison):
            self._print(measured(list(rows), self._page.width))
        if observation.scores:
            self._print(scored(observation.scores))
        for table in observation.tables:
            self._print(tabled(table))
        if not (observation.measurements or observation.closed):
            lines = [line for line in visible(observation.text).splitlines() if line.strip()]
            for line in lines[: self.lines]:
                self._line(line, "bright_black", cut=True)
            if len(lines) > self.lines:
                self._line(f"… {len(lines) - self.lines} more lines", "bright_black")
        for part in observation.parts:
            if isinstance(part, Picture):
                file = f" → {self.images / part.sha256}.png" if self.images else ""
                # A path that is broken into lines can be neither clicked nor copied.
                self._line(f"[{one_line(part.alt)}]{file}", "blue", whole=bool(file))
        if observation.outcome != "done":
            last = visible(observation.error).strip().splitlines() or [""]
            self._line(f"{observation.outcome}: {last[-1].strip()}".rstrip(": "), "bold red")
        self._stand(observation)

    def _stand(self, observation: Observation) -> None:
        """Tell how the hypotheses stand now, and how long it took."""
        if observation.measurements:
            self._print(standing(Ledger.fold(self._events)))
        if observation.seconds >= 0.05:
            self._line(f"{observation.seconds:.1f} s", "bright_black")

    def _used(self) -> None:
        if self._spent.requests:
            self._line(f"the agent used {self._spent}", "bright_black")

    def _passing(self, text: str) -> None:
        """Write a line that the next one replaces, where a terminal can."""
        from rich.control import Control
        from rich.segment import ControlType
        from rich.text import Text

        if self._page.is_terminal:
            self._page.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
            self._page.print(
                Text(f"  {text}" if text else "", "bright_black"),
                end="",
                overflow="crop",
                no_wrap=True,
            )

    def _line(self, text: str, style: str, *, cut: bool = False, whole: bool = False) -> None:
        from rich.text import Text

        if whole:
            self._page.print(Text(f"  {one_line(text)}", style), soft_wrap=True)
            return
        shown = visible(text) if cut else one_line(text)
        self._print(Text(shown, style, overflow="ellipsis" if cut else "fold", no_wrap=cut))

    def _print(self, thing: RenderableType) -> None:
        self._page.print(indented(thing))


class Retelling(Narrator):
    """Tells a recorded session in full: code when it is offered, and what a reviewer changed."""

    lines = 16

    def catch_up(self, events: Sequence[Event]) -> None:
        """Take events as told already."""
        for event in events:
            self._events.append(event)
            if isinstance(event, Offered):
                self._shortened(event)
                self._offered = event
            elif isinstance(event, Decided):
                self._offered = None

    def _offer(self, offered: Offered) -> None:
        tell_proposal(self._page, self._shortened(offered))
        tell_code(self._page, offered.proposal.code, {flag.line for flag in offered.flags})

    def _introduce(self, offered: Offered, by: str) -> None:
        """It was told when it was offered."""

    def _decided(self, verdict: Verdict, by: str) -> None:
        if isinstance(verdict, Edit) and self._offered is not None:
            tell_changes(self._page, self._offered.proposal.code, verdict.code)
        super()._decided(verdict, by)
