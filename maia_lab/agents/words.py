"""What a language model is told, in plain words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from maia_lab.events import Event, Opened
from maia_lab.ledger import Ledger
from maia_lab.tasks import TASKS


def opening(event: Opened) -> str:
    """The question, and what there is to answer it with."""
    setting = event.setting
    facts = {
        "The unit": str(event.question.unit),
        "Images it is studied with": setting.data,
        "Drawn by": setting.generator or "nothing: tools.text2image is not available",
        "Edited by": setting.editor or "nothing: tools.edit_images is not available",
        "Described by": setting.captioner or "nothing: look at the images yourself",
        "Steps": f"{setting.max_steps} at most, the last one for your conclusion",
        "Studied beside it (all in `systems`)": ", ".join(setting.beside),
        "In the conclusion's answers": getattr(TASKS.get(event.question.task), "answers", ""),
    }
    lines = [f"{name}: {says}" for name, says in facts.items() if says]
    return "\n".join([event.question.text, "", *lines])


def standing(events: Sequence[Event], step: int) -> str:
    """What a step measured, and how the hypotheses stand by it."""
    ledger = Ledger.fold(events)
    lines = ["The ledger, by measurement alone:"]
    for at, m in ledger.measurements:
        if at == step:
            versus = (
                f"{m.difference:+.3g} against {m.control} [{m.low:.3g}, {m.high:.3g}]"
                if m.control
                else "the control"
            )
            lines.append(f"- {m.condition}: n={m.n}, mean {m.mean:.4g}, sd {m.sd:.2g}, {versus}")
    for name, finding in ledger.findings.items():
        sides = ", ".join(f"{len(finding.speaking(s))} {s}" for s in ("for", "against"))
        lines.append(f"- {name}: {finding.status} ({sides})")
    lines += [f"- {text}" for at, text in ledger.remarks if at == step]
    return "\n".join(lines)


def difference(before: str, after: str) -> str:
    """What a reviewer changed."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "proposed", "ran", lineterm="", n=2
    )
    return "\n".join(lines)


def fenced(text: str, language: str) -> str:
    """A block that its own text cannot end."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}{language}\n{text}\n{ticks}"


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters, its middle left out."""
    if len(text) <= most:
        return text
    cut = len(text) - most
    return f"{text[: most // 2]}\n[… {cut} characters left out …]\n{text[-(most // 2) :]}"
