"""Held-out images to be marked by someone who knows the description only: by mouse or keyboard."""

from __future__ import annotations

import base64
import io
import logging
import secrets
from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets  # type: ignore[import-untyped]
from PIL import Image

from maia_lab.errors import MaiaError
from maia_lab.notebook.scored import html
from maia_lab.observation import Score
from maia_lab.plain import one_line
from maia_lab.scoring.evaluation import Scores
from maia_lab.scoring.rating import Sitting

log = logging.getLogger(__name__)
SIDE = 160
"""Pixels of an image as it is shown."""
STYLE = """
.maia-rating .maia-pic { width: %(side)dpx; height: %(side)dpx; margin: 4px; padding: 0;
  position: relative; border: 4px solid transparent; border-radius: 4px;
  background: var(--jp-layout-color2) center / contain no-repeat border-box;
  opacity: 1 !important; box-shadow: none !important; }
.maia-rating .maia-pic.mod-active { border-color: var(--jp-brand-color1); }
.maia-rating .maia-pic:focus-visible { outline: 3px solid var(--jp-ui-font-color1); }
.maia-rating .maia-pic.mod-active::after, .maia-rating .maia-pic.maia-on::before {
  position: absolute; left: 0; line-height: 1.5; padding: 0 6px;
  font-size: var(--jp-ui-font-size1); }
.maia-rating .maia-pic.mod-active::after { content: "✓ fits"; bottom: 0; color: #fff;
  background: var(--jp-brand-color1); }
.maia-rating .maia-pic.maia-on::before { content: "● active"; top: 0;
  color: var(--jp-ui-inverse-font-color1); background: var(--jp-inverse-layout-color2); }
"""


class Rating:
    """Widgets over a sitting.

    Attributes:
        box: the widget to display.
        pictures: one button an image, pressed where it fits.
    """

    def __init__(self, sitting: Sitting, done: Callable[[Score], Sequence[Score]]) -> None:
        """Show the images; ``done`` keeps the score, and returns all that are shown then."""
        self._sitting, self._done = sitting, done
        key, count = secrets.token_hex(4), len(sitting.images)
        self.pictures = [
            widgets.ToggleButton(False, tooltip=f"image {number} of {count}")
            for number in range(1, count + 1)
        ]
        rules = [STYLE % {"side": SIDE}]
        for number, (button, image) in enumerate(zip(self.pictures, sitting.images, strict=True)):
            name = f"maia-{key}-{number}"
            rules.append(
                f".maia-rating .{name} {{ background-image: url({_url(image)}) !important; }}"
            )
            button.add_class("maia-pic")
            button.add_class(name)
            button.observe(lambda _: self._count(), "value")
        self._said, self._told = widgets.HTML(), widgets.HTML()
        self._finish = widgets.Button(description="Done", icon="check", button_style="primary")
        self._finish.on_click(lambda _: self._on_done())
        shown = widgets.Box(self.pictures, layout=widgets.Layout(flex_flow="row wrap"))
        self.box = widgets.VBox(
            [
                widgets.HTML(f"<style>{''.join(rules)}</style>"),
                widgets.HTML(_asked(sitting)),
                shown,
                widgets.HBox([self._finish, self._said]),
                self._told,
            ]
        )
        self.box.add_class("maia-rating")
        self._count()

    def _count(self) -> None:
        fits = sum(button.value for button in self.pictures)
        self._said.value = f"{fits} of {len(self.pictures)} fit"

    def _on_done(self) -> None:
        if self._finish.disabled:
            return  # A second click, before the page knew of the first.
        self._finish.disabled = True
        try:
            shown = self._done(self._sitting.score([bool(b.value) for b in self.pictures]))
        except MaiaError as error:
            self._told.value = f"<b>{escape(str(error))}</b>"
            self._finish.disabled = False
            return
        except Exception as error:
            log.exception("the marks could not be scored")
            self._told.value = f"<b>maia_lab failed: {escape(str(error))}</b>"
            return
        for button, active in zip(self.pictures, self._sitting.active, strict=True):
            button.disabled = True
            if active:
                button.add_class("maia-on")
                button.tooltip = f"{button.tooltip}: the unit is active"
        self._told.value = html(Scores(shown))


def _asked(sitting: Sitting) -> str:
    said = sitting.said
    wanted = ", or ".join(f"<b>{_text(label)}</b>" for label in said.labels)
    unwanted = ", or ".join(f"<b>{_text(label)}</b>" for label in said.suppressed_by)
    return (
        f"<p>{_text(said.description)}</p><p>Which of these images show {wanted}"
        f"{f', and not {unwanted}' if unwanted else ''}? Click on each that fits, or go from one to"
        " the next with Tab and press Space; what is left counts as not fitting. Nobody has looked"
        " at these images, and how the unit answers them is shown at the end.</p>"
    )


def _text(text: str) -> str:
    return escape(one_line(text))


def _url(image: Image.Image) -> str:
    small, file = image.convert("RGB"), io.BytesIO()
    # Screens have up to two pixels for one of a page's.
    small.thumbnail((2 * SIDE, 2 * SIDE))
    small.save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
