"""A session in Markdown: a summary to paste anywhere, and the words between a notebook's cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maia_lab.plain import fenced, markdown
from maia_lab.report.story import Story
from maia_lab.scoring.evaluation import DRAWN, explained, figure, judged, spread

if TYPE_CHECKING:
    import jinja2

    from maia_lab.journal import Journal

TEMPLATES = Path(__file__).parent / "templates"


def to_markdown(journal: Journal) -> str:
    """Tell a session in GitHub's Markdown, pictures in words.

    Raises:
        JournalError: no session was opened in the journal.
    """
    return str(words().summary(Story.read(journal))).strip() + "\n"


@lru_cache(1)
def words() -> Any:
    """The Markdown template's macros: ``summary``, and the parts of a notebook."""
    from markupsafe import Markup

    filters = {
        "code": lambda text: Markup(fenced(text, "python")),
        "block": lambda text: Markup(fenced(text)),
        "signed": lambda number: Markup(f"{number:+.3g}"),
        "plain": lambda number: Markup(f"{number:.3g}"),
    }
    # Escaped for Markdown, and therefore marked as needing no escaping for HTML.
    environment = open_templates(lambda text: Markup(markdown(text)), filters)
    environment.globals |= {
        "in_page": lambda step: Markup(f"#step-{step}"),
        "in_notebook": lambda step: Markup(f"#Step-{step}"),
    }
    return environment.get_template("report.md").module


def open_templates(
    escape: Callable[[str], str], filters: Mapping[str, Callable[..., Any]]
) -> jinja2.Environment:
    """Templates in which every text goes through ``escape``, whether or not they think of it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: (
            escape(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    environment.globals |= {"explained": explained, "judged": judged, "drawn": DRAWN}
    environment.filters |= {"figure": figure, "spread": spread}
    environment.tests["finite"] = math.isfinite
    return environment
