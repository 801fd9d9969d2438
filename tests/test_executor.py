import io
import linecache
import logging
import os
import sys
import threading
import time

import pytest
from PIL import Image

from maia_lab import executor as module
from maia_lab.executor import LocalExecutor
from maia_lab.journal import Journal
from maia_lab.observation import Picture, Text


@pytest.fixture
def journal():
    return Journal.memory()


@pytest.fixture
def executor(system, tools, journal):
    return LocalExecutor({"system": system, "tools": tools}, tools.recorder, journal.keep)


# What comes out.


def test_what_is_printed_and_shown_comes_out_in_order(executor, journal):
    code = """
import sys
print("first")
tools.display("red", tools.text2image("red"))
sys.stderr.write("warned\\n")
print("last", end="")
"""
    observation = executor.run(code)
    first, picture, last = observation.parts
    assert (first.text, last.text) == ("first\nred\n", "warned\nlast")
    with Image.open(io.BytesIO(journal.image(picture.sha256))) as image:
        assert image.size == (picture.width, picture.height)
    assert (observation.outcome, observation.error) == ("done", "")
    assert 0 < observation.seconds < 60


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("1 + 1", "2\n"),
        ("x = 3\nx", "3\n"),
        ("'a\\nb'", "'a\\nb'\n"),
        ("None", ""),
        ("x = 3", ""),
        ("for i in range(2): i", ""),
        ("'only a docstring'", "'only a docstring'\n"),
        ("", ""),
        ("# nothing but a comment", ""),
        ("print('x')", "x\n"),
        ("1\r\n2\r\n", "2\n"),
    ],
)
def test_the_value_of_the_last_expression_is_shown_as_in_a_notebook(executor, code, text):
    assert executor.run(code).text == text


@pytest.mark.parametrize(
    "last", ["images[0]", "images", "system.call_neuron(images)", "tools.dataset_exemplars(system)"]
)
def test_images_as_the_last_value_are_shown_as_a_picture(executor, last):
    observation = executor.run(f"images = tools.text2image(['red', 'blue'])\n{last}")
    assert [type(part) for part in observation.parts] == [Picture]
    assert "image" in observation.parts[0].alt


def test_measurements_are_kept_with_the_step_that_made_them(executor):
    code = "print(tools.compare({c: tools.text2image(c, 3) for c in ('red', 'blue')}, 'blue'))"
    observation = executor.run(code)
    assert [m.condition for m in observation.measurements] == ["red", "blue"]
    assert executor.run("1").measurements == ()


def test_a_progress_bar_leaves_its_last_line_only(executor):
    code = r"print('\r 10 %\r 50 %\r100 %\nnext\r\nthird')"
    assert executor.run(code).text == "100 %\nnext\r\nthird\n"


def test_output_beyond_the_bounds_is_left_out_and_counted(executor):
    observation = executor.run("for i in range(300_000): print('x' * 9)")
    assert len(observation.text) < module.MOST_TEXT + 200
    assert observation.text.endswith("[2,800,000 more characters were printed and are left out]\n")
    observation = executor.run("print('a')\nprint('x' * 10**6)\nprint('z')")
    assert observation.text[module.MOST_TEXT - 2 :].startswith("xx\n[800,")
    observation = executor.run("for i in range(70): tools.display(tools.text2image('red'))")
    assert sum(isinstance(part, Picture) for part in observation.parts) == module.MOST_PICTURES
    assert "[10 more pictures were shown and are left out]" in observation.text


def test_many_small_prints_are_quick(executor):
    began = time.process_time()
    executor.run("for i in range(90_000): print(1)")
    assert time.process_time() - began < 2


# One dictionary.


def test_functions_see_what_earlier_experiments_imported_and_defined(executor):
    executor.run("import math\ndef area(r):\n    return round(math.pi * r**2, 2)")
    assert executor.run("area(2)").text == "12.57\n"


def test_names_that_were_rebound_are_restored_and_reported(executor, tools):
    observation = executor.run("tools = system = None\nprint('mine now')\n1 / 0")
    assert observation.outcome == "error"
    for name in ("tools", "system"):
        assert f"`{name}` was given another value here" in observation.text
    assert executor.namespace["tools"] is tools
    assert "given another value" in executor.run("del system").text
    assert executor.run("len(tools.text2image('red')), system.unit.model").text == "(1, 'red')\n"


def test_future_statements_of_this_package_do_not_leak_in(executor):
    assert executor.run("def f(x: int): ...\nf.__annotations__").text == "{'x': <class 'int'>}\n"


def test_classes_and_dataclasses_work_as_in_a_notebook(executor):
    code = """
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class Point:
    x: int = 3
if __name__ == "__main__":
    print(Point())
"""
    assert executor.run(code).text == "Point(x=3)\n"


# What goes wrong.


def test_a_traceback_shows_the_experiments_lines_and_nothing_of_this_package(executor):
    code = "def draw(word):\n    return tools.text2image(word)  # here\n\ndraw('purple')"
    observation = executor.run(code)
    assert observation.outcome == "error"
    assert "    draw('purple')\n" in observation.error
    assert "    return tools.text2image(word)  # here\n" in observation.error
    assert "WordsError: 'purple' cannot be drawn; say red, green or blue." in observation.error
    assert os.sep + "maia_lab" + os.sep not in observation.error
    assert observation.error.count('File "') == observation.error.count('File "<experiment') + 1


def test_an_error_in_an_earlier_function_still_shows_its_line(executor):
    executor.run("def halve(x):\n    return x / 0  # oops")
    linecache.checkcache()
    observation = executor.run("halve(1)")
    assert "return x / 0  # oops" in observation.error
    assert "line 2, in halve" in observation.error


def test_causes_are_told_and_cleaned_too(executor):
    code = """
try:
    tools.text2image("purple")
except Exception as error:
    raise RuntimeError("no colour") from error
"""
    error = executor.run(code).error
    assert "WordsError" in error
    assert "direct cause" in error
    assert "RuntimeError: no colour" in error
    assert os.sep + "maia_lab" + os.sep not in error


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("x = (", "SyntaxError: '(' was never closed"),
        ("await f()", "SyntaxError: 'await' outside function"),
        ("  x = 1", "IndentationError"),
        ("'\0'", "null byte"),
        ("x = '\ud800'", "surrogates not allowed"),
        ("return 1", "SyntaxError: 'return' outside function"),
        ("(" * 10_000, "Error"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import sys; sys.exit()", "SystemExit"),
        ("class Odd(BaseException): ...\nraise Odd", "Odd"),
        ("def f(): f()\nf()", "RecursionError"),
        ("input('name? ')", "EOFError"),
        ("class Rude:\n    def __repr__(self): 1 / 0\nRude()", "ZeroDivisionError"),
        ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "str() failed"),
        ("raise ExceptionGroup('two', [KeyError(1), KeyError(2)])", "2 sub-exceptions"),
        ("raise ValueError('x' * 10**6)", "[…]"),
    ],
)
def test_whatever_the_code_raises_is_an_error_of_the_step(executor, code, error):
    observation = executor.run(code)
    assert observation.outcome == "error"
    assert error in observation.error
    assert len(observation.error) <= module.MOST_ERROR + 10
    assert executor.run("'fine'").text == "'fine'\n"


def test_an_error_in_the_grammar_points_at_its_place(executor):
    error = executor.run("x = 1\ny = = 2").error
    assert "    y = = 2\n        ^\nSyntaxError" in error
    assert "line 2" in error
    assert "Traceback" not in error


def test_what_was_printed_before_an_error_is_kept(executor):
    observation = executor.run("print('before')\n1 / 0")
    assert observation.parts == (Text("before\n"),)


# What it leaves behind.


@pytest.mark.parametrize("ending", ["", "1 / 0", "raise KeyboardInterrupt", "raise SystemExit"])
def test_streams_and_hooks_are_restored_whatever_happens(executor, tools, ending):
    before = {name: getattr(sys, name) for name in module.SYSTEM}
    target = tools.recorder.target
    code = "import sys\n" + "\n".join(f"sys.{name} = None" for name in module.SYSTEM)
    executor.run(f"{code}\n{ending}")
    assert {name: getattr(sys, name) for name in module.SYSTEM} == before
    assert tools.recorder.target is target


LATE = """
import threading, time
def speak():
    go.wait(60)
    print(said)
    tools.display(said)
    tools.compare({"red": tools.text2image("red", 3)})
    spoken.set()
go, spoken, said = threading.Event(), threading.Event(), "from the thread"
threading.Thread(target=speak).start()
"""


def test_a_thread_of_the_step_is_heard_in_it(executor):
    observation = executor.run(LATE + "go.set(); spoken.wait(60); print('end')")
    assert observation.text == "from the thread\nfrom the thread\nend\n"
    assert len(observation.measurements) == 2


def test_a_stray_thread_is_not_heard_after_its_step(executor, capsys):
    executor.run(LATE)
    executor.run("go.set(); spoken.wait(60)")
    assert capsys.readouterr().out == "from the thread\nfrom the thread\n"
    executor.run(LATE)
    observation = executor.run("go.set(); spoken.wait(60); print('my own')")
    assert observation.text == "my own\n"
    assert observation.measurements == ()
    assert capsys.readouterr().out == "from the thread\nfrom the thread\n"


def test_a_log_handler_made_in_one_step_speaks_in_the_next(executor, capsys):
    make = (
        "import logging\nlog = logging.getLogger('experiment')\nhandler = logging.StreamHandler()"
    )
    executor.run(f"{make}\nlog.addHandler(handler)\nlog.warning('one')")
    try:
        assert executor.run("log.warning('two')").text == "two\n"
        logging.getLogger("experiment").warning("outside")
        assert "outside" in capsys.readouterr().out
    finally:
        executor.run("log.removeHandler(handler)")


def test_two_executors_in_turn_keep_their_output_and_names_apart(executor, system, tools, journal):
    other = LocalExecutor({"system": system, "tools": tools}, tools.recorder, journal.keep)
    executor.run("mine = 1")
    assert "NameError" in other.run("mine").error
    assert other.run("print('other')").text == "other\n"
    assert executor.run("mine").text == "1\n"


def test_experiments_on_two_threads_take_turns(system, tools, journal):
    stdout, said = sys.stdout, {}

    def work(who):
        one = LocalExecutor({"system": system, "tools": tools}, tools.recorder, journal.keep)
        code = f"import time\nfor i in range(5):\n    print('{who}')\n    time.sleep(0.002)"
        said[who] = "".join(one.run(code).text for _ in range(5))

    threads = [threading.Thread(target=work, args=(who,)) for who in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {"a": "a\n" * 25, "b": "b\n" * 25}
    assert sys.stdout is stdout
