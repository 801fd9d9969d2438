"""What the pages for people say to write is understood, and their examples run."""

import re
import shlex
from pathlib import Path

import pytest

from maia_lab import cli, tasks
from maia_lab.notebook import magic

ROOT = Path(__file__).parent.parent
PAGES = {
    page.name: page.read_text("utf-8") for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
}
del PAGES["CHANGELOG.md"]  # It tells what was.
NAMES = re.compile(r"maia (?:bench|report|replay)(?: NAME)?$|--help|…")
"""What says what a command is called, and is none."""


def said(start):
    """Every line of a block, and every phrase within a line, that begins so."""
    for name, text in PAGES.items():
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M)
        within = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
        for line in (*(line for block in blocks for line in block.splitlines()), *within):
            for part in re.split(r"\s+&& ", line):
                command, _, _ = part.partition("  #")
                if command.startswith(start) and not NAMES.search(command):
                    yield pytest.param(command.strip(), id=f"{name}: {command.strip()}")


def example(page, number):
    """A page's Python, by its place among the blocks."""
    return re.findall(r"^```python\n(.*?)^```", PAGES[page], re.S | re.M)[number]


@pytest.mark.parametrize("command", [*said("maia ")])
def test_every_command_is_one(command):
    cli._parser().parse_args(shlex.split(command, comments=True)[1:])


@pytest.mark.parametrize("command", [*said("%maia ")])
def test_every_magic_is_one(command):
    magic.parser().parse_args(shlex.split(command, comments=True)[1:])


def test_the_experiment_in_the_readme_runs(scenes_study, capsys):
    exec(example("README.md", 1), dict(scenes_study.names))
    assert "made green" in capsys.readouterr().out


def test_a_task_of_ones_own_is_closed_as_its_page_says(monkeypatch):
    monkeypatch.setattr(tasks, "TASKS", dict(tasks.TASKS))
    names = {}
    exec(example("a-task.md", 0), names)
    table = names["close"](names["study"], None).tables[0]
    assert [row[0] for row in table.rows] == ["scenes/layer4/12", "scenes/layer4/13"]
