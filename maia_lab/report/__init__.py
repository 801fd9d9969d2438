"""A session as something to read: a page, a notebook, a summary, each a fold of its journal."""

from __future__ import annotations

from collections.abc import Callable

from maia_lab.journal import Journal
from maia_lab.report.notebook import to_ipynb, to_notebook
from maia_lab.report.page import to_html, write
from maia_lab.report.summary import to_markdown

FORMATS: dict[str, Callable[[Journal], str]] = {
    ".ipynb": to_ipynb,
    ".html": to_html,
    ".md": to_markdown,
}
"""What writes the text of a file, by the file's ending."""

__all__ = ["FORMATS", "to_html", "to_ipynb", "to_markdown", "to_notebook", "write"]
