"""Grids in a real JupyterLab: they open, sort, show their masks, and obey the keyboard."""

from __future__ import annotations

import json

import pytest
from browser import chromium, opened, serving, skip_without_browser

from maia_lab.bundle import KIND

pytestmark = pytest.mark.browser

SHOWN = """
import numpy as np
from IPython.display import display
from PIL import Image
from maia_lab.grid import Grid
from maia_lab.system import Activation, masked

def tile(number, value):
    image = Image.new("RGB", (64, 48), (20 * number, 120, 200))
    mask = np.zeros((48, 64), bool)
    mask[:24] = True
    return value, f"number {number} <b>&", masked(Activation(value, 50.0, image, None, mask))

display(Grid.of([tile(number, value) for number, value in enumerate([1, 4, 2, 8, 5, 7])]))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    skip_without_browser()
    with serving(tmp_path_factory.mktemp("grid")) as server, chromium(server) as page:
        yield server, page


@pytest.fixture
def notebook(lab, request):
    server, page = lab
    with opened(page, server, request.node.name, [SHOWN]) as notebook:
        notebook.run("cell-0")
        notebook.page.locator(".maia-Tile").nth(5).wait_for()
        yield notebook
        assert notebook.complaints == []


def captions(notebook):
    found = notebook.page.locator(".maia-TileCaption").all_inner_texts()
    return [int(text.removeprefix("number ").removesuffix(" <b>&")) for text in found]


def focused(notebook, name):
    """Wait until what has the focus is named so."""
    script = "name => (document.activeElement.getAttribute('aria-label') ?? '').startsWith(name)"
    notebook.page.wait_for_function(script, arg=name)


def press(notebook, *keys):
    for key in keys:
        notebook.page.keyboard.press(key)


def test_a_grid_sorts_shows_its_masks_and_opens_larger(notebook):
    page, grid = notebook.page, notebook.cell("cell-0").locator(".maia-Grid")
    assert grid.get_attribute("aria-label").startswith("6 images, activations 8.00 to 1.00: number")
    assert captions(notebook) == [0, 1, 2, 3, 4, 5]
    sort = grid.get_by_role("button", name="Sort by activation")
    sort.click()
    assert sort.get_attribute("aria-pressed") == "true"
    assert captions(notebook) == [3, 5, 4, 1, 2, 0]
    widths = grid.locator(".maia-Bar > span").evaluate_all("all => all.map(e => e.style.width)")
    assert widths == ["100%", "87.5%", "62.5%", "50%", "25%", "12.5%"]

    shade = grid.locator(".maia-Shade").first
    assert shade.evaluate("e => e.naturalWidth > 0 && getComputedStyle(e).opacity") == "1"
    grid.get_by_role("button", name="Mask").click()
    page.wait_for_function("e => getComputedStyle(e).opacity === '0'", arg=shade.element_handle())

    before = grid.locator(".maia-Tile img").first.bounding_box()["width"]
    grid.get_by_role("button", name="Image 4 of 6, activation 8.00").click()
    dialog = page.get_by_role("dialog", name="Image 1 of 6")
    assert dialog.locator("img").first.bounding_box()["width"] > 1.5 * before
    dialog.get_by_role("button", name="Next").click()
    page.get_by_role("dialog", name="Image 2 of 6").get_by_text("activation 7.00").wait_for()
    page.get_by_role("button", name="Close").click()
    page.locator("dialog[open]").wait_for(state="detached")


def test_the_keyboard_walks_through_a_grid_and_the_notebook_does_not_hear_it(notebook):
    page = notebook.page
    notebook.command("notebook:enter-command-mode")
    page.locator(".maia-Tile").first.focus()
    assert page.locator(".maia-Tile[tabindex='0']").count() == 1
    press(notebook, "ArrowRight", "ArrowRight", "ArrowLeft")
    focused(notebook, "Image 2 of 6, activation 4.00, number 1")
    press(notebook, "End")
    focused(notebook, "Image 6 of 6")
    press(notebook, "Enter")
    page.get_by_role("dialog", name="Image 6 of 6").wait_for()
    # In the notebook these would delete the cell, and insert one.
    press(notebook, "d", "d", "b", "ArrowLeft", "m")
    dialog = page.get_by_role("dialog", name="Image 5 of 6")
    assert dialog.get_by_role("button", name="Mask").get_attribute("aria-pressed") == "false"
    press(notebook, "Escape")
    focused(notebook, "Image 5 of 6")
    press(notebook, "Home", "Space")
    page.get_by_role("dialog", name="Image 1 of 6").wait_for()
    press(notebook, "Escape")
    assert len(notebook.cells()) == 1
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.mode") == "command"


def test_a_saved_grid_opens_again_without_a_kernel_and_a_tampered_one_shows_its_picture(notebook):
    page = notebook.page
    notebook.save()
    file = notebook.server.work / notebook.name
    saved = json.loads(file.read_text("utf-8"))
    output = saved["cells"][0]["outputs"][0]
    data = json.loads(json.dumps(output["data"][KIND]))
    data["tiles"][0]["image"] = '" onerror="window.hurt = 1'
    tampered = {**output, "data": {**output["data"], KIND: data}}
    saved["cells"][0]["outputs"].append(tampered)
    file.write_text(json.dumps(saved), encoding="utf-8")
    notebook.reload()
    page.locator(".maia-Tile").nth(5).click()
    page.get_by_role("dialog", name="Image 6 of 6").wait_for()
    press(notebook, "Escape")
    picture = page.locator(".maia-GridPicture")
    picture.get_by_text("its data is damaged").wait_for()
    assert picture.locator("img").evaluate("e => e.complete && e.naturalWidth") > 100
    assert page.evaluate("() => window.hurt") is None
    assert page.locator(".maia-Grid b").count() == 0


def test_a_grid_takes_its_colours_from_the_theme_and_its_size_from_the_settings(notebook):
    page = notebook.page

    def looks():
        return page.evaluate(
            """() => { const style = what => getComputedStyle(document.querySelector(what));
                return [style('.maia-TileValue').color, style('.maia-Grid').backgroundColor]; }"""
        )

    light = looks()
    notebook.theme("Dark")
    dark = looks()
    notebook.theme("Light")
    bright = [sum(map(float, c[c.index("(") + 1 : -1].split(",")[:3])) for c in (light[0], dark[0])]
    assert bright[0] < 380 < bright[1]
    assert light[1] == dark[1] == "rgba(0, 0, 0, 0)"

    width = "() => document.querySelector('.maia-Tile').getBoundingClientRect().width"
    assert page.evaluate(width) == pytest.approx(128, abs=2)
    settings = "maia-lab/plugin.jupyterlab-settings"
    folder = notebook.server.work.parent / "settings" / settings
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text('{"gridSize": 80}', encoding="utf-8")
    notebook.save()
    notebook.reload()
    page.locator(".maia-Tile").first.wait_for()
    page.wait_for_function(f"() => ({width})() < 90")
    folder.unlink()
