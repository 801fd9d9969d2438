import inspect
import re
import textwrap

import pytest

from maia_lab.manual import functions, manual
from maia_lab.system import System
from maia_lab.tools import Tools

FUNCTIONS = [(f"{of.__name__}.{name}", f) for of in (System, Tools) for name, f in functions(of)]


def test_the_manual_names_everything_an_experiment_may_call():
    text = manual({"colour": ("red", "green")})
    for name in ("call_neuron", "text2image", "edit_images", "dataset_exemplars", "compare"):
        assert re.search(rf"^## (system|tools)\.{name}\(", text, re.M)
    assert "conclude" not in re.findall(r"^## tools\.(\w+)", text, re.M)
    assert "colour: red, green" in text
    assert "self" not in "".join(re.findall(r"^## .*", text, re.M))


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_every_function_says_what_it_does_by_an_example(name, function):
    doc = inspect.getdoc(function)
    assert doc and ">>>" in doc, name


def examples():
    for name, function in FUNCTIONS:
        lines = re.findall(r"^\s*(?:>>>|\.\.\.) ?(.*)$", inspect.getdoc(function), re.M)
        if lines:
            yield pytest.param(textwrap.dedent("\n".join(lines)), id=name)


@pytest.mark.parametrize("code", list(examples()))
def test_every_example_runs_on_scenes(code, scenes_study):
    exec(
        compile(code, "example", "exec"),
        {"system": scenes_study.system, "tools": scenes_study.tools},
    )
