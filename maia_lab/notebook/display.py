"""How pictures and words are shown in a cell's output."""

from __future__ import annotations

import base64
import sys

from IPython.display import display as show
from PIL import Image

from maia_lab import bundle
from maia_lab.plain import one_line


def picture(image: Image.Image, alt: str) -> None:
    """Show a picture, with the same in words for whoever cannot see it."""
    kind, data = bundle.picture(image)
    content = {kind: base64.b64encode(data).decode("ascii"), "text/plain": one_line(alt)}
    size = {"width": image.width, "height": image.height}
    show(content, metadata={kind: size}, raw=True)  # type: ignore[no-untyped-call]


def markdown(text: str) -> None:
    """Show Markdown, and the same as plain text elsewhere."""
    show({"text/markdown": text, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]


def say(text: str) -> None:
    """Write a line into the running cell's output."""
    sys.stdout.write(f"{text}\n")
