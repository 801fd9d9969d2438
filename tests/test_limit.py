import gc
import os
import signal
import sys
import threading
import time

import pytest

from maia_lab.executor import LocalExecutor
from maia_lab.journal import Journal

posix = pytest.mark.skipif(os.name != "posix", reason="the edge is POSIX's")


@pytest.fixture(autouse=True)
def no_collector():
    """What is raised within a callback of the collector, which other tools hook, is lost."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def journal():
    return Journal.memory()


@pytest.fixture
def executor(system, tools, journal):
    return LocalExecutor({"system": system, "tools": tools}, tools.recorder, journal.keep)


def on_a_thread(function, *arguments):
    """What a function returns that runs on another thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments)))
    thread.start()
    thread.join()
    return results[0]


def here(function, *arguments):
    return function(*arguments)


@pytest.mark.parametrize("where", [here, on_a_thread])
@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except Exception: pass",
        "import time\nfor i in range(2):\n    try:\n        while True: time.sleep(0.01)\n"
        "    except: print('caught')\nwhile True: time.sleep(0.01)",
        "import time\nwhile True: time.sleep(0.01)",
        "while True: tools.text2image('red', per_prompt=50)",
        "print('x')\nwhile True: print('y', end='')",
        "class Slow:\n    def __repr__(self):\n        while True: pass\nSlow()",
    ],
)
def test_an_endless_experiment_ends_at_its_limit(executor, where, code, monkeypatch):
    monkeypatch.setattr("maia_lab.limit.AGAIN", 0.05)
    observation = where(executor.run, code, 0.1)
    assert observation.outcome == "limit"
    assert "TimeLimit: the experiment took longer than the 0.1 s it had" in observation.error
    assert "<experiment" in observation.error
    assert observation.seconds < 60
    assert where(executor.run, "2 * 2", 60.0).text == "4\n"


@posix
def test_a_long_sleep_ends_at_the_limit(executor):
    assert executor.run("import time; time.sleep(30)", 0.1).seconds < 20


@pytest.mark.parametrize("where", [here, on_a_thread])
def test_what_ends_in_time_is_left_alone(executor, where):
    for _ in range(200):
        assert where(executor.run, "1 + 1", 60.0).text == "2\n"
    assert "experiment's time" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("where", [here, on_a_thread])
def test_a_limit_that_strikes_at_any_moment_comes_out_as_an_outcome(executor, where, monkeypatch):
    monkeypatch.setattr("maia_lab.limit.AGAIN", 0.0005)
    streams = sys.stdout, sys.stderr, sys.stdin
    outcomes, pace = set(), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for number in range(300):
            code = f"for i in range({number * 9}): print(sum(range(50)))"
            outcomes.add(where(executor.run, code, 0.001).outcome)
            assert (sys.stdout, sys.stderr, sys.stdin) == streams
    finally:
        sys.setswitchinterval(pace)
    assert outcomes <= {"done", "limit"}
    assert len(outcomes) == 2


@posix
def test_an_alarm_that_someone_else_had_set_goes_on(executor):
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        assert executor.run("while True: pass", 0.1).outcome == "limit"
        time.sleep(0.4)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert heard == [1]


INTERRUPT = "import signal\nprint('before')\nsignal.raise_signal(signal.SIGINT)\nprint('after')"


def test_an_interrupt_ends_the_step_and_not_the_process(executor):
    observation = executor.run(INTERRUPT)
    assert observation.outcome == "interrupted"
    assert observation.text == "before\n"
    assert "KeyboardInterrupt" in observation.error
    assert "line 3" in observation.error
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_outside_the_experiments_code_waits_until_all_is_restored(
    system, tools, journal
):
    stdout = sys.stdout

    def store(data):
        signal.raise_signal(signal.SIGINT)
        return journal.keep(data)

    executor = LocalExecutor({"system": system, "tools": tools}, tools.recorder, store)
    observation = executor.run("image = tools.text2image('red')[0]\nimage")
    assert observation.outcome == "interrupted"
    assert len(observation.parts) == 1
    assert sys.stdout is stdout


def test_a_handler_of_someone_else_stays_in_charge(executor):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        assert executor.run(INTERRUPT).text == "before\nafter\n"
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]
