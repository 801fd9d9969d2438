"""Describe many units while nobody watches: one journal a unit, and a table of them all.

A unit's journal says all that a later run must know: concluded ones are kept, one whose process was
killed goes on where it was. Nothing else is remembered between runs.
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from maia_lab import access, start, tasks
from maia_lab.config import Config
from maia_lab.errors import ConfigError, DataError, MaiaError, SessionError
from maia_lab.journal.disk import write_whole
from maia_lab.review import Policy
from maia_lab.scale.cap import Cap
from maia_lab.scale.cluster import LOCAL, Future, as_completed, connect, failure
from maia_lab.scale.page import to_html
from maia_lab.scale.row import Row, to_frame
from maia_lab.scale.units import expand, session_name
from maia_lab.unit import Unit

if TYPE_CHECKING:
    import pandas

Told = Callable[[Row, int, int], None]
"""Told a unit's row, and how many of how many have come to an end."""
Limits = dict[str, float | None]
"""The most ``tokens`` and ``money`` of a session, what it had used before included; None: any."""
_ALONE = Lock()
"""An experiment's output is caught for the whole process: one session at a time in each."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What is the same for all units: it travels with each to the process that describes it."""

    agent: str
    task: str
    review: Policy
    max_steps: int
    max_seconds: float
    data: str | None
    generator: str | None
    editor: str | None
    rater: str | None
    seed: int


def sweep(
    units: Sequence[str],
    folder: str | Path,
    *,
    data: str | Path | None = None,
    generator: str | None = None,
    editor: str | None = None,
    rater: str | None = None,
    task: str = tasks.DESCRIBE.name,
    agent: str | None = None,
    review: Policy = "safe",
    scheduler: str = LOCAL,
    workers: int | None = None,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    max_tokens: int | None = None,
    max_money: float | None = None,
    seed: int = 0,
    told: Told | None = None,
) -> pandas.DataFrame:
    """Describe many units, or go on with it where a run broke off.

    Args:
        units: addresses, ranges (``scenes/layer4/0-74``), and files with one of those a line.
        folder: of this sweep; every worker must see it under the same path. It gets ``sessions``,
            ``reports``, and the table as ``sweep.html``, ``table.csv`` and ``table.parquet``.
        data: a folder of images, for models that were not trained on scenes.
        generator: whose images are drawn, and edited if nothing else edits them.
        editor: what edits them.
        rater: who rates held-out photographs.
        task: what is asked.
        agent: who experiments.
        review: ``safe`` or ``auto``: nobody is there to be asked.
        scheduler: see :func:`maia_lab.scale.cluster.connect`.
        workers: how many sessions at a time.
        max_steps: of a session.
        max_seconds: of a session.
        max_tokens: over the whole sweep, earlier runs included. Each unit gets an equal share of
            what is left when it begins.
        max_money: the same, in US dollars.
        seed: where every random choice of every session starts from.
        told: hears of every unit that has come to an end.

    Returns:
        The table, one line a unit, in their order.

    Raises:
        MaiaError: before any work, if it cannot be done at all. What goes wrong with a single
            unit is a line of the table.
    """
    if review == "ask":
        raise ConfigError(review, "needs somebody to be asked", "choose safe or auto")
    chosen = expand(units)
    settled = Config.read(agent=agent, max_steps=max_steps, max_seconds=max_seconds)
    who, _ = access.experimenter(settled)
    if who == access.MODEL:
        access.prepare(settled.base_url, None, None)
    tasks.find(task)
    there = Path(data or "").expanduser()
    lasting = None if data is None else str(there.resolve() if there.is_dir() else data)
    limits = settled.max_steps, settled.max_seconds
    orders = Orders(who, task, review, *limits, lasting, generator, editor, rater, seed)
    root = Path(folder).resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / "sweep.lock", timeout=0):
            _same(root / "sweep.json", orders)
            caps = (
                Cap("tokens", max_tokens, settled.max_tokens),
                Cap("money", max_money, settled.max_money),
            )
            going = _Sweep(root / "sessions", chosen, caps, told)
            try:
                going.work(partial(hold, str(root), orders), scheduler, workers)
            finally:
                frame = _write(root, going.table, orders)
    except Timeout:
        raise SessionError(
            str(root), "is being swept by another process", "wait for it, or name another folder"
        ) from None
    except OSError as error:
        raise DataError(
            str(root), f"cannot be written to ({error.strerror or error})", "name another folder"
        ) from error
    return frame


class _Sweep:
    """A sweep on its way: what runs, what may still be spent, and what became of the rest."""

    def __init__(
        self, sessions: Path, units: Sequence[Unit], caps: tuple[Cap, Cap], told: Told | None
    ) -> None:
        self._sessions, self._caps, self._told = sessions, caps, told
        self._rows = {unit: self._read(unit) for unit in units}
        self._waiting = deque(unit for unit, row in self._rows.items() if not row.ended)
        self._granted: dict[Unit, Limits] = {}
        self._starved = False

    @property
    def table(self) -> list[Row]:
        """A row for each unit, as far as it has come."""
        return list(self._rows.values())

    def work(self, hold: Callable[..., str], scheduler: str, workers: int | None) -> None:
        """Describe what has not ended.

        Args:
            hold: done elsewhere, with a unit's address and its limits; returns what went wrong.
            scheduler: where that is.
            workers: how many at a time.
        """
        if not self._waiting:
            return
        with connect(scheduler, workers) as (client, places):
            running: dict[Future, Unit] = {}
            ended = as_completed()
            while self._waiting or running:
                while self._waiting and (limits := self._limits(places - len(running))):
                    unit = self._waiting.popleft()
                    self._granted[unit] = limits
                    future = client.submit(hold, str(unit), limits, pure=False)
                    running[future] = unit
                    ended.add(future)
                if not running:
                    break
                future = next(ended)
                self._end(running.pop(future), failure(future) or future.result())
        for unit in self._waiting:
            why = "what is left of the sweep's budget does not pay for a session"
            self._rows[unit] = replace(self._rows[unit], why=why)

    def _limits(self, places: int) -> Limits | None:
        """What the next session may use up; None where none may begin now."""
        if not places or self._starved:
            return None
        used, limits = self._rows[self._waiting[0]].spent, []
        for cap in self._caps:
            granted = {unit: given[cap.what] or 0.0 for unit, given in self._granted.items()}
            share = cap.grant(self.table, granted, places)
            if share == 0:
                return None
            # What a session had used before it was broken off is a part of what it may.
            limits.append(share and min(getattr(used, cap.what) + share, cap.each or inf))
        return {"tokens": limits[0], "money": limits[1]}

    def _end(self, unit: Unit, why: str) -> None:
        """Take what became of a unit."""
        del self._granted[unit]
        self._rows[unit] = row = self._read(unit, why)
        # The next ones would get no more, and stop as it did.
        self._starved |= row.starved and any(cap.most is not None for cap in self._caps)
        if self._told is not None:
            open_still = len(self._waiting) + len(self._granted)
            self._told(row, len(self._rows) - open_still, len(self._rows))

    def _read(self, unit: Unit, failed: str = "") -> Row:
        return Row.read(unit, session_name(unit), self._sessions, failed)


def hold(root: str, orders: Orders, unit: str, limits: Limits) -> str:
    """Begin or go on with the session of one unit, and report it; returns what went wrong."""
    address = Unit.parse(unit)
    sessions, name = Path(root) / "sessions", session_name(address)
    tokens, money = limits["tokens"], limits["money"]
    try:
        with _ALONE:
            if _begun(sessions / name):
                session = start.resume(name, folder=sessions, review=orders.review)
                for limit, most in (("max_tokens", tokens), ("max_money", money)):
                    if most is not None:
                        session.budget(limit, most, by="sweep")
            else:
                session = start.describe(
                    address, data=orders.data, generator=orders.generator, editor=orders.editor,
                    rater=orders.rater, task=orders.task, agent=orders.agent, review=orders.review,
                    max_steps=orders.max_steps, max_seconds=orders.max_seconds,
                    max_tokens=None if tokens is None else int(tokens), max_money=money,
                    seed=orders.seed, session=name, folder=sessions,
                )  # fmt: skip
            session.wait().report(Path(root) / "reports" / name)
    except MaiaError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _begun(folder: Path) -> bool:
    """Whether there is a session to go on with; what a killed process left empty is cleared."""
    journal = folder / "journal.jsonl"
    if journal.is_file() and journal.stat().st_size:
        return True
    if folder.is_dir():
        shutil.rmtree(folder)
    return False


def _same(path: Path, orders: Orders) -> None:
    """See that a sweep that goes on asks what it asked before, or remember what it asks."""
    told = asdict(orders)
    if not path.is_file():
        write_whole(path, json.dumps(told, indent=1).encode())
        return
    try:
        before = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(str(path), f"is damaged ({error})", "sweep into another folder") from error
    for name, value in told.items():
        if before.get(name) != value:
            raise SessionError(
                str(path.parent),
                f"was begun with {name.replace('_', ' ')} {before.get(name)!r}, not {value!r}",
                "give the same, or sweep into another folder",
            )


def _write(root: Path, rows: Sequence[Row], orders: Orders) -> pandas.DataFrame:
    """Write the table in its three forms."""
    frame = to_frame(rows)
    write_whole(root / "table.csv", frame.to_csv(index=False).encode())
    write_whole(root / "table.parquet", frame.to_parquet(index=False))
    write_whole(root / "sweep.html", to_html(root.name, rows, asdict(orders)).encode())
    return frame
