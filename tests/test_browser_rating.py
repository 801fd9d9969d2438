"""Held-out images are marked in a real JupyterLab, by mouse and by keyboard."""

from __future__ import annotations

import pytest
from browser import chromium, opened, serving, skip_without_browser

from maia_lab.events import Rated
from maia_lab.sessions import find
from maia_lab.start import describe

pytestmark = pytest.mark.browser

NAME = "to-be-marked"


def test_images_are_marked_by_mouse_and_keyboard_and_scored(own_folders, tmp_path):
    skip_without_browser()
    describe("synthetic/one/1001", agent="offline", review="auto", session=NAME).wait()
    sources = ["%load_ext maia_lab", f"%maia rate {NAME} --count 12"]
    with (
        serving(tmp_path) as server,
        chromium(server) as page,
        opened(page, server, "rating", sources) as notebook,
    ):
        notebook.run("cell-0")
        notebook.run("cell-1")
        pictures = page.locator(".maia-pic")
        pictures.nth(11).wait_for()
        drawn = pictures.nth(0).evaluate("e => getComputedStyle(e).backgroundImage")
        assert drawn.startswith('url("data:image/jpeg')
        assert page.locator(".maia-rating .maia-on").count() == 0
        pictures.nth(0).click()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.get_by_text("2 of 12 fit").wait_for()
        pressed = [pictures.nth(i).get_attribute("class") for i in (0, 1, 2)]
        assert ["mod-active" in names for names in pressed] == [True, False, True]
        page.locator(".maia-rating").get_by_role("button", name="Done").click()
        page.get_by_text("this description, by a person").first.wait_for()
        assert page.locator(".maia-rating .maia-on").count() == 6
        assert pictures.nth(1).is_disabled()
        assert notebook.complaints == []
    (rated,) = [e for e in find(NAME, readonly=True).journal.events if isinstance(e, Rated)]
    assert rated.scores[0].n == 12 and rated.scores[0].predicted == 2
