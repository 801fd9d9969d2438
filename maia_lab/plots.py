"""What was measured, drawn: conditions beside the data, predictions met, hypotheses over steps.

The ground is transparent and the ink of a middle tone, so that a plot reads on light and on dark.
Drawing needs matplotlib, which is imported once something is drawn.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING

from maia_lab.events import Event, Observed
from maia_lab.ledger import Check, Ledger, Status
from maia_lab.observation import Measurement
from maia_lab.plain import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#808791", "#8087914d"
BLUE, RED, GREEN = "#3f83d9", "#d9534a", "#2f9a63"
WIDTH, ROW = 7.2, 0.3
"""Of a figure, and of one of its rows, in inches."""
DPI = 110
ROWS = 30
"""Rows drawn at most; how many are left out is said."""
NAME = 60
"""Characters of a row's name at most."""
_SIDES = {"for": BLUE, "against": RED, "unclear": INK}
_STATUSES: dict[Status, tuple[str, str]] = {
    "supported": (GREEN, "o"),
    "indicated": (BLUE, "o"),
    "contradicted": (RED, "X"),
    "unclear": (INK, "s"),
    "untested": (FAINT, "."),
}


@dataclass(frozen=True)
class Plot:
    """A figure, and the same in words for whoever cannot see it."""

    figure: Figure
    alt: str

    @cached_property
    def png(self) -> bytes:
        """The picture's file, on a transparent ground."""
        file = io.BytesIO()
        with warnings.catch_warnings():
            # A name may hold letters that the font has not.
            warnings.simplefilter("ignore", UserWarning)
            self.figure.savefig(file, format="png", dpi=DPI, transparent=True)
        return file.getvalue()

    @property
    def url(self) -> str:
        """The picture as a data URL."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, object]]:
        content = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        return content, {"image/png": {"alt": self.alt}}


def conditions(rows: Sequence[Measurement]) -> Plot | None:
    """Every image of a comparison as a dot, means with intervals, over what is usual in the data.

    An interval is that of the difference from the control, laid around the condition's mean.
    """
    shown = [m for m in rows if any(map(isfinite, m.values))][:ROWS]
    if not shown:
        return None
    figure, axes = _open([m.condition for m in shown], len(rows) - len(shown))
    usual = next((m.usual for m in shown if m.usual), ())
    if usual:
        axes.axvspan(usual[0], usual[-1], color=INK, alpha=0.12, lw=0)
        axes.axvspan(usual[1], usual[-2], color=INK, alpha=0.12, lw=0)
        axes.axvline(usual[len(usual) // 2], color=INK, lw=0.8)
    for y, m in enumerate(shown):
        colour = BLUE if m.low > 0 else RED if m.high < 0 else INK
        finite = [value for value in m.values if isfinite(value)]
        axes.scatter(finite, [y + 0.26] * len(finite), s=9, color=colour, alpha=0.5, lw=0)
        if m.control and isfinite(m.low) and isfinite(m.high):
            centre = m.mean - m.difference
            axes.plot([centre + m.low, centre + m.high], [y, y], color=colour, lw=2)
        axes.scatter([m.mean], [y], s=42, color=colour, zorder=3)
    ground = "; shaded: 90 % and 50 % of the data" if usual else ""
    axes.set_xlabel(f"activation; bars: 95 % of the difference from the control{ground}")
    told = (f"{one_line(m.condition)} {m.mean:.2f} ± {m.sd:.2f} (n={m.n})" for m in shown)
    return Plot(figure, f"Activations by condition: {'; '.join(told)}.")


def predictions(ledger: Ledger) -> Plot | None:
    """Every predicted difference as it was measured: right of zero it is as predicted."""
    met = [(name, check) for name, f in ledger.findings.items() for check in f.checks]
    finite = [(name, check) for name, check in met if isfinite(check.difference)]
    # What is left out is what tells least: the clear ones and the confirmations come first.
    finite.sort(key=lambda row: (row[1].speaks == "unclear", not row[1].fresh))
    shown = sorted(finite[:ROWS], key=lambda row: (row[0], row[1].step))
    if not shown:
        return None
    names = [f"{name} · {check.higher} > {check.lower}" for name, check in shown]
    figure, axes = _open(names, len(finite) - len(shown))
    axes.axvline(0, color=INK, lw=0.8)
    for y, (_, check) in enumerate(shown):
        colour = _SIDES[check.speaks]
        if not check.anecdote:
            axes.plot([check.low, check.high], [y, y], color=colour, lw=2)
        face = colour if check.fresh else "none"
        axes.scatter([check.difference], [y], s=38, facecolor=face, edgecolor=colour, zorder=3)
    axes.set_xlabel("measured difference; filled: on fresh images")
    told = (
        f"{one_line(name)}: {_said(check)}" for name, (_, check) in zip(names, shown, strict=True)
    )
    return Plot(figure, f"Predicted against measured: {'; '.join(told)}.")


def standing(events: Sequence[Event]) -> Plot | None:
    """How each hypothesis stood after each step that measured something."""
    after = [
        (event.step, Ledger.fold(events[: i + 1]))
        for i, event in enumerate(events)
        if isinstance(event, Observed) and event.observation.measurements
    ]
    if not after or not after[-1][1].findings:
        return None
    last = after[-1][1].findings
    ids = list(last)[:ROWS]
    texts = [f"{i} · {last[i].hypothesis.text}" for i in ids]
    figure, axes = _open(texts, len(last) - len(ids))
    used: dict[Status, None] = {}
    for y, name in enumerate(ids):
        course = [
            (step, ledger.findings[name].status)
            for step, ledger in after
            if name in ledger.findings
        ]
        axes.plot([step for step, _ in course], [y] * len(course), color=FAINT, lw=1)
        for step, status in course:
            colour, marker = _STATUSES[status]
            axes.scatter([step], [y], s=44, color=colour, marker=marker, zorder=3, lw=0)
            used[status] = None
    for status in (s for s in _STATUSES if s in used):
        colour, marker = _STATUSES[status]
        axes.scatter([], [], s=44, color=colour, marker=marker, lw=0, label=status)
    # The figure's, not the axes': beside long names these are narrower than a legend.
    figure.legend(loc="outside upper right", ncols=5, frameon=False, labelcolor=INK)
    axes.set_xticks(sorted({step for step, _ in after}))
    axes.set_xlabel("step")
    told = (f"{name} is {last[name].status}" for name in ids)
    return Plot(figure, f"Hypotheses over steps; at the end {', '.join(told)}.")


def course(
    strengths: Sequence[float],
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    along: str,
    up: str,
) -> Plot:
    """Accuracy over the strength of a penalty, for several fits.

    Args:
        strengths: strongest first; drawn weakening from left to right.
        lines: by the fit's name, its accuracy at each strength, and what cross-validation found.
        along: what the horizontal axis is called.
        up: what the vertical one is.
    """
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.invert_xaxis()
    told = []
    for colour, (name, (found, validated)) in zip((RED, BLUE, GREEN), lines.items(), strict=False):
        best = max(range(len(validated)), key=lambda i: validated[i])
        axes.plot(strengths, validated, color=colour, lw=1, ls=(0, (4, 3)), alpha=0.7)
        axes.plot(strengths, found, color=colour, lw=2, label=name)
        axes.scatter([strengths[best]], [found[best]], s=44, color=colour, zorder=3)
        told.append(f"{name} {found[best]:.2f} where cross-validation finds {validated[best]:.2f}")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, labelcolor=INK)
    axes.set_ylim(0, 1.03)
    axes.tick_params(colors=INK, labelsize=9, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(INK)
    axes.set_xlabel(along, color=INK)
    axes.set_ylabel(up, color=INK)
    return Plot(figure, f"{one_line(up)}: {'; '.join(told)}.")


def _said(check: Check) -> str:
    return f"{check.difference:+.2f}, {check.speaks}"


def _open(names: Sequence[str], more: int) -> tuple[Figure, Axes]:
    """A figure of named rows, the first at the top."""
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, 1.0 + ROW * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [_short(one_line(name)) for name in names])
    for label in axes.get_yticklabels():
        # What an experiment calls a condition is no formula.
        label.set_parse_math(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(INK)
    axes.xaxis.label.set_color(INK)
    if more:
        axes.set_title(f"{more} more are not shown", color=INK, fontsize=9, loc="right")
    return figure, axes


def _short(name: str) -> str:
    """The beginning and the end of a long name: what tells it from others may be in either."""
    if len(name) <= NAME:
        return name
    half = NAME // 2
    first, last = name[: half - 2], name[2 - half :]
    # Where there are words, none is cut in two.
    return f"{first.rpartition(' ')[0] or first} … {last.partition(' ')[2] or last}"
