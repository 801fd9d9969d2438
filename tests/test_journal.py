import json
import logging
import re
import threading
import time

import pytest

from maia_lab.errors import JournalError
from maia_lab.events import Noted, Observed, Opened, Paused, Setting
from maia_lab.journal import Journal, envelope
from maia_lab.observation import Observation, Picture, Text
from maia_lab.tasks import DESCRIBE
from maia_lab.unit import Unit

OPENED = Opened(
    "fox", DESCRIBE.ask(Unit("scenes", "layer4", 12)), Setting("offline", "scenes", "3000 scenes")
)
SAID = tuple(Noted(text) for text in ("red?", 'a "quoted" line\nof two', "☃ and \u202e", "", "end"))


def written(root, events=SAID, name="fox"):
    """The folder of a closed journal that holds the events."""
    with Journal.create(root, name) as journal:
        for event in events:
            journal.append(event)
    return root / name


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
