"""Text from anywhere made safe to show: it deceives no eye, and steers no terminal and no page."""

from __future__ import annotations

import re

from maia_lab import flags

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)
"""What terminals obey (ECMA-48): colours, cursor moves, titles, links."""
_MARKUP = re.compile(r"([&<>\\$])|[`|~*_\[\]#]|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")


def visible(text: str) -> str:
    """All of a text for the eye: terminal escapes dropped, what deceives spelled out."""
    return flags.visible(_ESCAPES.sub("", text))


def one_line(text: str) -> str:
    """A text for the eye, within a line."""
    return " ".join(visible(text).split())


def markdown(text: str) -> str:
    """A text within a line of Markdown that means only itself: no markup, no HTML, no formula."""
    return _MARKUP.sub(
        # Entities for those that some readers act on although a backslash stands before them.
        lambda found: f"&#{ord(found[0])};" if found[1] else f"\\{found[0]}",
        one_line(text),
    )


def fenced(text: str, language: str = "") -> str:
    """A block of Markdown that shows a text as it is."""
    text = visible(text).rstrip("\n")
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}{language}\n{text}\n{fence}"
