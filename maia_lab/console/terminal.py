"""How what happens in a session looks in a terminal: in colour where there is any, else plain."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from maia_lab.events import Offered, Opened, Setting
from maia_lab.flags import visible
from maia_lab.ledger import Finding, Ledger
from maia_lab.observation import Measurement
from maia_lab.plain import one_line
from maia_lab.proposal import Conclusion
from maia_lab.report.story import predicted
from maia_lab.review import Flag

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

WIDEST = 100
"""Columns used at most: longer lines are hard to read."""
ROWS = 6
"""Conditions shown of one comparison; the rest is counted."""
PLOT = 25
"""Columns of the interval plot at most; with fewer than 9 to spare it is left out."""

_SPELLED = str.maketrans(
    {"—": "-", "–": "-", "─": "-", "·": "|", "±": "+-", "≤": "<=", "→": "->", "…": "..."}
    | {"●": "o", "┊": ":", "⚑": "!", "❱": ">", "✓": "+", "✗": "x", "○": "?", "◐": "%"}
)
_STATUS = {
    "supported": ("✓", "green"),
    "indicated": ("◐", "cyan"),
    "contradicted": ("✗", "red"),
    "unclear": ("~", "bright_black"),
    "untested": ("○", "bright_black"),
}
_POLICIES = {
    "ask": "ask: a human decides every step",
    "safe": "safe: what is on the allow-list runs, the rest goes back to the agent",
    "auto": "auto: everything runs, with your rights; meant for a throwaway machine",
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

    class Page(Console):
        def on_broken_pipe(self) -> None:
            # Whoever read along has seen enough; the session has not.
            self.quiet = True

    stream = sys.stdout if stream is None else stream
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        "─●±⚑✓".encode(encoding)
        shown: TextIO | _Spelled = stream
    except (UnicodeEncodeError, LookupError):
        shown = _Spelled(stream, encoding)
    plain: dict[str, Any] = {"file": shown, "highlight": False, "markup": False, "emoji": False}
    console = Page(**plain)
    if console.is_jupyter:
        # In one output, as it is printed: left to itself each line becomes one, far apart.
        console = Page(**plain, force_jupyter=False, color_system="standard", width=WIDEST)
    console.width = min(console.width, WIDEST)
    return console


def indented(thing: RenderableType) -> RenderableType:
    """Under the line that says which step it belongs to."""
    from rich.padding import Padding

    return Padding(thing, (0, 0, 0, 2), expand=False)


def tell_opening(console: Console, opened: Opened) -> None:
    """Show who studies what, with which images, and how far it may go."""
    from rich.rule import Rule
    from rich.text import Text

    setting = opened.setting
    title = Text.assemble((one_line(opened.about), "bold"), f" · {one_line(opened.session)}")
    console.print()
    console.print(Rule(title, style="cyan", align="left"))
    console.print(
        _facts(
            {
                "agent": setting.agent,
                "images": setting.data,
                "drawn by": setting.generator or "nothing: there is no generator",
                "edited by": setting.editor or "nothing: there is no editor",
                "captions by": setting.captioner or "nothing: there is no captioner",
                "budget": _budget(setting),
                "review": _POLICIES[setting.policy],
            }
        )
    )


def _budget(setting: Setting) -> str:
    limits = [f"≤ {setting.max_steps} steps", f"≤ {setting.max_seconds / 60:.0f} min"]
    limits += [f"≤ {setting.max_tokens:,} tokens"] if setting.max_tokens is not None else []
    limits += [f"≤ ${setting.max_money:.2f}"] if setting.max_money is not None else []
    return ", ".join(limits)


def tell_proposal(console: Console, offered: Offered) -> None:
    """Show what is offered, its code left out: why, hypotheses, predictions, flags."""
    from rich.rule import Rule
    from rich.text import Text

    proposal = offered.proposal
    concludes = isinstance(proposal, Conclusion)
    title = "conclusion" if concludes else one_line(proposal.why)
    again = f", offered again ({offered.revision})" if offered.revision > 1 else ""
    head = Text.assemble((f"{offered.step}{again}", "bold cyan"), "  ", (title, "bold"))
    whole = len(head) <= console.width - 4
    head.truncate(console.width - 4, overflow="ellipsis")
    console.print()
    console.print(Rule(head, align="left", style="green" if concludes else "bright_black"))
    if not whole:
        console.print(indented(Text(title)))
    if isinstance(proposal, Conclusion):
        console.print(indented(Text(one_line(proposal.description), "bold")))
        steps = (f"{e.hypothesis} in {_steps(e.steps)}" for e in proposal.evidence)
        rows = {
            "labels": " · ".join(proposal.labels) or "none",
            "suppressed by": " · ".join(proposal.suppressed_by),
            "evidence": "; ".join(steps),
            "not tested": proposal.not_tested,
        }
    else:
        rows = {h.id: h.text for h in proposal.hypotheses}
        for prediction in proposal.predicts:
            name, told = f"{prediction.hypothesis} predicts", predicted(prediction)
            rows[name] = f"{rows[name]}; {told}" if name in rows else told
    if any(rows.values()):
        console.print(_facts(rows))
    for flag in offered.flags:
        console.print(indented(_flag(flag)))


def tell_code(console: Console, code: str, marked: set[int] | None = None) -> None:
    """Show code, what deceives spelled out; ``marked`` lines stand out."""
    from rich.padding import Padding
    from rich.syntax import Syntax

    shown = Syntax(
        visible(code).rstrip("\n"),
        "python",
        theme="ansi_dark",
        line_numbers=True,
        word_wrap=True,
        background_color="default",
        highlight_lines=marked,
    )
    console.print(Padding(shown, (1, 0)))


def tell_changes(console: Console, before: str, after: str) -> None:
    """Show what an edit changed."""
    from rich.text import Text

    styles = {"+": "green", "-": "red", "@": "bright_black"}
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    for line in list(lines)[2:]:
        console.print(Text(f"  {visible(line)}", styles.get(line[0], "")))


def _facts(pairs: dict[str, str]) -> RenderableType:
    """Names and values in two columns, empty values left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        if value:
            table.add_row(one_line(name), Text(one_line(value)))
    return indented(table)


def _steps(steps: Sequence[int]) -> str:
    return f"step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"


def _flag(flag: Flag) -> Text:
    from rich.text import Text

    place = f" (line {flag.line})" if flag.line else ""
    style = "bold red" if flag.kind == "risk" else "yellow"
    return Text(f"⚑ {flag.kind}: {one_line(flag.text)}{place}", style)


def measured(rows: Sequence[Measurement], width: int) -> RenderableType:
    """One comparison as a table, the differences drawn on one axis around the control."""
    from rich.table import Table
    from rich.text import Text

    shown = _telling(rows)
    heads = ("condition", "n", "mean ± sd", "difference", "pct of data")
    texts = [_cells(m) for m in shown]
    taken = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    more = f"… {len(rows) - len(shown)} more, between" if len(shown) < len(rows) else ""
    # Two columns after each column, and two of indentation.
    room = min(PLOT, width - sum(taken[1:]) - max(taken[0], len(more)) - 2 * (len(heads) + 2))
    ends = [0.0, *(v for m in shown for v in (m.low, m.high, m.difference) if math.isfinite(v))]
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    for justify in ("right", "right", "left", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    table.add_row(*(Text(head, "bright_black") for head in heads))
    for m, row in zip(shown, texts, strict=True):
        style = _side(m)
        plot = _plot(m, min(ends), max(ends), room) if room >= 9 else ""
        table.add_row(*map(Text, (*row, plot), (style, "", "", style, "", style)))
    if more:
        table.add_row(Text(more, "bright_black"))
    return table


def _telling(rows: Sequence[Measurement]) -> list[Measurement]:
    """The control and the conditions farthest from it, in the order given."""
    ranked = sorted(rows, key=lambda m: (bool(m.control), -abs(m.difference)))
    kept = {id(m) for m in ranked[:ROWS]}
    return [m for m in rows if id(m) in kept]


def _cells(m: Measurement) -> tuple[str, ...]:
    mean = f"{m.mean:.2f} ± {m.sd:.2f}" if m.n > 1 else f"{m.mean:.2f}"
    versus = f"{m.difference:+.2f}" if m.control else "control"
    if m.control and math.isfinite(m.low) and math.isfinite(m.high):
        versus += f" [{m.low:+.2f}, {m.high:+.2f}]"
    return one_line(m.condition), str(m.n), mean, versus, f"{m.percentile:.0f}"


def _side(m: Measurement) -> str:
    if not m.control:
        return ""
    return "green" if m.low > 0 else "red" if m.high < 0 else "bright_black"


def _plot(m: Measurement, least: float, most: float, columns: int) -> str:
    """A difference and its interval on an axis from ``least`` to ``most``; the control is zero."""
    span = (most - least) or 1.0

    def at(value: float) -> int:
        value = 0.0 if math.isnan(value) else value
        return round((min(max(value, least), most) - least) / span * (columns - 1))

    line = [" "] * columns
    if m.control:
        line[at(m.low) : at(m.high) + 1] = "─" * (at(m.high) + 1 - at(m.low))
    line[at(0.0)] = "┊"
    line[at(m.difference)] = "●"
    return "".join(line)


def standing(ledger: Ledger) -> RenderableType:
    """How the hypotheses stand, one line a status."""
    from rich.text import Text

    lines = []
    for status, (sign, style) in _STATUS.items():
        found = [f for f in ledger.findings.values() if f.status == status]
        if found:
            lines.append(Text(f"{sign} {status}: {', '.join(map(_counted, found))}", style))
    return Text("\n").join(lines)


def _counted(finding: Finding) -> str:
    sides = [("for", finding.speaking("for")), ("against", finding.speaking("against"))]
    counts = ", ".join(f"{len(checks)} {side}" for side, checks in sides if checks)
    name = one_line(finding.hypothesis.id)
    return f"{name} ({counts})" if counts else name
