"""A session told in the terminal as it happens, each step in a few lines."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from maia_lab.events import (
    Accepted,
    Decided,
    Event,
    Noted,
    Observed,
    Offered,
    Opened,
    Paused,
    Resumed,
    Stopped,
)
from maia_lab.ledger import Ledger
from maia_lab.observation import Measurement, Observation, Picture, Score
from maia_lab.plain import one_line, visible
from maia_lab.proposal import Conclusion
from maia_lab.review import Approve, Edit, Flag, Reject, Verdict
from maia_lab.story import predicted

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

WIDEST = 100
"""Columns used at most: longer lines are hard to read."""
ROWS = 10
"""Conditions shown of one comparison; the rest is counted."""
LINES = 6
"""Lines shown of printed text, where nothing was measured."""
PLOT = 21
"""Columns of the interval plot."""

_SPELLED = str.maketrans(
    {"—": "-", "–": "-", "─": "-", "━": "=", "·": "|", "±": "+-", "≤": "<=", "→": "->", "…": "..."}
    | {"●": "o", "┊": ":", "⚑": "!", "❱": ">", "✓": "+", "✗": "x", "○": "?", "│": "|", "“": '"'}
    | {"”": '"', "’": "'", "×": "x", "−": "-"}
)
_STATUS = {
    "supported": ("✓", "green"),
    "contradicted": ("✗", "red"),
    "untested": ("○", "bright_black"),
}


class _Spelled:
    """A stream that cannot show every character: spells the page's own, replaces the others."""

    def __init__(self, stream: TextIO, encoding: str) -> None:
        self._stream, self.encoding = stream, encoding

    def write(self, text: str) -> int:
        spelled = text.translate(_SPELLED).encode(self.encoding, "replace")
        return self._stream.write(spelled.decode(self.encoding))

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def page(stream: TextIO | None = None) -> Console:
    """Open a stream to write on: in colour on a terminal, plain elsewhere or with ``NO_COLOR``.

    Nothing written on it is read as markup, and a stream that cannot show a character gets the
    nearest that it can.
    """
    from rich.console import Console

    stream = sys.stdout if stream is None else stream
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        "─●±⚑✓".encode(encoding)
        shown: TextIO | _Spelled = stream
    except (UnicodeEncodeError, LookupError):
        shown = _Spelled(stream, encoding)
    options = {"highlight": False, "markup": False, "emoji": False}
    console = Console(file=shown, **options)  # type: ignore[arg-type]
    console.width = min(console.width, WIDEST)
    return console


class Narrator:
    """Reads a journal aloud: call it with every event.

    A proposal that a human decided was shown to her in full already, so only her verdict is told;
    ``live=False`` tells it all, as for a replay.
    """

    def __init__(
        self, stream: TextIO | None = None, images: Path | None = None, *, live: bool = True
    ) -> None:
        """Write to ``stream`` (standard output); name pictures as files below ``images``."""
        self._page, self._images, self._live = page(stream), images, live
        self._events: list[Event] = []
        self._offered: Offered | None = None

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        self._events.append(event)
        match event:
            case Opened():
                self._page.print(*_opening(event), sep="\n")
            case Offered():
                self._offered = event
            case Decided(verdict=verdict, by=by):
                self._decided(verdict, by)
            case Observed(observation=observation):
                self._observed(observation)
            case Noted(text=text, by=by):
                self._line(f"{by} says: {one_line(text)}", "cyan")
            case Accepted(by=by):
                self._line(f"✓ the description stands, accepted by {by}", "bold green")
            case Paused(why=why):
                self._line(f"paused: {one_line(why)}", "yellow")
            case Resumed():
                self._line("goes on", "yellow")
            case Stopped(why=why, by=by):
                self._line(f"stopped by {by}: {one_line(why)}", "yellow")
            case _:
                return

    def _decided(self, verdict: Verdict, by: str) -> None:
        if self._offered is not None and (by != "human" or not self._live):
            tell_proposal(self._page, self._offered)
        # The offer is told once; what is decided later of the same step is its conclusion.
        scored, self._offered = self._offered is None, None
        words = {Approve: "approved", Edit: "edited and approved", Reject: "rejected"}
        word = "not yet, said" if scored else f"{words.get(type(verdict), 'stopped')} by"
        note = f": {one_line(verdict.note)}" if verdict.note else ""
        self._line(f"{word} {by}{note}", "yellow" if isinstance(verdict, Reject) else "bright_black")

    def _observed(self, observation: Observation) -> None:
        for _, rows in groupby(observation.measurements, lambda m: m.control or m.condition):
            self._indented(measured(list(rows), self._page.width))
        if observation.scores:
            self._indented(scored(observation.scores))
        if not (observation.measurements or observation.scores):
            lines = [line for line in visible(observation.text).splitlines() if line.strip()]
            for line in lines[:LINES]:
                self._line(line, "bright_black", short=True)
            if len(lines) > LINES:
                self._line(f"… {len(lines) - LINES} more lines", "bright_black")
        for part in observation.parts:
            if isinstance(part, Picture):
                file = f" → {self._images / part.sha256}.png" if self._images else ""
                self._line(f"[{one_line(part.alt)}]{file}", "blue")
        if observation.outcome != "done":
            last = visible(observation.error).strip().splitlines() or [""]
            self._line(f"{observation.outcome}: {last[-1].strip()}".rstrip(": "), "bold red")
        if observation.measurements:
            self._indented(standing(Ledger.fold(self._events)))
        self._line(f"{observation.seconds:.1f} s", "bright_black")

    def _line(self, text: str, style: str = "", *, short: bool = False) -> None:
        from rich.text import Text

        line = Text(text, style, overflow="ellipsis" if short else "fold", no_wrap=short)
        self._indented(line)

    def _indented(self, thing: RenderableType) -> None:
        from rich.padding import Padding

        self._page.print(Padding(thing, (0, 0, 0, 2)))


def _opening(opened: Opened) -> Iterable[RenderableType]:
    """Who studies what, in which world, and how far it may go."""
    from rich.rule import Rule
    from rich.text import Text

    setting, unit = opened.setting, one_line(str(opened.question.unit))
    yield Text()
    yield Rule(Text.assemble((unit, "bold"), f" · {opened.session}"), style="cyan", align="left")
    made = [
        f"{what} by {one_line(who)}"
        for what, who in (
            ("drawn", setting.generator),
            ("edited", setting.editor),
            ("captioned", setting.captioner),
        )
        if who
    ]
    yield facts(
        {
            "agent": one_line(setting.agent),
            "images": one_line(setting.data),
            "others": ", ".join(made) or "none can be made here",
            "budget": f"≤ {setting.max_steps} steps, ≤ {setting.max_seconds / 60:.0f} min",
            "review": {
                "ask": "ask: a human decides every step",
                "safe": "safe: listed calls run, the rest goes back to the agent",
                "auto": "auto: everything runs unreviewed; meant for a throwaway machine or a bench",
            }[setting.policy],
        }
    )


def facts(pairs: dict[str, str]) -> RenderableType:
    """Names and values in two columns, empty values left out."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        if value:
            table.add_row(name, Text(value))
    return Padding(table, (0, 0, 0, 2))


def tell_proposal(console: Console, offered: Offered) -> None:
    """Show what is offered, its code left out: why, hypotheses, predictions, flags."""
    from rich.padding import Padding
    from rich.rule import Rule
    from rich.text import Text

    proposal = offered.proposal
    concludes = isinstance(proposal, Conclusion)
    title = "conclusion" if isinstance(proposal, Conclusion) else one_line(proposal.why)
    again = f", offered again ({offered.revision})" if offered.revision > 1 else ""
    console.print()
    head = Text.assemble((f"{offered.step}{again}", "bold cyan"), "  ", (title, "bold"))
    head.truncate(console.width - 4, overflow="ellipsis")
    console.print(Rule(head, align="left", style="green" if concludes else "bright_black"))
    if isinstance(proposal, Conclusion):
        console.print(Padding(Text(one_line(proposal.description), "bold"), (0, 0, 0, 2)))
        evidence = (f"{e.hypothesis} in {_steps(e.steps)}" for e in proposal.evidence)
        rows = {
            "labels": " · ".join(map(one_line, proposal.labels)) or "none",
            "suppressed by": " · ".join(map(one_line, proposal.suppressed_by)),
            "evidence": one_line("; ".join(evidence)),
            "not tested": one_line(proposal.not_tested),
        }
    else:
        if len(title) > console.width - 8:
            console.print(Padding(Text(title), (0, 0, 0, 2)))
        rows = {one_line(h.id): one_line(h.text) for h in proposal.hypotheses}
        for prediction in proposal.predicts:
            name = f"{one_line(prediction.hypothesis)} predicts"
            told = one_line(predicted(prediction))
            rows[name] = f"{rows[name]}; {told}" if name in rows else told
    console.print(facts(rows))
    for flag in offered.flags:
        console.print(Padding(_flag(flag), (0, 0, 0, 2)))


def _steps(steps: Sequence[int]) -> str:
    return f"step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"


def _flag(flag: Flag) -> Text:
    from rich.text import Text

    style = "bold red" if flag.kind == "risk" else "yellow"
    place = f" (line {flag.line})" if flag.line else ""
    return Text(f"⚑ {flag.kind}: {one_line(flag.text)}{place}", style)


def measured(rows: Sequence[Measurement], width: int) -> RenderableType:
    """One comparison as a table, the differences drawn on one axis around the control."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=max(16, width - (78 if width >= 90 else 54)), overflow="fold")
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column()
    table.add_column(justify="right")
    heads = ["condition", "n", "mean ± sd", "difference", "pct"]
    plots = width >= 90
    if plots:
        table.add_column(no_wrap=True)
        heads.append("")
    table.add_row(*(Text(head, "bright_black") for head in heads))
    shown = _telling(rows)
    ends = [0.0, *(v for m in shown for v in (m.low, m.high, m.difference) if math.isfinite(v))]
    for m in shown:
        style = "" if not m.control else _side(m)
        cells = [
            Text(one_line(m.condition), style),
            Text(str(m.n)),
            Text(f"{m.mean:.2f} ± {m.sd:.2f}" if m.n > 1 else f"{m.mean:.2f}"),
            Text(_versus(m), style),
            Text(f"{m.percentile:.0f}"),
        ]
        table.add_row(*cells, *([Text(_plot(m, min(ends), max(ends)), style)] if plots else []))
    if len(shown) < len(rows):
        table.add_row(Text(f"… {len(rows) - len(shown)} more between", "bright_black"))
    return table


def _telling(rows: Sequence[Measurement]) -> list[Measurement]:
    """The conditions farthest from the control, and the control, in the order given."""
    ranked = sorted(rows, key=lambda m: (bool(m.control), -abs(m.difference)))
    kept = {id(m) for m in ranked[:ROWS]}
    return [m for m in rows if id(m) in kept]


def _side(m: Measurement) -> str:
    return "green" if m.low > 0 else "red" if m.high < 0 else "bright_black"


def _versus(m: Measurement) -> str:
    if not m.control:
        return "control"
    if not (math.isfinite(m.low) and math.isfinite(m.high)):
        return f"{m.difference:+.2f}"
    return f"{m.difference:+.2f} [{m.low:+.2f}, {m.high:+.2f}]"


def _plot(m: Measurement, least: float, most: float) -> str:
    """A difference and its interval on an axis from ``least`` to ``most``; the control is zero."""
    span = (most - least) or 1.0

    def at(value: float) -> int:
        return round((min(max(value, least), most) - least) / span * (PLOT - 1))

    line = [" "] * PLOT
    if m.control:
        line[at(m.low) : at(m.high) + 1] = "─" * (at(m.high) + 1 - at(m.low))
    line[at(0.0)] = "┊"
    line[at(m.difference)] = "●"
    return "".join(line)


def scored(scores: Sequence[Score]) -> RenderableType:
    """Scores on held-out images, the description's first, then its baselines'."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    first = scores[0]
    head = f"{first.n} held-out images, {first.positives} active"
    table.add_row(*(Text(t, "bright_black") for t in (head, "precision", "recall", "labels")))
    for s in scores:
        style = "bold" if s is first else ""
        figures = ["—" if v is None else f"{v:.2f}" for v in (s.precision, s.recall)]
        said = one_line(", ".join(s.labels) or s.note or "none")
        table.add_row(*(Text(t, style) for t in (one_line(s.of), *figures, said)))
    return table


def standing(ledger: Ledger) -> RenderableType:
    """How every hypothesis stands."""
    from rich.text import Text

    text = Text()
    for number, (name, finding) in enumerate(ledger.findings.items()):
        sign, style = _STATUS[finding.status]
        sides = ((side, len(finding.speaking(side))) for side in ("for", "against"))
        counted = ", ".join(f"{count} {side}" for side, count in sides if count)
        text.append("   " if number else "")
        text.append(f"{sign} {one_line(name)} {finding.status}", style)
        text.append(f" ({counted})" if counted else "", "bright_black")
    return text
