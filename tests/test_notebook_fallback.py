"""Without a page: the same session through ``set_next_input``, where running a cell approves it."""

import itertools
import subprocess
import sys

import kernels
import pytest

UNIT = "synthetic/one/1001"


@pytest.fixture(scope="module")
def front(own_folders):
    with kernels.opened() as front:
        yield front


numbers = itertools.count()


def following(outcome):
    """The cell that the front end inserts below."""
    reply, outputs = outcome
    assert reply["status"] == "ok", outputs
    (payload,) = [p for p in reply["payload"] if p["source"] == "set_next_input"]
    assert not payload["replace"]
    return payload["text"]


def begin(front, *options):
    return following(
        front.run(f"%maia describe {UNIT} --new {' '.join(options)}", f"magic-{next(numbers)}")
    )


def test_every_cell_ends_with_the_next_one_down_to_an_accepted_conclusion(front):
    source = begin(front, "--steps", "3")
    outcome = None
    for step in (1, 2):
        assert f"/{step} · " in source.splitlines()[0]
        outcome = front.run(source, f"given-{step}")
        source = following(outcome)
        assert "The agent is thinking" in kernels.text(outcome[1])
    reply, outputs = front.run(source, "given-3")
    assert reply["status"] == "ok" and not reply["payload"]
    assert "%maia accept" in kernels.text(outputs)
    _, outputs = front.run("%maia accept")
    assert "## Conclusion" in kernels.text(outputs)
    _, outputs = front.run(f"%maia describe {UNIT}", f"magic-{next(numbers) - 1}")
    assert "has ended" in kernels.text(outputs) and "## Conclusion" in kernels.text(outputs)


def test_an_edited_cell_counts_as_edited_and_a_run_cell_runs_again_freely(front):
    source = begin(front)
    edited = source + "\nprint('as edited')"
    outcome = front.run(edited, "one")
    assert "as edited" in kernels.text(outcome[1]) and "/2 · " in following(outcome)
    reply, outputs = front.run(edited, "one")
    assert "as edited" in kernels.text(outputs) and not reply["payload"]


def test_a_rejection_brings_another_and_the_rejected_cell_never_runs(front):
    source = begin(front)
    other = following(front.run('%maia reject "one image is too few"'))
    assert "/2 · " in other
    reply, outputs = front.run(source)
    assert reply["ename"] == "Refused" and "never approved" in kernels.text(outputs)


def test_a_proposal_offered_again_is_run_from_its_newer_cell_only(front):
    source = begin(front)
    assert front.run("%maia pause")[0]["status"] == "ok"
    assert "%maia resume" in kernels.text(front.run(source)[1])
    again = following(front.run("%maia resume"))
    assert "/1.2 · " in again
    assert "newer cell" in kernels.text(front.run(source)[1])
    assert "/2 · " in following(front.run(again))


def test_a_conclusion_can_be_sent_back(front):
    source = begin(front, "--steps", "4")
    front.run("%maia hypothesis add it sees sand")
    while "the conclusion" not in source.splitlines()[0]:
        source = following(front.run(source))
    front.run(source)
    reply, outputs = front.run('%maia not-yet "test snow"')
    assert reply["status"] == "ok"
    assert "budget" in kernels.text(outputs) or reply["payload"]


def test_steps_that_run_by_themselves_run_within_the_cell_and_are_shown(front):
    begin(front)
    outcome = front.run("%maia auto 2")
    assert "/3 · " in following(outcome)
    assert {"stream", "display_data"} <= {kind for kind, _ in outcome[1]}
    assert "/4 · " in following(front.run("%maia approve"))


def test_an_experiment_of_ones_own_is_a_step_and_not_one_again_when_it_is_rerun(front):
    begin(front)
    cell = (
        "%%maia try \"is it red?\"\nprint(tools.compare({'red': tools.text2image('red ring', 3)}))"
    )
    outcome = front.run(cell, "own")
    assert "red" in kernels.text(outcome[1]) and "/3 · " in following(outcome)
    reply, outputs = front.run(cell, "own")
    assert "red" in kernels.text(outputs) and not reply["payload"]
    reply, outputs = front.run("%%maia try\n\n1 / 0", "own-2")
    assert "3 1 / 0" in kernels.text([o for o in outputs if o[0] == "error"])
    assert reply["ename"] == "ZeroDivisionError"


def test_a_front_end_that_never_answers_the_call_is_served_in_the_same_way(front):
    front.run("%unload_ext maia_lab")
    front.ignored = True
    front.run("%load_ext maia_lab", "load-again")
    assert "/2 · " in following(front.run(begin(front)))
    assert "no labextension" in kernels.text(front.run("%maia status")[1])


def test_a_terminal_brings_the_next_cell_to_the_prompt(own_folders):
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell('%load_ext maia_lab')\n"
        f"shell.run_cell('%maia describe {UNIT}')\n"
        "shell.run_cell(shell.rl_next_input)\n"
        "shell.run_cell('%maia status')\n"
        "assert '/2 · ' in shell.rl_next_input"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "this is a terminal" in done.stdout and "strongest" in done.stdout


def test_working_to_the_end_in_one_cell_needs_a_policy(front):
    reply, outputs = front.run(f"%maia describe {UNIT} --wait")
    assert reply["status"] == "error" and "--review safe" in kernels.text(outputs)
    reply, outputs = front.run(f"%maia describe {UNIT} --wait --review auto --steps 2")
    assert reply["status"] == "ok" and "## Conclusion" in kernels.text(outputs)
    assert "Review is off" in kernels.text(outputs)
