"""A recorded session told again: at the reader's pace, with nothing run, whoever recorded it."""

import io
import os
import random
import re
import subprocess
import sys

import conftest
import journals
import kernels
import pytest
from hostile_text import HOSTILE

from maia_lab import places, report
from maia_lab.console import Retelling
from maia_lab.errors import MaiaError
from maia_lab.events import Began, Decided, Noted, Observed, Offered
from maia_lab.images import decode
from maia_lab.journal import Journal
from maia_lab.observation import Measurement, Observation, Picture, Score, Text
from maia_lab.proposal import Proposal
from maia_lab.replay import beats, copy, paced, recording, replay
from maia_lab.review import Approve, Edit
from maia_lab.sessions import RECORDINGS

NAN, INFINITY = float("nan"), float("inf")


@pytest.fixture
def recorded(tmp_path):
    """A session's folder with everything in it that can be in one."""
    journal = Journal.create(tmp_path, "amber-fox")
    journals.example(journal, [conftest.plain("red", 0), conftest.plain("blue", 0)])
    journal.close()
    return tmp_path / "amber-fox"


def told(folder):
    journal, remarks = recording(folder)
    page = io.StringIO()
    replay(journal, Retelling(page), paced(0))
    return page.getvalue(), remarks


def maia(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "maia_lab", *map(str, words)],
        capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL, **options,
    )  # fmt: skip


def test_everything_recorded_is_told_in_order_with_who_answered(recorded):
    done = maia("replay", recorded)
    assert done.returncode == 0 and "nothing runs" in done.stderr
    wanted = (
        "Is it red?", "fires for red things", "red circles above blue circles", "⚑",
        "per_prompt=3", "-images", "+images", "per_prompt=5", "edited and approved by human",
        "take more", "red circles", "human says: Look at the background too.", "Mistyped",
        "NameError", "Delete everything", "rejected by human: no files, please", "paused: lunch",
        "goes on", "conclusion", "rejected by ledger", "well done", "0.91", "accepted by human",
    )  # fmt: skip
    at = 0
    for words in wanted:
        at = done.stdout.find(words, at)
        assert at >= 0, words


def test_a_replay_needs_no_heavy_library_no_key_and_no_network(recorded):
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from maia_lab.cli import main\n"
        f"main(['replay', {str(recorded)!r}])\n"
        "print('heavy:', *{'torch', 'anthropic', 'diffusers', 'IPython'} & set(sys.modules))"
    )
    bare = {k: v for k, v in os.environ.items() if not k.startswith("ANTHROPIC")}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL, env=bare,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "heavy:\n" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_at_a_terminal_enter_turns_the_page_and_q_ends_it(recorded):
    import pty

    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "maia_lab", "replay", str(recorded)]
    told = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, close_fds=True
    )
    os.close(terminal)
    seen = ""

    def until(words):
        nonlocal seen
        while words not in seen:
            seen += os.read(screen, 4096).decode(errors="replace")

    until("[Enter] step 1")
    assert "Is it red?" not in seen
    os.write(screen, b"\n")
    until("[Enter] what became of it")
    assert "Is it red?" in seen and "edited and approved" not in seen
    os.write(screen, b"\n")
    until("[Enter] step 2")
    assert "edited and approved" in seen
    os.write(screen, b"q\n")
    assert told.wait(120) == 0
    os.close(screen)


def test_it_goes_on_by_itself_at_a_pace(recorded):
    import time

    began = time.monotonic()
    done = maia("replay", recorded, "--pace", "0.05")
    assert "accepted by human" in done.stdout and time.monotonic() - began > 0.05 * 8
    assert maia("replay", recorded, "--pace", "x").returncode == 2


def test_nothing_recorded_runs_and_nothing_is_written(recorded, tmp_path):
    marker = tmp_path / "marker"
    code = f"import pathlib\npathlib.Path({str(marker)!r}).touch()"
    journal = Journal.create(tmp_path, "sent")
    for event in (
        journals.opened(),
        Offered(1, 1, Proposal("look", code), "offline"),
        Decided(1, 1, Edit(code + "\n" + code), "auto"),
        Began(1, 1, "0" * 64),
        Observed(1, Observation((Text("done"),))),
    ):
        journal.append(event)
    journal.close()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "sent").rglob("*")}
    assert maia("replay", tmp_path / "sent").returncode == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "sent").rglob("*")} == before
    assert not marker.exists()


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_steers_no_terminal(word, tmp_path):
    journal = Journal.create(tmp_path, "sent")
    journals.example(journal, [conftest.plain("red", 0)], word)
    journal.close()
    page, _ = told(tmp_path / "sent")
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", page
    )


def test_numbers_that_are_none_and_events_out_of_order_are_told_too(tmp_path):
    journal = Journal.create(tmp_path, "sent")
    odd = [
        Measurement("a", (v,), ("x",), v, v, v, v, "b", v, v, v, v)
        for v in (NAN, INFINITY, -INFINITY)
    ]
    score = Score("this description", ("a",), NAN, INFINITY, -1, 0, 0, correlation=NAN)
    gone = Picture("../../../etc/passwd\x1b[31m", "a\x1b[2Jb", -1, 10**12)
    for event in (
        journals.opened(),
        Observed(7, Observation((gone,), tuple(odd), (score,), seconds=NAN)),
        Decided(-3, 9, Approve(), "nobody\x1b[2J"),
        journals.opened(),
        Offered(2, 7, Proposal("again", "x"), "x"),
        Noted("late", "data\x1b]0;title\x07"),
    ):
        journal.append(event)
    journal.close()
    page, _ = told(tmp_path / "sent")
    assert "late" in page and "\x1b" not in page and "again" in page
    assert maia("report", tmp_path / "sent", "--out", tmp_path / "report").returncode == 0


def test_a_session_is_told_up_to_its_damage_and_that_is_said(recorded):
    lines = (recorded / "journal.jsonl").read_bytes().splitlines(keepends=True)
    whole, remarks = told(recorded)
    assert not remarks
    for spoil, says in (
        (lambda line: b"\x00" * len(line), "line 6 is damaged"),
        (lambda line: b"", "line 6 does not follow"),
        (lambda line: line.replace(b"Look at", b"Look up"), "line 6 is damaged"),
    ):
        (recorded / "journal.jsonl").write_bytes(
            b"".join([*lines[:5], spoil(lines[5]), *lines[6:]])
        )
        page, remarks = told(recorded)
        assert says in " ".join(remarks) and "readable lines behind" in " ".join(remarks)
        assert "red circles" in page and "Look at the background" not in page
        assert "Mistyped" not in page and whole.startswith(page)
        done = maia("replay", recorded)
        assert done.returncode == 0 and says in done.stderr


def test_cut_anywhere_it_is_told_as_far_as_it_goes(recorded):
    path = recorded / "journal.jsonl"
    data, (whole, _) = path.read_bytes(), told(recorded)
    chance = random.Random(5)
    for cut in sorted(chance.sample(range(len(data)), 60)):
        path.write_bytes(data[:cut])
        try:
            page, remarks = told(recorded)
        except MaiaError as error:
            assert b"\n" not in data[:cut], error
            continue
        assert whole.startswith(page)
        assert (
            data[:cut].endswith(b"\n") or "unfinished" in remarks[0] or data[cut : cut + 1] == b"\n"
        )


def test_any_flipped_bit_is_told_or_refused_and_nothing_else(recorded):
    path = recorded / "journal.jsonl"
    data, (whole, _) = path.read_bytes(), told(recorded)
    chance = random.Random(6)
    for _ in range(60):
        place, bit = chance.randrange(len(data)), chance.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        try:
            page, remarks = told(recorded)
        except MaiaError:
            continue
        assert whole.startswith(page) and (remarks or page == whole)


@pytest.mark.parametrize("name", ["nobody", "../../etc", "", "con", "demo/..", "/etc", "."])
def test_what_is_no_session_is_said_in_a_line(name, tmp_path):
    done = maia("replay", name, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_no_link_or_pipe_in_a_folder_from_elsewhere_is_followed(recorded, tmp_path):
    picture = next((recorded / "images").iterdir())
    secret = tmp_path / "secret.png"
    picture.rename(secret)
    picture.symlink_to(secret)
    with pytest.raises(MaiaError, match="not among the pictures"):
        Journal.open(recorded, readonly=True).image(picture.stem)
    picture.unlink()
    os.mkfifo(picture)
    with pytest.raises(MaiaError, match="not among the pictures"):
        Journal.open(recorded, readonly=True).image(picture.stem)
    (recorded / "journal.jsonl").rename(tmp_path / "elsewhere")
    (recorded / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
    assert "has a link in the place of" in maia("replay", recorded).stderr


def test_a_recording_comes_with_the_package():
    done = maia("replay", "demo")
    assert done.returncode == 0 and "scenes/layer4/12" in done.stdout
    assert "the description stands, accepted by auto" in done.stdout
    assert done.stderr == "Replayed: demo; nothing runs.\n"
    files = [path for path in (RECORDINGS / "demo").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 700_000
    journal, _ = recording("demo")
    shown = [p for e in journal.events if isinstance(e, Observed) for p in e.observation.parts]
    pictures = [part for part in shown if isinstance(part, Picture)]
    assert pictures and all(decode(journal.image(p.sha256)).width == p.width for p in pictures)


def test_a_recording_that_comes_with_the_package_is_reported_and_not_added_to(tmp_path):
    assert maia("report", "demo", "--out", tmp_path).returncode == 0
    assert (tmp_path / "report.html").stat().st_size > 10_000
    for words in (("rate", "demo", "--rater", "clip:nowhere"), ("describe", "--resume", "demo")):
        done = maia(*words)
        assert done.returncode == 1 and "maia replay demo --copy FOLDER" in done.stderr
    assert not list((RECORDINGS / "demo").glob("*.lock"))


def test_a_copy_to_hand_out_tells_the_same_with_smaller_pictures(recorded, tmp_path):
    assert maia("replay", recorded, "--copy", tmp_path / "handout").returncode == 0
    assert told(tmp_path / "handout") == told(recorded)
    again = maia("replay", recorded, "--copy", tmp_path / "handout")
    assert again.returncode == 1 and "already exists" in again.stderr


def test_a_key_is_in_nothing_that_a_session_leaves(tmp_path, monkeypatch):
    key = "canary-0123456789"
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    journal = Journal.create(tmp_path, "sent")
    journals.example(journal, [conftest.plain("red", 0)], f" {key} and sk-ant-api03-{key}")
    report.write(journal, tmp_path / "report")
    copy(journal, tmp_path / "handout")
    (tmp_path / "told.txt").write_text(told(tmp_path / "sent")[0], "utf-8")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 8 and not [path for path in files if key.encode() in path.read_bytes()]
    assert "ANTHROPIC_API_KEY removed" in (tmp_path / "told.txt").read_text("utf-8")


def test_a_step_is_a_portion(recorded):
    journal, _ = recording(recorded)
    portions = beats(journal.events)
    assert [type(p[0]).__name__ for p in portions] == ["Opened", *["Offered"] * 5]
    assert sum(map(len, portions)) == len(journal.events)


@pytest.fixture(scope="module")
def front(own_folders):
    with kernels.opened() as front:
        yield front


def test_in_a_notebook_each_cell_shows_what_was_recorded_and_runs_nothing(front, tmp_path):
    marker = tmp_path / "marker"
    journal = Journal.create(places.sessions(), "in-class")
    word = f"\nimport pathlib; pathlib.Path({str(marker)!r}).touch()"
    journals.example(journal, [conftest.plain("red", 0), conftest.plain("blue", 0)], word)
    journal.close()
    reply, outputs = front.run("%maia replay in-class")
    assert "nothing runs" in kernels.text(outputs) and "Is it red?" in kernels.text(outputs)
    assert {kind for kind, _ in outputs} == {"stream"}, "lines that are displayed stand far apart"
    seen, kinds = [], []
    while reply["payload"]:
        (payload,) = reply["payload"]
        text = payload["text"]
        assert text.startswith(f"%%maia replay in-class --step {len(seen) + 1}\n# maia: in-class/")
        reply, outputs = front.run(text)
        assert reply["status"] == "ok", outputs
        seen.append(kernels.text(outputs))
        kinds += [kind for kind, content in outputs if "image/png" in content.get("data", {})]
    assert len(seen) == 5 and kinds == ["display_data"]
    assert "edited and approved by human" in seen[0] and "three" in seen[0]
    assert "NameError" in seen[1] and "rejected by human" in seen[2]
    assert "the description stands" in seen[4] and "the recording ends" in seen[4]
    # Once more, it brings no second cell; whatever is written in it, nothing of it runs.
    reply, outputs = front.run(f"%%maia replay in-class --step 1{word}")
    assert "edited and approved by human" in kernels.text(outputs) and not reply["payload"]
    assert not marker.exists()
    front.run("%unload_ext maia_lab")
    reply, _ = front.run(f"%%maia replay in-class --step 1{word}")
    assert reply["status"] == "error" and not marker.exists()
    front.run("%load_ext maia_lab")


def test_in_a_notebook_all_of_it_is_told_in_one_cell(front):
    journal = Journal.create(places.sessions(), "at-once")
    journals.example(journal, [conftest.plain("red", 0)])
    journal.close()
    reply, outputs = front.run("%maia replay at-once --all")
    said = kernels.text(outputs)
    assert not reply["payload"] and "per_prompt=3" in said and "accepted by human" in said
    for line, says in (
        ("%maia replay at-once --step 9", "choose 1 to 5"),
        ("%maia replay nobody", "is not a session"),
        ("%maia replay at-once --pace -1", "accepted by human"),
    ):
        said = kernels.text(front.run(line)[1])
        assert says in said and "maia_lab/" not in said
