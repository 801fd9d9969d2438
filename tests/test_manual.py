import inspect
import os
import re
import subprocess
import sys
import textwrap

import pytest

from maia_lab import open_study
from maia_lab.brief import brief
from maia_lab.cli import main
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
    heads = "".join(re.findall(r"^## .*", text, re.M))
    assert "self" not in heads and "'Image" not in heads and "stratum: Stratum = 'top'" in heads


def test_the_manual_is_printed_with_the_words_of_a_generator(capsys):
    assert main(["manual", "--generator", "scenes"]) == 0
    printed = capsys.readouterr().out
    assert "## tools.compare(" in printed and re.search(r"^shape: circle, ", printed, re.M)
    assert main(["manual"]) == 0
    assert "shape: circle" not in capsys.readouterr().out
    assert main(["manual", "--generator", "crayons"]) == 1
    assert "try planted, scenes" in capsys.readouterr().err


def test_the_brief_is_the_same_text_in_every_process():
    words = {"colour": ("red", "green")}
    code = f"from maia_lab.brief import brief; print(brief({words!r}), end='')"
    told = {
        subprocess.run(
            [sys.executable, "-X", "utf8", "-c", code],
            capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.decode()
        for seed in ("1", "2")
    }  # fmt: skip
    assert told == {brief(words)}
    assert manual(words) in brief(words)
    for taught in ("not_tested", "`why`", "edit it", "reject it", "least", "falsify", "near miss"):
        assert taught in brief(words)


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_every_function_says_what_it_does_by_an_example(name, function):
    doc = inspect.getdoc(function)
    assert doc and ">>>" in doc, name


def examples():
    for name, function in FUNCTIONS:
        lines = re.findall(r"^\s*(?:>>>|\.\.\.) ?(.*)$", inspect.getdoc(function), re.M)
        if lines:
            yield pytest.param(textwrap.dedent("\n".join(lines)), id=name)


@pytest.fixture(scope="module")
def names():
    return open_study("scenes/layer4/12", beside=["scenes/layer4/13"]).names


@pytest.mark.parametrize("code", list(examples()))
def test_every_example_runs_on_scenes(code, names):
    exec(compile(code, "example", "exec"), dict(names))
