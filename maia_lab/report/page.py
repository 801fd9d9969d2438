"""A session told on one page that anyone can open: a fold of its journal, and nothing but text."""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from maia_lab import plots
from maia_lab.bundle import lighter
from maia_lab.errors import JournalError
from maia_lab.plain import one_line, visible
from maia_lab.plots import Plot
from maia_lab.report.forest import Forest
from maia_lab.report.notebook import setup, to_ipynb
from maia_lab.report.story import Step, Story, picture
from maia_lab.report.summary import TEMPLATES, open_templates, to_markdown

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

    from maia_lab.journal import Journal

HEADING = 80
"""Characters of a printed line that may be taken for the heading of a picture."""
_MARKS = {"supported": "✓", "indicated": "◐", "contradicted": "✗", "unclear": "~", "untested": "○"}
_STATES = {
    "waiting": "waits for a verdict",
    "approved": "approved, its outcome is not known",
    "rejected": "never ran",
    "stopped": "never ran",
    "error": "ended in an error",
    "interrupted": "interrupted",
    "limit": "ran out of time",
    "unknown": "the process ended while it ran",
}


def to_html(*journals: Journal) -> str:
    """Tell sessions on one self-contained page: pictures inlined, light and dark, no script.

    Raises:
        JournalError: in one of the journals no session was opened.
    """
    from markupsafe import Markup

    def image(story: Story, sha256: str) -> Markup:
        found = picture(journals[stories.index(story)], sha256, lighter)
        return Markup("data:{};base64,{}").format(*found) if found else Markup("")

    def plotted(story: Story) -> list[Plot]:
        found = (plots.standing(story.events), plots.predictions(story.ledger))
        return [plot for plot in found if plot is not None]

    stories = [Story.read(journal) for journal in journals]
    units = [story.opened.about for story in stories]
    title = " · ".join([*units, "maia_lab"])
    return _page().render(stories=stories, title=title, image=image, plotted=plotted)


@lru_cache(1)
def _page() -> jinja2.Template:
    from markupsafe import Markup

    environment = open_templates(visible, {"code": _highlighted, "signed": "{:+.3g}".format})
    environment.globals.update(
        style=Markup((TEMPLATES / "style.css").read_text("utf-8")),
        marks=_MARKS,
        states=_STATES,
        forest=Forest.of,
        changes=_changes,
        headed=_headed,
        setup=setup,
    )
    return environment.get_template("report.html")


def write(journals: Journal | Sequence[Journal], folder: Path) -> dict[str, Path]:
    """Write ``report.html``, a notebook for each session, and ``report.md`` into a folder.

    What a conclusion left beside its journal is copied there as well.

    Args:
        journals: one session's, or several for one page about all of them.
        folder: made if it is not there. Files of these names are replaced.

    Returns:
        Where each file lies, by its name.

    Raises:
        JournalError: no session was opened in a journal, or the folder cannot be written to.
    """
    journals = [journals] if not isinstance(journals, Sequence) else journals
    texts = {"report.html": to_html(*journals)}
    for journal in journals:
        texts[f"{journal.name}.ipynb"] = to_ipynb(journal)
    texts["report.md"] = "\n\n".join(to_markdown(journal) for journal in journals)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = {name: _replace(folder / name, text.encode()) for name, text in texts.items()}
        for journal in journals:
            # What a conclusion left beside its journal, such as a refitted head.
            for left in journal.folder.glob("*.safetensors") if journal.folder else ():
                name = f"{journal.name}-{left.name}"
                written[name] = _replace(folder / name, left.read_bytes())
        return written
    except OSError as error:
        raise JournalError(
            str(folder), f"cannot be written to ({error.strerror})", "name another folder"
        ) from error


def _replace(path: Path, content: bytes) -> Path:
    """Write a whole file or none of it: a reader never meets half a report."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _highlighted(code: str) -> Markup:
    """Python with its keywords, strings, numbers and comments marked, as plain spans."""
    from markupsafe import Markup, escape

    code = visible(code)
    try:
        from pygments import lex
        from pygments.lexers.python import PythonLexer
        from pygments.token import Comment, Keyword, Number, Operator, String
    except ImportError:
        return Markup("<pre><code>{}</code></pre>").format(code)
    kinds = {Keyword: "k", Operator.Word: "k", String: "s", Number: "m", Comment: "c"}
    spans = io.StringIO()
    for token, text in lex(code, PythonLexer()):
        kind = next((letter for family, letter in kinds.items() if token in family), None)
        spans.write(f'<span class="{kind}">{escape(text)}</span>' if kind else escape(text))
    return Markup(f"<pre><code>{spans.getvalue().rstrip()}</code></pre>")


def _headed(text: str) -> tuple[str, str]:
    """A text, and the last line of it that reads like a heading of the picture after it."""
    *lines, last = text.rstrip().split("\n")
    if last != one_line(last) or len(last) > HEADING:
        return text, ""
    return "\n".join(lines), last


def _changes(step: Step) -> Markup:
    """What the reviewer changed, line by line."""
    from markupsafe import Markup

    kinds = {"+": "add", "-": "cut", " ": "same"}
    before, after = (visible(c).splitlines() for c in (step.offered.proposal.code, step.code))
    lines = list(difflib.unified_diff(before, after, lineterm="", n=len(before)))[3:]
    spans = Markup("").join(
        Markup('<span class="{}">{}</span>').format(kinds[line[0]], line) for line in lines
    )
    return Markup("<pre><code>{}</code></pre>").format(spans)
