"""How pictures and words are shown in a cell's output."""

from __future__ import annotations

import base64
import sys

from IPython.display import display as show
from PIL import Image

from maia_lab import bundle
from maia_lab.notebook import scored
from maia_lab.observation import Table
from maia_lab.plain import one_line
from maia_lab.scoring.evaluation import Scores


def picture(image: Image.Image, alt: str) -> None:
    """Show a picture, with the same in words for whoever cannot see it."""
    kind, data = bundle.picture(image)
    content = {kind: base64.b64encode(data).decode("ascii"), "text/plain": one_line(alt)}
    size = {"width": image.width, "height": image.height}
    show(content, metadata={kind: size}, raw=True)  # type: ignore[no-untyped-call]


def table(table: Table | Scores) -> None:
    """Show a table, and the same as plain text elsewhere."""
    content = {"text/html": scored.html(table), "text/plain": str(table)}
    show(content, raw=True)  # type: ignore[no-untyped-call]


def markdown(text: str) -> None:
    """Show Markdown, and the same as plain text elsewhere."""
    show({"text/markdown": text, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]


def say(text: str) -> None:
    """Write a line into the running cell's output."""
    sys.stdout.write(f"{text}\n")
