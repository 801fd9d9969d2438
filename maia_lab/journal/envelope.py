"""One line of a journal: an event in an envelope that shows when a single bit of it has changed."""

from __future__ import annotations

import hashlib
import json
import re
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

from maia_lab.events import Event
from maia_lab.journal import codec

VERSION = "1.0"
"""Of the envelope, major and minor: a reader of another major version does not write."""
SEAL_SIZE = 18
SEAL = re.compile(rb',"crc":"([0-9a-f]{8})"\}')
LINE_END = re.compile(rb'\n|(?<="\}).(?=\{"v":")', re.DOTALL)
"""A newline, or the damaged byte that stands in its place. Inside a line neither can occur: JSON
escapes newlines and quotes in strings, and no noun begins with the key ``v``."""


@dataclass(frozen=True, slots=True)
class Record:
    """An event as it lies in the journal."""

    version: str
    seq: int
    """From 1, without gaps."""
    previous: str
    """sha256 of the line before, without its newline; empty on the first line."""
    time: str
    """Wall time, ISO 8601, UTC."""
    monotonic: float
    """Seconds; comparable within one epoch only."""
    epoch: str
    """The opening of the journal that wrote the line."""
    kind: str
    """The event's type."""
    event: Event | None
    """None: this version does not know the type, or cannot read it. The line is kept."""
    crc: str
    """CRC-32 of the line before this field, in hex."""
    sha256: str
    """Of the whole line, without its newline."""
    size: int
    """Bytes of the line, with its newline."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a journal's bytes hold."""

    records: tuple[Record, ...]
    """Of every line that is as it was written."""
    faults: tuple[str, ...]
    """What is wrong, each naming its line. An unfinished last line is no fault."""
    end: int
    """Bytes up to the end of the last good line, its newline not counted."""
    whole: bool
    """Nothing but that newline comes after it."""


def seal(event: Event, last: Record | None, epoch: str) -> tuple[bytes, Record]:
    """Write the line that follows ``last``, newline included, and read it back.

    What is remembered is what was written, so that a journal is the same once it is opened again.

    Raises:
        TypeError, ValueError: the event has not the shape of its type.
    """
    encoded = codec.encode(event)
    codec.decode(encoded)
    content = {
        "v": VERSION,
        "seq": last.seq + 1 if last else 1,
        "previous": last.sha256 if last else "",
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "monotonic": round(time.monotonic(), 6),
        "epoch": epoch,
        "event": encoded,
    }
    body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")[:-1]
    line = body + b',"crc":"%08x"}' % zlib.crc32(body)
    return line + b"\n", unseal(line)


def unseal(line: bytes) -> Record:
    """Read one line, without its newline.

    Raises:
        ValueError: it is not exactly as it was written.
    """
    body, mark = line[:-SEAL_SIZE], SEAL.fullmatch(line[-SEAL_SIZE:])
    if mark is None or int(mark[1], 16) != zlib.crc32(body):
        raise ValueError("the line is not as it was written")
    try:
        content = json.loads(body + b"}")
        if datetime.fromisoformat(content["time"]).tzinfo is None:
            raise ValueError("the line has no time zone")
        return Record(
            version=str(content["v"]),
            seq=int(content["seq"]),
            previous=str(content["previous"]),
            time=str(content["time"]),
            monotonic=float(content["monotonic"]),
            epoch=str(content["epoch"]),
            kind=str(content["event"][codec.TAG]),
            event=_event(content["event"]),
            crc=mark[1].decode(),
            sha256=hashlib.sha256(line).hexdigest(),
            size=len(line) + 1,
        )
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("the line holds no event") from error


def _event(content: object) -> Event | None:
    try:
        return codec.decode(content)
    except ValueError:
        return None


def scan(data: bytes) -> Scan:
    """Read all lines of a journal, and find what is wrong with it."""
    records: list[Record] = []
    faults: list[str] = []
    end = start = 0
    before_is_good = True
    breaks = [found.span() for found in LINE_END.finditer(data)]
    if not breaks or breaks[-1][1] < len(data):
        breaks.append((len(data), len(data)))
    for number, (stop, after) in enumerate(breaks, 1):
        line = data[start:stop]
        record = _try(line)
        if record is None and after == len(data):
            # A line that a crash left unfinished ends early, or has blocks that never reached the
            # disk; one that ends in a stray byte instead of its newline is good up to there.
            if record := _try(line[:-1]):
                stop -= 1
            elif after == stop or b"\0\0" in line:
                break
        if record is None:
            faults.append(f"line {number} is damaged")
        else:
            if after > stop and after < len(data) and data[stop:after] != b"\n":
                faults.append(f"line {number} does not end in a newline")
            if record.version.partition(".")[0] != VERSION.partition(".")[0]:
                faults.append(f"line {number} was written by format {record.version}")
            last = records[-1] if records else None
            expected = (last.seq + 1, last.sha256) if last else (1, "")
            if before_is_good and (record.seq, record.previous) != expected:
                faults.append(f"line {number} does not follow the line before it")
            records.append(record)
            end = stop
        before_is_good, start = record is not None, after
    whole = data[end:] == (b"\n" if records else b"")
    return Scan(tuple(records), tuple(faults), end, whole)


def _try(line: bytes) -> Record | None:
    try:
        return unseal(line)
    except ValueError:
        return None
