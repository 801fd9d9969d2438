"""A real JupyterLab server and a real Chromium, for the tests that look at the page."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import maia_lab

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ROOT = Path(__file__).parent.parent
TOKEN = "only-for-tests"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000
"""Milliseconds that anything may take on a busy machine: the first index of the data does."""
KERNEL_IS_IDLE = """name => {
    const widget = window.jupyterapp?.shell.currentWidget;
    const kernel = widget?.context?.path === name && widget.sessionContext?.session?.kernel;
    return kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""


@dataclass
class Server:
    """A running JupyterLab whose folders are its own."""

    url: str
    work: Path
    log: Path


@dataclass
class Notebook:
    """An open notebook, in the words of the stories the tests tell."""

    page: Page
    server: Server
    name: str
    complaints: list[str] = field(default_factory=list)
    """What the page wrote to the console as an error."""

    def cell(self, id: str) -> Locator:
        """The cell of an id."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.index(id))

    def index(self, id: str) -> int:
        """Where a cell stands."""
        return [cell["id"] for cell in self.cells()].index(id)

    def editor(self, id: str) -> Locator:
        """Where a cell's text is typed."""
        return self.cell(id).locator(".cm-content")

    def source(self, id: str) -> object:
        """A cell's text."""
        return self.cells()[self.index(id)]["source"]

    def write(self, id: str, source: str) -> None:
        """Replace a cell's text."""
        self.page.evaluate(
            """([index, source]) => window.jupyterapp.shell.currentWidget.model.sharedModel
                .cells[index].setSource(source)""",
            [self.index(id), source],
        )

    def output(self, id: str) -> str:
        """A cell's outputs, as text."""
        return self.cell(id).locator(".jp-OutputArea").inner_text()

    def wait_for_focus(self, id: str) -> None:
        """Wait until a cell, or something in it, has the focus."""
        self.page.wait_for_function(
            """id => { const cells = window.jupyterapp.shell.currentWidget.content.widgets;
                const of = cells.find(cell => cell.node.contains(document.activeElement));
                return of?.model.id === id; }""",
            arg=id,
        )

    def run(self, id: str, *, done: bool = True) -> None:
        """Run a cell with the keyboard; ``done``: wait until it has."""
        before = self.cells()[self.index(id)]["execution_count"]
        self.editor(id).click()
        self.page.keyboard.press("Control+Enter")
        if done:
            self.page.wait_for_function(
                """([id, before]) => {
                    const cells = window.jupyterapp.shell.currentWidget.model.sharedModel.cells;
                    const count = cells.find(cell => cell.getId() === id).execution_count;
                    return count !== null && count !== before; }""",
                arg=[id, before],
            )

    def step(self, number: int, state: str = "") -> Locator:
        """The strip of a step, in a state if one is named."""
        of = f"[data-maia-state='{state}']" if state else ""
        return self.page.locator(f".maia-Footer[data-maia-step='{number}']{of}")

    def command(self, id: str) -> None:
        """Execute a command as the menu would."""
        self.page.evaluate("id => { void window.jupyterapp.commands.execute(id); }", id)

    def theme(self, name: str) -> None:
        """Change to JupyterLab's theme of this name: ``Dark``, ``Light``."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            f"JupyterLab {name}",
        )
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light",
            arg="true" if name == "Light" else "false",
        )
        # JupyterLab stumbles over a second change that comes before its curtain is gone.
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def cells(self) -> list[dict[str, object]]:
        """The notebook's cells as the file would hold them."""
        script = "() => window.jupyterapp.shell.currentWidget.model.toJSON().cells"
        cells: list[dict[str, object]] = self.page.evaluate(script)
        return cells

    def save(self) -> None:
        """Save the notebook, and wait until it is."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")

    def reload(self) -> None:
        """Load the whole page anew; what was not saved is lost."""
        self.page.once("dialog", lambda dialog: dialog.accept())
        self.page.goto(f"{self.server.url}/lab/tree/{self.name}?reset&token={TOKEN}")
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Wait until the notebook is shown and its kernel idle."""
        self.page.wait_for_function(KERNEL_IS_IDLE, arg=self.name)


def missing() -> str:
    """Why no browser can be driven here; empty if one can."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return "playwright is not installed"
    if CHROMIUM is None:
        with sync_playwright() as playwright:
            if not Path(playwright.chromium.executable_path).exists():
                return "there is no Chromium: python -m playwright install chromium"
    return ""


def address(runtime: Path) -> str | None:
    """Where a server answers, by the file that it writes once it knows its port."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        port = json.loads(next(runtime.glob("jpserver-*.json")).read_text())["port"]
        url = f"http://127.0.0.1:{port}"
        urllib.request.urlopen(f"{url}/api/status?token={TOKEN}", timeout=30).close()
        return url
    return None


@contextlib.contextmanager
def serving(root: Path) -> Iterator[Server]:
    """Start JupyterLab with folders of its own below ``root``; end it afterwards.

    The page part comes from the package under test, installed or not.
    """
    work, extensions = root / "work", root / "data" / "labextensions"
    work.mkdir()
    extensions.mkdir(parents=True)
    shutil.copytree(Path(maia_lab.__file__).parent / "labextension", extensions / "maia-lab")
    quiet = root / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    # Whether one would like news is asked in a window above the page.
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "MPLCONFIGDIR": "matplotlib",
    }
    paths = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        **{name: str(root / folder) for name, folder in own.items()},
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    log = root / "lab.log"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", "--port=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={work}"]
    command += [f"--{app}.expose_app_in_browser=True" for app in ("LabApp", "JupyterNotebookApp")]
    command += ["--LabApp.extension_manager=readonly"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, env=environment, cwd=root
        )
        try:
            late = time.monotonic() + PATIENCE / 1000
            while (url := address(root / "runtime")) is None:
                if process.poll() is not None or time.monotonic() > late:
                    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield Server(url, work, log)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def chromium(server: Server) -> Iterator[Page]:
    """A headless Chromium in which JupyterLab has started."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        try:
            # Tests may open further pages beside this one.
            context = browser.new_context(viewport={"width": 1280, "height": 960})
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(f"{server.url}/lab?reset&token={TOKEN}")
            page.wait_for_selector("#jp-main-dock-panel")
            yield page
        finally:
            browser.close()


def write_notebook(path: Path, sources: list[str]) -> None:
    """Save a notebook of code cells that have not run."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": cells,
    }
    path.write_text(json.dumps(notebook), encoding="utf-8")


@contextlib.contextmanager
def opened(page: Page, server: Server, name: str, sources: list[str]) -> Iterator[Notebook]:
    """Write a notebook of these code cells, open it, and close it with its kernel afterwards.

    Set ``MAIA_TEST_SHOTS`` to a folder to keep a picture of how each test ends.
    """
    write_notebook(server.work / f"{name}.ipynb", sources)
    notebook = Notebook(page, server, f"{name}.ipynb")

    def complain(error: Exception) -> None:
        notebook.complaints.append(str(error))

    page.on("pageerror", complain)
    try:
        page.evaluate(
            "path => { void window.jupyterapp.commands.execute('docmanager:open', { path }); }",
            notebook.name,
        )
        notebook.wait_for_kernel()
        yield notebook
    finally:
        if folder := os.environ.get("MAIA_TEST_SHOTS"):
            page.screenshot(path=str(Path(folder) / f"{name}.png"))
        page.evaluate(
            """async () => { for (const widget of [...window.jupyterapp.shell.widgets('main')]) {
                await widget.sessionContext?.shutdown().catch(() => null);
                widget.dispose(); } }"""
        )
        page.remove_listener("pageerror", complain)


def skip_without_browser() -> None:
    """Skip the calling test, saying why, where no browser can be driven."""
    if why := missing():
        pytest.skip(why)
