import contextlib
import errno
import gc
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from test_journal import SAID, written
from test_names import HOSTILE

from maia_lab.errors import JournalError
from maia_lab.events import Noted, Paused
from maia_lab.journal import Journal

posix = pytest.mark.skipif(os.name != "posix", reason="the edge is POSIX's")

# Folders.


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_makes_no_folder(tmp_path, name):
    root = tmp_path / "inner"
    with pytest.raises(JournalError, match="is not a name for a session"):
        Journal.create(root, name)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused_and_nothing_of_it_changes(tmp_path):
    folder = written(tmp_path)
    before = (folder / "journal.jsonl").read_bytes()
    with pytest.raises(JournalError, match=r"'fox' already exists in .*; choose another"):
        Journal.create(tmp_path, "fox")
    assert (folder / "journal.jsonl").read_bytes() == before


@posix
def test_a_link_is_not_taken_for_a_new_or_an_old_session(tmp_path):
    outside = written(tmp_path / "outside") / "journal.jsonl"
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(JournalError, match="already exists"):
        Journal.create(tmp_path, "dangling")
    for name in ("journal.jsonl", "lock", "images"):
        mailed = written(tmp_path, name=f"with-{name}")
        path = mailed / name
        path.rename(tmp_path / f"real-{name}") if path.exists() else None
        path.symlink_to(outside)
        with pytest.raises(JournalError, match=f"has a link in the place of {name}"):
            Journal.open(mailed)
    assert Journal.open(outside.parent).events == SAID


def test_a_folder_without_a_journal_is_refused(tmp_path):
    with pytest.raises(JournalError, match="holds no session"):
        Journal.open(tmp_path)


def test_a_root_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be made"):
        Journal.create(tmp_path / "file", "fox")


@posix
def test_only_the_owner_can_read_what_is_written(tmp_path):
    before = os.umask(0)
    try:
        with Journal.create(tmp_path, "fox") as journal:
            journal.keep(b"pixels")
            journal.append(SAID[0])
            modes = {p.stat().st_mode & 0o777 for p in (tmp_path / "fox").rglob("*") if p.is_file()}
            folders = {(tmp_path / p).stat().st_mode & 0o777 for p in ("fox", "fox/images")}
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert folders == {0o700}


def test_the_second_to_open_a_journal_reads_until_the_first_is_done(tmp_path):
    with Journal.create(tmp_path, "fox") as first:
        first.append(SAID[0])
        second = Journal.open(tmp_path / "fox")
        assert second.events == (SAID[0],)
        assert second.why == "another process is writing it"
        with pytest.raises(JournalError, match="'fox' is read-only: another process is writing it"):
            second.append(SAID[1])
        first.append(SAID[1])
    assert not Journal.open(tmp_path / "fox").readonly


WRITER = """
import sys
from pathlib import Path
from maia_lab.events import Noted
from maia_lab.journal import Journal
with Journal.open(Path(sys.argv[1])) as journal:
    print("open" if not journal.readonly else journal.why, flush=True)
    for number in range(int(sys.argv[2]), 10**6):
        journal.append(Noted(str(number) * 50))
        print(number, flush=True)
"""


def writer(folder, first):
    command = [sys.executable, "-c", WRITER, str(folder), str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_process_killed_while_it_writes_loses_nothing_acknowledged(tmp_path):
    folder, known, chance = written(tmp_path, ()), 0, random.Random(0)
    for _ in range(6):
        with writer(folder, known) as process:
            assert process.stdout.readline() == "open\n"
            assert Journal.open(folder).why == "another process is writing it"
            time.sleep(chance.uniform(0.01, 0.08))
            process.kill()
            acknowledged = [int(line) for line in process.stdout if line.endswith("\n")]
        with Journal.open(folder) as journal:
            assert not journal.readonly
            assert [event.text[:1] for event in journal.events]
            known = len(journal.events)
            assert journal.events == tuple(Noted(str(number) * 50) for number in range(known))
            assert max(acknowledged, default=-1) < known


# A full disk.


@contextlib.contextmanager
def room_for(size):
    """A real limit: no file of this process can grow beyond ``size`` bytes."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@posix
def test_without_room_for_the_whole_line_nothing_takes_effect(tmp_path):
    folder, heard = written(tmp_path), []
    path = folder / "journal.jsonl"
    data = path.read_bytes()
    with Journal.open(folder) as journal:
        journal.read_by(heard.append, since=len(SAID))
        for room in range(260):
            with room_for(len(data) + room), pytest.raises(JournalError, match="make room, then"):
                journal.append(Paused("x" * 100))
            assert path.read_bytes() == data
            assert journal.events == SAID
        with room_for(100), pytest.raises(JournalError, match="could not be written"):
            journal.keep(bytes(200))
        assert list((folder / "images").iterdir()) == []
        assert heard == []
        journal.append(Paused("lunch"))
    assert heard == [Paused("lunch")]
    assert Journal.open(folder).events == (*SAID, Paused("lunch"))


@pytest.mark.parametrize("trouble", [OSError(errno.EIO, "broken disk"), KeyboardInterrupt()])
def test_what_is_interrupted_before_it_is_on_disk_takes_no_effect(tmp_path, monkeypatch, trouble):
    folder = written(tmp_path)
    before = (folder / "journal.jsonl").read_bytes()

    def fail(file):
        raise trouble

    with Journal.open(folder) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises((JournalError, KeyboardInterrupt)):
                journal.append(Paused("lunch"))
        assert (folder / "journal.jsonl").read_bytes() == before
        assert journal.events == SAID
        journal.append(Paused("tea"))
    assert Journal.open(folder).events == (*SAID, Paused("tea"))


@posix
def test_an_interrupt_at_any_moment_leaves_memory_and_disk_the_same(tmp_path):
    with Journal.create(tmp_path, "fox") as journal:
        chance, done = random.Random(3), 0

        def interrupt(number, frame):
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        # What is raised within a callback of the collector, which other tools hook, is lost.
        gc.disable()
        try:
            for number in range(150):
                with contextlib.suppress(KeyboardInterrupt):
                    signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 2e-3))
                    journal.append(Noted(str(number)))
                    done += 1
                    time.sleep(0.003)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            gc.enable()
        journal.append(Noted("end"))
        assert len(journal.events) >= done + 1
        again = Journal.open(tmp_path / "fox", readonly=True)
        assert again.events == journal.events
        assert not again.faults
