"""The page's part: that the bundle is built from these sources and speaks the kernel's language."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tomllib
import typing
from pathlib import Path

import pytest

from maia_lab.notebook import wire
from maia_lab.review import CONCLUDE

ROOT = Path(__file__).parent.parent
SOURCES, BUNDLE = ROOT / "labextension", ROOT / "maia_lab" / "labextension"
TYPESCRIPT = (SOURCES / "src" / "wire.ts").read_text(encoding="utf-8")


def fields(name: str) -> set[str]:
    """The fields of one of the page's messages."""
    found = re.search(rf"export interface {name} {{(.*?)\n}}", TYPESCRIPT, re.DOTALL)
    assert found, f"the page knows no {name}"
    return set(re.findall(r"^  (\w+)\??:", found[1], re.MULTILINE))


def constant(name: str) -> str:
    found = re.search(rf"export const {name} = '?([^';]+)'?;", TYPESCRIPT)
    assert found
    return found[1]


def literals(name: str) -> set[str]:
    found = re.search(rf"export type {name} =(.*?);", TYPESCRIPT, re.DOTALL)
    assert found
    return set(re.findall(r"'([^']+)'", found[1]))


MESSAGES = [item for item in vars(wire).values() if hasattr(item, "__required_keys__")]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_the_page_and_the_kernel_agree_on_every_field(message):
    assert fields(message.__name__) == set(typing.get_type_hints(message))


def test_the_page_and_the_kernel_agree_on_states_target_and_protocol():
    assert literals("StepState") == set(typing.get_args(wire.StepState))
    assert literals("SessionPhase") == set(typing.get_args(wire.SessionPhase))
    assert constant("TARGET") == wire.TARGET
    assert int(constant("PROTOCOL")) == wire.PROTOCOL
    assert f"'{CONCLUDE}'" in (SOURCES / "src" / "controls.tsx").read_text()


def test_package_page_and_bundle_have_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    versions = {
        project["project"]["version"],
        constant("VERSION"),
        json.loads((SOURCES / "package.json").read_text())["version"],
        json.loads((BUNDLE / "package.json").read_text())["version"],
    }
    assert len(versions) == 1


def test_the_bundle_was_built_from_these_sources():
    """After a change: ``jlpm build:prod`` in labextension/ writes bundle and hash."""
    said = (BUNDLE / "sources.sha256").read_text().strip()
    files = [
        path
        for folder in ("src", "style", "schema")
        for path in (SOURCES / folder).rglob("*")
        if path.is_file()
    ]
    files += [
        SOURCES / name
        for name in ("bundle.config.cjs", "package.json", "tsconfig.json", "yarn.lock")
    ]
    whole = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(SOURCES).as_posix()):
        # As checked out anywhere: Git may write other ends of lines.
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        whole.update(f"{path.relative_to(SOURCES).as_posix()}\n{text}\n".encode())
    assert said == whole.hexdigest()


def test_the_bundle_is_small():
    assert sum(path.stat().st_size for path in BUNDLE.rglob("*") if path.is_file()) < 150_000


def test_no_shortcut_is_a_list_of_selectors_which_would_stop_all_keys():
    schema = json.loads((SOURCES / "schema" / "plugin.json").read_text())
    assert all("," not in shortcut["selector"] for shortcut in schema["jupyter.lab.shortcuts"])


def test_colours_come_from_the_theme_alone():
    style = (SOURCES / "style" / "base.css").read_text(encoding="utf-8")
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", style)


def test_the_model_does_what_its_own_tests_say():
    if not (SOURCES / "lib").is_dir() or shutil.which("node") is None:
        pytest.skip("needs Node and the compiled sources: jlpm build:lib in labextension/")
    ran = subprocess.run(
        ["node", "--test", "test/"], cwd=SOURCES, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
