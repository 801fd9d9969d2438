"""Four floors, imports down only, no cycle, and a light first import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import maia_lab

ROOT = Path(maia_lab.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MODULES = {
    ".".join(p.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): p
    for p in FILES
}
DOORS = {"agents", "systems", "imaging"}
APPLICATIONS = {"notebook", "scale", "bench", "cli", "__main__", "demo", "doctor"}
LIGHT = {"numpy", "PIL", "filelock", "platformdirs", "maia_lab", *sys.stdlib_module_names}
HEAVY = {"torch", "diffusers", "transformers", "anthropic", "IPython", "scipy", "sklearn", "pandas"}


def room(path):
    """The folder under maia_lab, or the file's own name on the ground floors."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path, *, everywhere=False):
    """Modules a file imports at its top; with ``everywhere`` inside functions too."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def inner(name):
    return name.split(".")[1] if name.startswith("maia_lab.") else None


def floor(name):
    if name in APPLICATIONS:
        return 3
    return 2 if name in DOORS else 1 if name == "scenes" else 0


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_and_no_door_opens_another(path):
    own = room(path)
    for name in imports(path):
        if (other := inner(name)) is not None and other != own:
            assert floor(other) <= floor(own), f"{own} imports {other}"
            assert not {own, other} <= DOORS, f"{own} opens {other}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if floor(room(p)) < 2], ids=lambda p: str(p.relative_to(ROOT))
)
def test_ideas_and_scenes_stand_on_light_libraries(path):
    assert {name.split(".")[0] for name in imports(path)} <= LIGHT


def test_there_is_no_import_cycle():
    edges = {
        name: {n for n in imports(path) if n in MODULES and n != "maia_lab"}
        for name, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(name, trail):
        assert name not in trail, " → ".join([*trail, name])
        if name not in done:
            for after in edges[name]:
                visit(after, (*trail, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def test_importing_the_package_is_light_and_brings_no_heavy_library():
    code = (
        "import time, sys\nbegan = time.process_time()\n"
        "import numpy, PIL.Image, PIL.ImageFont, PIL.ImageDraw\n"
        "there = time.process_time()\nimport maia_lab\nends = time.process_time()\n"
        "print(ends - there, there - began, *sorted(m.split('.')[0] for m in sys.modules))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    seconds, others, *modules = min(
        (r.stdout.split() for r in runs), key=lambda words: float(words[0])
    )
    assert not HEAVY & set(modules)
    # On a slow or busy machine numpy and Pillow take longer, and say how much.
    assert float(seconds) <= max(0.3, 6 * float(others))
