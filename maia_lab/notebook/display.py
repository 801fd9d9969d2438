"""How pictures and words are shown in a cell's output."""

from __future__ import annotations

import base64
import io
import sys

from IPython.display import display as show
from PIL import Image

from maia_lab.plain import one_line

MOST_PNG = 120_000
"""Bytes above which a picture goes out as JPEG: it is stored in the notebook."""


def picture(image: Image.Image, alt: str) -> None:
    """Show a picture, with the same in words for whoever cannot see it."""
    kind, data = encoded(image)
    content = {kind: base64.b64encode(data).decode("ascii"), "text/plain": one_line(alt)}
    size = {"width": image.width, "height": image.height}
    show(content, metadata={kind: size}, raw=True)  # type: ignore[no-untyped-call]


def encoded(image: Image.Image) -> tuple[str, bytes]:
    """A picture's mime type and file: PNG, unless that is large."""
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    if len(file.getvalue()) <= MOST_PNG:
        return "image/png", file.getvalue()
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    file = io.BytesIO()
    ground.save(file, "JPEG", quality=85, optimize=True)
    return "image/jpeg", file.getvalue()


def markdown(text: str) -> None:
    """Show Markdown, and the same as plain text elsewhere."""
    show({"text/markdown": text, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]


def say(text: str) -> None:
    """Write a line into the running cell's output."""
    sys.stdout.write(f"{text}\n")
