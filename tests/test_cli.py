"""The ``maia`` command, as a user types it."""

import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from PIL import Image

from maia_lab.cli import CONCLUDED, FAILED, INTERRUPTED, UNREADABLE, main

SYNTHETIC = "synthetic/one/1001"


def maia(*words):
    return main([str(word) for word in words])


def test_every_command_has_help(capsys):
    with pytest.raises(SystemExit):
        maia("--help")
    listed = re.findall(r"^    (\w+) +(\w.*)$", capsys.readouterr().out, re.MULTILINE)
    assert {"demo", "bias", "compare", "spurious", "report"} <= dict(listed).keys()
    for command, says in listed:
        with pytest.raises(SystemExit) as ended:
            maia(command, "--help")
        assert ended.value.code == 0
        help = capsys.readouterr().out
        assert f"maia {command}" in help and says in help.partition("positional")[0]


@pytest.mark.parametrize(("words", "lists"), [([], "describe"), (["bench"], "synthetic")])
def test_a_command_without_a_name_lists_what_can_be_named(words, lists, capsys):
    assert maia(*words) == CONCLUDED
    assert f"\n    {lists} " in capsys.readouterr().out


def test_units_lists_layers_and_an_address_that_works(capsys):
    assert maia("units", "scenes") == CONCLUDED
    out = capsys.readouterr().out
    assert "layer4" in out and "scenes/logits/" in out


def test_exemplars_writes_a_grid(tmp_path, capsys):
    out = tmp_path / "new folder" / "grid.png"
    assert maia("exemplars", "scenes/layer4/12", "--out", out, "--count", 6) == CONCLUDED
    with Image.open(out) as grid:
        assert grid.format == "PNG" and grid.width > 3 * 64
    assert "6 images, activations" in capsys.readouterr().err


def test_doctor_says_what_works(capsys):
    assert maia("doctor") == CONCLUDED
    out = capsys.readouterr().out
    assert "ok   shipped networks" in out and "FAIL" not in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["describe", "scenes layer4 12"], "is not a unit; write it as model/layer/index"),
        (["describe", "scene/layer4/12"], "try scenes"),
        (["describe", "scenes/layer5/12"], "layer4"),
        (["describe", "scenes/layer4/4096"], "4096"),
        (["describe", "scenes/logits/triangel"], "triangle"),
        (["describe"], "needs either a unit or --resume"),
        (["bias"], "'bias' needs a model to study"),
        (["describe", "--resume", "x", "--seed", "1"], "cannot be changed"),
        (["spurious"], "needs a model to study"),
        (["spurious", "scenes"], "needs a layer; see maia units scenes"),
        (["spurious", "scenes", "--layer", "layer5", "--data", "planted"], "layer4"),
        (["describe", "scenes/layer4/12", "--generator", "crayons"], "retrieve, scenes"),
        (["describe", "scenes/layer4/12", "--session", "../x"], "is not a name"),
        (["describe", "--resume", "no-such-session"], "list them with: maia sessions"),
        (["describe", "scenes/layer4/12", "--agent", "clade"], "try claude"),
        (["describe", "scenes/layer4/12", "--data", "no-such-folder"], "neither a folder"),
        (["describe", "torch.nn:Identity/x/0"], "x"),
        (["units", "no.such.module:factory"], "no.such.module"),
        (["exemplars", "scenes/layer4/12", "--out", "grid.jpg"], "end in .png"),
        (["exemplars", "scenes/layer4/12", "--out", "g.png", "--stratum", "best"], "not a stratum"),
        (["report", "../../etc"], "is not a session"),
        (["rate", "nope"], "'nope' is not a session"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_with_the_next_step(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert maia(*words) in (FAILED, UNREADABLE)
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err
    assert err.startswith("maia: ") and len(err.strip().splitlines()) == 1


def test_one_damaged_session_does_not_hide_the_others(capsys):
    from maia_lab import places

    (places.sessions() / "odd").mkdir(parents=True)
    (places.sessions() / "odd" / "journal.jsonl").write_bytes(b"")
    assert maia("sessions") == CONCLUDED
    assert "odd" in capsys.readouterr().out


def test_what_cannot_be_written_is_said_before_the_work(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert maia("demo", "--out", tmp_path / "file") == FAILED
    assert "choose another folder" in capsys.readouterr().err


def test_a_unit_is_described_reported_and_not_opened_twice(tmp_path, capsys):
    named = ("--session", "first", "--seed", 3)
    assert maia("describe", SYNTHETIC, "--review", "auto", "--out", tmp_path, *named) == CONCLUDED
    told = capsys.readouterr()
    assert "Review is off" in told.err
    assert "this description" in told.out and "one-shot baseline" in told.out
    assert (tmp_path / "report.html").stat().st_size > 10_000
    nbformat.validate(nbformat.read(tmp_path / "first.ipynb", 4))
    assert maia("describe", SYNTHETIC, "--review", "auto", "--session", "first") == FAILED
    assert "first" in capsys.readouterr().err
    assert maia("describe", "--resume", "first") == FAILED
    assert "has ended" in capsys.readouterr().err
    assert maia("sessions") == CONCLUDED
    assert "first" in capsys.readouterr().out
    assert maia("report", "first", "--out", tmp_path / "again") == CONCLUDED
    assert (tmp_path / "again" / "report.html").is_file()


def test_safe_lets_the_offline_agent_work_by_the_allow_list(capsys):
    assert maia("describe", SYNTHETIC, "--review", "safe", "--session", "safe") == CONCLUDED
    assert "rejected" not in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a subprocess")
def test_ctrl_c_ends_cleanly_says_how_to_go_on_and_going_on_works(capsys):
    command = [sys.executable, "-m", "maia_lab", "describe", SYNTHETIC, "--review", "auto"]
    process = subprocess.Popen(
        [*command, "--session", "cut"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    for line in process.stdout:
        if line.startswith("2 "):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED
    assert "Go on with: maia describe --resume cut" in err and "Traceback" not in err
    assert maia("describe", "--resume", "cut", "--review", "auto") == CONCLUDED
    assert "this description" in capsys.readouterr().out
