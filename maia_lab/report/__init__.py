"""A session as something to read: a page, a notebook, a summary, each a fold of its journal."""

from __future__ import annotations

from maia_lab.report.notebook import to_notebook
from maia_lab.report.page import to_html, write
from maia_lab.report.summary import to_markdown

__all__ = ["to_html", "to_markdown", "to_notebook", "write"]
