import contextlib
import errno
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zlib

import pytest
from test_names import HOSTILE

from maia_lab import envelope
from maia_lab.errors import JournalError
from maia_lab.events import Noted, Observed, Opened, Paused, Setting
from maia_lab.journal import Journal
from maia_lab.observation import Observation, Picture, Text
from maia_lab.task import DESCRIBE
from maia_lab.unit import Unit

OPENED = Opened(
    "fox", DESCRIBE.ask(Unit("scenes", "layer4", 12)), Setting("offline", "scenes", "3000 scenes")
)
SAID = tuple(Noted(text) for text in ("red?", 'a "quoted" line\nof two', "☃ and \u202e", "", "end"))
posix = pytest.mark.skipif(os.name != "posix", reason="the edge is POSIX's")


def written(root, events=SAID, name="fox"):
    """The folder of a closed journal that holds the events."""
    with Journal.create(root, name) as journal:
        for event in events:
            journal.append(event)
    return root / name


def by_hand(last, content, **envelope_fields):
    """A line that another version may have written: sealed as it should be."""
    fields = {
        "v": "1.0",
        "seq": last.seq + 1,
        "previous": last.sha256,
        "time": "2031-01-01T00:00:00+00:00",
        "monotonic": 1.0,
        "epoch": "e",
        "event": content,
    }
    body = json.dumps(fields | envelope_fields, separators=(",", ":")).encode()[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


# What it is for.


def test_a_journal_that_is_opened_again_holds_the_same_events(tmp_path):
    folder = written(tmp_path, (OPENED, *SAID))
    with Journal.open(folder) as journal:
        assert journal.events == (OPENED, *SAID)
        assert (journal.name, journal.folder) == ("fox", folder.resolve())
        assert not journal.readonly
        assert not journal.repaired
        journal.append(Paused("lunch"))
    assert Journal.open(folder).events == (OPENED, *SAID, Paused("lunch"))


def test_a_record_says_when_where_and_after_what_it_was_written(tmp_path):
    folder = written(tmp_path)
    with Journal.open(folder) as journal:
        journal.append(Paused("lunch"))
        *_, before, last = journal.records
    assert [record.seq for record in journal.records] == [1, 2, 3, 4, 5, 6]
    assert last.previous == before.sha256
    assert journal.records[0].previous == ""
    assert (last.kind, last.epoch, last.version) == ("Paused", journal.epoch, envelope.VERSION)
    assert before.epoch != last.epoch
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", last.time)
    assert abs(last.monotonic - time.monotonic()) < 60
    lines = (folder / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["crc"] for line in lines] == [r.crc for r in journal.records]


def test_a_journal_in_memory_does_the_same_and_leaves_nothing():
    with Journal.memory() as journal:
        for event in SAID:
            journal.append(event)
        assert journal.events == SAID
        assert journal.folder is None
        assert journal.image(journal.keep(b"pixels")) == b"pixels"
        with pytest.raises(JournalError, match="is not among the pictures"):
            journal.image("0" * 64)
    with pytest.raises(JournalError, match="is read-only: it was closed"):
        journal.append(Noted("late"))


def test_an_event_of_the_wrong_shape_changes_nothing():
    journal = Journal.memory()
    with pytest.raises(JournalError, match="is not a well-formed event"):
        journal.append(Noted(3))
    assert journal.events == ()


def test_keys_are_struck_out_of_file_memory_and_what_readers_hear(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "canary-5c0ffee")
    heard = []
    with Journal.create(tmp_path, "fox") as journal:
        journal.read_by(heard.append)
        journal.append(Observed(1, Observation((Text("canary-5c0ffee sk-ant-api03-zzzzzz"),))))
    for text in ((tmp_path / "fox/journal.jsonl").read_text(), repr(journal.events), repr(heard)):
        assert "removed" in text
        assert "canary" not in text
        assert "sk-ant" not in text


# Readers.


def test_a_reader_hears_what_was_and_then_what_comes_until_it_ends():
    journal, all_of_it, new = Journal.memory(), [], []
    journal.append(SAID[0])
    end = journal.read_by(all_of_it.append)
    journal.read_by(new.append, since=len(journal.events))
    journal.append(SAID[1])
    end()
    journal.append(SAID[2])
    assert all_of_it == [SAID[0], SAID[1]]
    assert new == [SAID[1], SAID[2]]


def test_a_reader_hears_nothing_before_it_is_on_disk(tmp_path):
    seen = []
    with Journal.create(tmp_path, "fox") as journal:
        path = tmp_path / "fox/journal.jsonl"
        journal.read_by(lambda event: seen.append(path.read_text().count("\n")))
        for event in SAID:
            journal.append(event)
    assert seen == [1, 2, 3, 4, 5]


def test_readers_hear_all_events_in_order_when_one_of_them_appends():
    journal, first, last = Journal.memory(), [], []
    journal.read_by(first.append)
    journal.read_by(lambda e: journal.append(Paused("echo")) if e == SAID[0] else None)
    journal.read_by(last.append)
    journal.append(SAID[0])
    assert first == last == [SAID[0], Paused("echo")]


def test_a_reader_that_appends_is_not_called_again_before_it_is_done():
    journal, now, most = Journal.memory(), [], []

    def reader(event):
        now.append(event)
        most.append(len(now))
        if event == SAID[0]:
            journal.append(SAID[1])
        now.pop()

    journal.read_by(reader)
    journal.append(SAID[0])
    assert most == [1, 1]


def test_a_reader_that_fails_stops_nobody(caplog):
    journal, heard = Journal.memory(), []
    journal.read_by(lambda event: 1 / 0)
    journal.read_by(heard.append)
    with caplog.at_level(logging.ERROR):
        journal.append(SAID[0])
    assert heard == [SAID[0]]
    assert "division by zero" in caplog.text


def test_threads_that_append_at_once_lose_nothing(tmp_path):
    heard = []
    with Journal.create(tmp_path, "fox") as journal:
        journal.read_by(heard.append)

        def speak(who):
            for number in range(20):
                journal.append(Noted(str(number), by=who))

        threads = [threading.Thread(target=speak, args=(who,)) for who in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    again = Journal.open(tmp_path / "fox")
    assert again.events == tuple(heard)
    assert not again.faults
    for who in "abcd":
        assert [e.text for e in heard if e.by == who] == [str(n) for n in range(20)]


# Pictures.


def test_a_picture_is_kept_once_under_the_hash_of_its_bytes(tmp_path):
    with Journal.create(tmp_path, "fox") as journal:
        sha256 = journal.keep(b"pixels")
        before = (tmp_path / f"fox/images/{sha256}.png").stat()
        assert journal.keep(b"pixels") == sha256
        assert (tmp_path / f"fox/images/{sha256}.png").stat() == before
        journal.append(Observed(1, Observation((Picture(sha256, "red", 1, 1),))))
    again = Journal.open(tmp_path / "fox", readonly=True)
    assert again.image(sha256) == b"pixels"
    assert [path.name for path in (tmp_path / "fox/images").iterdir()] == [f"{sha256}.png"]
    with pytest.raises(JournalError, match="is read-only"):
        again.keep(b"more")


def test_a_picture_that_is_missing_or_changed_is_named(tmp_path):
    with Journal.create(tmp_path, "fox") as journal:
        sha256 = journal.keep(b"pixels")
        path = tmp_path / f"fox/images/{sha256}.png"
        path.write_bytes(b"pixelz")
        with pytest.raises(JournalError, match="has changed on disk"):
            journal.image(sha256)
        path.unlink()
        with pytest.raises(JournalError, match=f"'{sha256}' is not among the pictures of fox"):
            journal.image(sha256)
        with pytest.raises(JournalError, match="is not the hash of a picture"):
            journal.image("../journal.jsonl")


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


# Damage.


def test_cut_off_at_any_byte_it_keeps_every_whole_line_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # Waiting for the disk shows nothing here.
    folder = written(tmp_path, SAID[:3])
    path = folder / "journal.jsonl"
    data = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        # A line that lacks nothing but its newline is whole.
        whole = sum(cut >= end - 1 for end in ends)
        for aside in folder.glob("journal.torn-*"):
            aside.unlink()
        with Journal.open(folder) as journal:
            assert journal.events == SAID[:whole]
            assert not journal.readonly
            assert bool(journal.repaired) == (cut not in (0, *ends))
            rest = data[(ends[whole - 1] if whole else 0) : cut]
            torn = [aside.read_bytes() for aside in folder.glob("journal.torn-*")]
            assert torn == ([rest] if rest else [])
            if cut % 40 == 0:
                journal.append(SAID[3])
                assert Journal.open(folder, readonly=True).events == (*SAID[:whole], SAID[3])


def test_every_flipped_bit_is_found_and_every_other_line_stays_readable(tmp_path):
    data = (written(tmp_path, (OPENED, *SAID[:4])) / "journal.jsonl").read_bytes()
    good = {record.sha256: record.seq for record in envelope.scan(data).records}
    line = 1
    for place, byte in enumerate(data):
        for bit in range(8):
            flipped = data[:place] + bytes([byte ^ 1 << bit]) + data[place + 1 :]
            found = envelope.scan(flipped)
            assert found.faults or not found.whole
            assert {good[r.sha256] for r in found.records} >= set(good.values()) - {line}
            if place < len(data) - 1:
                assert any(f"line {line} " in fault for fault in found.faults)
        line += byte == ord("\n")
    assert len(data) * 8 > 10_000


def test_a_damaged_line_makes_it_read_only_and_is_named(tmp_path):
    folder = written(tmp_path)
    path = folder / "journal.jsonl"
    data = path.read_bytes().replace(b"quoted", b"quotes")
    path.write_bytes(data)
    journal = Journal.open(folder)
    assert journal.events == SAID[:1] + SAID[2:]
    assert journal.faults == ("line 2 is damaged",)
    with pytest.raises(JournalError, match="is read-only: line 2 is damaged"):
        journal.append(SAID[0])
    assert path.read_bytes() == data


def test_a_stray_byte_instead_of_the_last_newline_costs_nothing(tmp_path):
    folder = written(tmp_path)
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-1] + b"\x0b")
    with Journal.open(folder) as journal:
        assert journal.events == SAID
        assert journal.repaired.endswith("its bytes lie in journal.torn-1")
        journal.append(Paused("lunch"))
    again = Journal.open(folder)
    assert again.events == (*SAID, Paused("lunch"))
    assert not again.faults


@pytest.mark.parametrize("change", ["missing", "twice", "swapped"])
def test_lines_that_were_taken_out_or_moved_are_noticed(tmp_path, change):
    folder = written(tmp_path)
    path = folder / "journal.jsonl"
    a, b, c, *rest = path.read_bytes().splitlines(keepends=True)
    changed = {"missing": [a, c], "twice": [a, b, b, c], "swapped": [a, c, b]}[change]
    path.write_bytes(b"".join([*changed, *rest]))
    journal = Journal.open(folder)
    assert journal.readonly
    assert "does not follow the line before it" in journal.faults[0]
    assert len(journal.events) == len(changed) + 2


def test_a_last_line_whose_blocks_never_reached_the_disk_is_cut_off(tmp_path):
    folder = written(tmp_path)
    path = folder / "journal.jsonl"
    data = path.read_bytes()
    start = data[:-1].rindex(b"\n") + 1
    chance = random.Random(1)
    for _ in range(60):
        lost, until = sorted(chance.sample(range(start, len(data) + 1), 2))
        until = max(until, lost + 2)
        crashed = data[:lost] + bytes(until - lost) + data[until:]
        path.write_bytes(crashed[: chance.choice([until, len(data)])])
        with Journal.open(folder) as journal:
            assert not journal.readonly
            assert journal.events[:4] == SAID[:4]
            assert journal.repaired


def test_a_file_of_noise_is_read_only_and_untouched(tmp_path):
    folder = written(tmp_path)
    path = folder / "journal.jsonl"
    chance = random.Random(2)
    for size in (1, 10, 1000, 30_000):
        noise = chance.randbytes(size) + b"\n"
        path.write_bytes(noise)
        journal = Journal.open(folder)
        assert journal.events == ()
        assert journal.readonly
        assert path.read_bytes() == noise
    path.write_bytes(b'{"v":"1.0","event":' + b"[" * 100_000 + b"\n")
    assert Journal.open(folder).readonly


def test_an_event_of_a_newer_version_is_kept_and_skipped(tmp_path):
    folder = written(tmp_path)
    path = folder / "journal.jsonl"
    last = Journal.open(folder, readonly=True).records[-1]
    with path.open("ab") as file:
        file.write(by_hand(last, {"is": "Dreamt", "of": "sheep"}, v="1.7", colour="blue"))
    heard = []
    with Journal.open(folder) as journal:
        assert not journal.readonly
        assert journal.events == SAID
        assert (journal.records[-1].kind, journal.records[-1].event) == ("Dreamt", None)
        journal.read_by(heard.append, since=4)
        journal.append(Paused("lunch"))
    assert heard == [SAID[4], Paused("lunch")]
    again = Journal.open(folder)
    assert again.events == (*SAID, Paused("lunch"))
    assert [record.kind for record in again.records][-2:] == ["Dreamt", "Paused"]


def test_a_format_of_another_major_version_is_only_read(tmp_path):
    folder = written(tmp_path)
    last = Journal.open(folder, readonly=True).records[-1]
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(by_hand(last, {"is": "Noted", "text": "from the future"}, v="2.0"))
    journal = Journal.open(folder)
    assert journal.why == "line 6 was written by format 2.0"
    assert journal.events[:5] == SAID


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
        journal.append(Noted("end"))
        assert len(journal.events) >= done + 1
        again = Journal.open(tmp_path / "fox", readonly=True)
        assert again.events == journal.events
        assert not again.faults
