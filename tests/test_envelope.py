import json
import os
import random
import zlib

import pytest
from test_journal import OPENED, SAID, written

from maia_lab.errors import JournalError
from maia_lab.events import Paused
from maia_lab.journal import Journal, envelope


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


@pytest.mark.parametrize("time", ["yesterday", "", 7, None, "2031-01-01", "2031-01-01T00:00:00"])
def test_a_line_of_no_known_time_is_none(tmp_path, time):
    folder = written(tmp_path, SAID[:2])
    path, last = folder / "journal.jsonl", Journal.open(folder, readonly=True).records[-1]
    path.write_bytes(path.read_bytes() + by_hand(last, {"is": "Paused", "why": "x"}, time=time))
    journal = Journal.open(folder)
    assert journal.readonly and journal.events == SAID[:2]
