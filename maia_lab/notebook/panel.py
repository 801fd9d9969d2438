"""A session at a glance, with a box to speak and buttons to decide."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets  # type: ignore[import-untyped]

from maia_lab import plots
from maia_lab.errors import MaiaError, SessionError
from maia_lab.events import Offered
from maia_lab.notebook import wire
from maia_lab.notebook.kernel import Notebook
from maia_lab.notebook.live import Live
from maia_lab.notebook.overheard import Overheard
from maia_lab.notebook.scored import html
from maia_lab.notebook.told import Told
from maia_lab.plain import one_line
from maia_lab.proposal import Conclusion
from maia_lab.review import CONCLUDE
from maia_lab.state import Phase

log = logging.getLogger(__name__)
WRITING = 400
"""Characters shown of what the agent is writing: the last ones."""
_STATUS = {
    "supported": "✓",
    "indicated": "◐",
    "contradicted": "✗",
    "unclear": "~",
    "untested": "·",
    "struck": "–",
}
_STATES = {
    "waiting": "◦",
    "approved": "▸",
    "running": "▶",
    "done": "✓",
    "scored": "★",
    "accepted": "★",
    "error": "✗",
    "interrupted": "■",
    "rejected": "–",
    "edited-after": "✎",
}


class Panel:
    """Widgets over one session; whatever changes elsewhere is shown here, too.

    Attributes:
        box: the widget to display.
    """

    def __init__(self, notebook: Notebook, live: Live) -> None:
        """Watch a session."""
        self._notebook, self._live = notebook, live
        self._head, self._hypotheses, self._steps, self._said = (widgets.HTML() for _ in range(4))
        self._writing, self._against, self._plots, self._scores = (widgets.HTML() for _ in range(4))
        self._drawer = widgets.Accordion([self._plots], titles=["Plots"], selected_index=None)
        self._drawer.observe(lambda _: self._draw(), "selected_index")
        self._words = widgets.Text(
            placeholder="a note, a reason, a hypothesis, or its id",
            layout=widgets.Layout(width="auto"),
        )
        self._policy = widgets.Dropdown(
            options=["ask", "safe", "auto"],
            value=live.policy,
            description="review",
            style={"description_width": "initial"},
            layout=widgets.Layout(width="auto"),
        )
        self._policy.observe(self._on_policy, "value")
        self._approve = self._button("Approve & run", "check", self._on_approve)
        self._reject = self._button("Reject", "times", self._on_reject)
        speak = [
            self._button("Tell the agent", "comment", self._on_note),
            self._button("Add hypothesis", "plus", lambda: self._on_hypothesis("add")),
            self._button("Pin", "thumb-tack", lambda: self._on_hypothesis("pin")),
            self._button("Strike", "strikethrough", lambda: self._on_hypothesis("strike")),
        ]
        self._conclude = self._button("Conclude now", "flag-checkered", self._on_conclude)
        self._pause = self._button("Pause", "pause", self._on_pause)
        self._stop = self._button("Stop", "stop", lambda: live.stop("stopped by the reviewer"))
        self.box = widgets.VBox(
            [
                self._head,
                self._hypotheses,
                self._drawer,
                self._steps,
                self._against,
                self._scores,
                self._writing,
                self._words,
                widgets.HBox([self._approve, self._reject, *speak]),
                widgets.HBox([self._policy, self._conclude, self._pause, self._stop]),
                self._said,
            ]
        )
        self.refresh(live)
        notebook.page.watch(self.refresh)
        live.session.aloud.heard_by(Overheard(self._overhear))

    def refresh(self, live: Live) -> None:
        """Show the session as it stands."""
        if live is not self._live:
            return
        told = Told(live, live is self._notebook.lives.active, "").session()
        self._head.value = _head(told)
        self._hypotheses.value = _hypotheses(told["hypotheses"])
        self._steps.value = _steps(told["steps"])
        self._against.value = _against(live.session.state.offered)
        self._scores.value = html(live.session.scores)
        self._draw()
        scored, paused = live.phase is Phase.SCORED, live.phase is Phase.PAUSED
        self._approve.description = "Accept" if scored else "Approve & run"
        self._reject.description = "Not yet" if scored else "Reject"
        # Without a page nothing can run the cell from here: running it is approving it.
        runs = live.waiting is not None and self._notebook.page.there
        self._approve.disabled = not (scored or runs)
        self._reject.disabled = not (scored or live.waiting is not None)
        self._pause.description = self._pause.tooltip = "Resume" if paused else "Pause"
        self._pause.icon = "play" if paused else "pause"
        self._pause.disabled = self._stop.disabled = live.session.state.ended
        self._policy.value = live.policy
        self._conclude.disabled = paused or scored or live.session.state.ended

    def _draw(self) -> None:
        """Draw the plots while they are looked at: it takes a moment."""
        if self._drawer.selected_index is None:
            return
        session = self._live.session
        found = (plots.standing(session.journal.events), plots.predictions(session.ledger))
        shown = [f'<img src="{p.url}" alt="{escape(p.alt)}">' for p in found if p is not None]
        self._plots.value = "".join(shown) or "No hypothesis was tested yet."

    def _overhear(self, text: str) -> None:
        """Show the end of what the agent is writing."""
        end = escape(text[-WRITING:])
        self._writing.value = f'<pre style="white-space:pre-wrap">{end}</pre>' if end else ""

    def _button(self, name: str, icon: str, act: Callable[[], None]) -> widgets.Button:
        button = widgets.Button(description=name, icon=icon, tooltip=name)

        def clicked(_: Any) -> None:
            self._do(act)

        button.on_click(clicked)
        return button

    def _do(self, act: Callable[[], None]) -> None:
        self._said.value = ""
        try:
            act()
        except MaiaError as error:
            self._said.value = f"<b>{escape(str(error))}</b>"
        except Exception as error:
            log.exception("the panel could not do what was asked")
            self._said.value = f"<b>maia_lab failed: {escape(str(error))}</b>"
        self._notebook.page.tell(self._live)
        self.refresh(self._live)

    def _take_words(self) -> str:
        words = str(self._words.value).strip()
        self._words.value = ""
        return words

    def _on_approve(self) -> None:
        live, offered = self._live, self._live.waiting
        if live.phase is Phase.SCORED:
            self._notebook.accept(live)
        elif offered is not None:
            cell = live.cell(offered.step)
            live.approve(live.source(offered), cell, self._take_words(), run=True)

    def _on_reject(self) -> None:
        if not self._words.value.strip():
            raise SessionError("a rejection", "needs a reason: the agent goes by it", "type it")
        self._live.reject(self._take_words())
        # A click has no output to think in: without a page, the next cell comes by %maia status.
        self._live.think_apart(self._notebook.let_run)

    def _on_note(self) -> None:
        if words := self._take_words():
            self._live.session.note(words)

    def _on_hypothesis(self, action: Any) -> None:
        self._live.hypothesis(action, self._take_words())

    def _on_conclude(self) -> None:
        if self._live.say(CONCLUDE):
            self._live.think_apart(self._notebook.let_run)

    def _on_pause(self) -> None:
        if self._live.phase is Phase.PAUSED:
            self._live.resume()
            self._notebook.activate(self._live)
            self._live.think_apart(self._notebook.let_run)
        else:
            self._live.pause("paused by the reviewer")

    def _on_policy(self, change: Any) -> None:
        if change["new"] == self._live.policy:
            return  # It was changed elsewhere, and is shown here.

        def act() -> None:
            self._live.set_policy(change["new"])
            if self._notebook.page.there:
                self._notebook.let_run(self._live)

        self._do(act)


def _head(told: wire.SessionState) -> str:
    return (
        f"<b>{_text(told['unit'])}</b> · {_text(told['session'])} · {_text(told['words'])}"
        f" · {_text(told['budget'])}"
    )


def _hypotheses(hypotheses: list[wire.Hypothesis]) -> str:
    rows = []
    for h in hypotheses:
        sides = f"{len(h['speaks_for'])} for, {len(h['speaks_against'])} against"
        pin = "📌 " if h["pinned"] else ""
        evidence = "; ".join([*h["speaks_for"], *h["speaks_against"]])
        rows.append(
            f'<li title="{_text(evidence)}">{_STATUS[h["status"]]} {pin}<b>{_text(h["id"])}</b>'
            f" {_text(h['text'])} <i>{h['status']} ({sides})</i></li>"
        )
    return f'<ul style="list-style:none">{"".join(rows)}</ul>' if rows else ""


def _steps(steps: list[wire.StepLine]) -> str:
    rows = (
        f'<li value="{s["step"]}">{_STATES[s["state"]]} {s["state"]} · {_text(s["why"])}</li>'
        for s in steps
    )
    return f"<ol>{''.join(rows)}</ol>"


def _against(offered: Offered | None) -> str:
    """What speaks against the conclusion that was offered last."""
    if offered is None or not isinstance(offered.proposal, Conclusion) or not offered.flags:
        return ""
    said = "".join(f"<li>⚑ {_text(flag.text)}</li>" for flag in offered.flags)
    return f'<b>Against the conclusion</b><ul style="list-style:none">{said}</ul>'


def _text(text: str) -> str:
    return escape(one_line(text))
