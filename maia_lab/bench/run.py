"""Many sessions at once, each in a process that runs the agent's code and holds no truth.

A synthetic unit is known there by a number; its answers come from this process, so that the rule is
never in the memory that an experiment's code can reach. Only JSON comes back over the wire.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import struct
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maia_lab.errors import MaiaError
from maia_lab.proposal import Conclusion
from maia_lab.scenes.scene import Scene
from maia_lab.session import Session
from maia_lab.sessions import find
from maia_lab.start import describe
from maia_lab.systems.blind import UNITS, Asked, Blind
from maia_lab.unit import Unit
from maia_lab.world import Progress, World

SCENES = "maia_lab.scenes.world:scenes_world"
KNOWN = ("synthetic", "gated")
"""Models whose truth is known, and must not be met in a session's process."""


@dataclass(frozen=True, slots=True)
class Job:
    """One session to be held."""

    unit: str
    """An address: ``synthetic/or/7``, ``scenes/layer4/12``."""
    seed: int = 0
    world: str = SCENES
    """``package.module:function``: called in the session's process, its answer kept there."""
    options: tuple[tuple[str, int | float | str], ...] = ()
    """The function's arguments by name."""
    task: str = "describe"
    about: str = ""
    """The words that the task is put with."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a session came to: read it off its journal."""

    job: Job
    folder: Path
    """Of the session."""
    failed: str = ""
    """Why it came to no end, in one line."""

    @property
    def session(self) -> Session:
        """The session, to be read."""
        return find(self.folder, readonly=True)

    @property
    def conclusion(self) -> Conclusion | None:
        """The accepted conclusion; None where there is none, for whatever reason."""
        return None if self.failed else self.session.conclusion


def describe_many(
    jobs: Sequence[Job],
    folder: Path,
    agent: str = "offline",
    max_steps: int = 25,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Hold all sessions, every experiment approved; the outcomes in the order of the jobs.

    Args:
        jobs: what is described.
        folder: in which the sessions are kept.
        agent: who experiments.
        max_steps: of each session.
        workers: processes at a time.
        progress: told (done, total) as sessions end.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for number in range(len(jobs)):
        waiting.put(number)
    outcomes: dict[int, Outcome] = {}

    def work() -> None:
        worker = None
        try:
            while True:
                number = waiting.get_nowait()
                worker = worker or _Worker(agent, max_steps, folder)
                failed = worker.hold(number, jobs[number])
                if worker.gone:
                    worker = None
                outcomes[number] = Outcome(jobs[number], folder / f"{number:04}", failed)
                if progress is not None:
                    progress(len(outcomes), len(jobs))
        except Empty:
            pass
        finally:
            if worker is not None:
                worker.end()

    with ThreadPoolExecutor(workers) as threads:
        for ended in [threads.submit(work) for _ in range(min(workers, len(jobs)))]:
            ended.result()
    return [outcomes[number] for number in range(len(jobs))]


def counted(done: int, total: int) -> None:
    """Tell on standard error how far it is."""
    sys.stderr.write(f"\r{done} of {total} sessions" + "\n" * (done == total))


class _Worker:
    """One process that holds one session after the other, seen from here."""

    def __init__(self, agent: str, max_steps: int, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._wire, theirs = context.Pipe()
        self._process = context.Process(
            target=_hold_sessions, args=(theirs, agent, max_steps, str(folder)), daemon=True
        )
        self._process.start()
        theirs.close()
        self.gone = False

    def hold(self, number: int, job: Job) -> str:
        """Let it hold a session, and answer for its unit; returns why it failed, or nothing."""
        synthetic = _Synthetic(job) if Unit.parse(job.unit).model in KNOWN else None
        blind = None if synthetic is None else synthetic.identity
        told = asdict(job) | ({} if blind is None else {"unit": ""})
        try:
            self._wire.send_bytes(json.dumps([f"{number:04}", told, blind]).encode())
            while True:
                said = json.loads(self._wire.recv_bytes())
                if synthetic is None or "ended" in said:
                    return str(said["ended"])
                turn, asked = said["turn"], said["asked"]
                self._wire.send_bytes(struct.pack("q", turn) + synthetic.answer(asked).tobytes())
        except (EOFError, OSError, ValueError):
            self.end()
            return "its process ended"

    def end(self) -> None:
        """End the process."""
        self.gone = True
        self._wire.close()
        self._process.terminate()
        self._process.join()


class _Synthetic:
    """The unit of a job, where its rule may be known."""

    def __init__(self, job: Job) -> None:
        # Imported here: a worker imports this file too, and is to know of no rules.
        from maia_lab.systems.gated import GatedLayer
        from maia_lab.systems.synthetic import SyntheticLayer

        unit = Unit.parse(job.unit)
        self._layer: GatedLayer | SyntheticLayer = (
            GatedLayer(unit.layer) if unit.model == "gated" else SyntheticLayer(unit.layer)
        )
        self._seed = int(unit.index)
        text = f"blind {self._layer.digest} {self._seed}"
        self.identity = hashlib.sha256(text.encode()).hexdigest()
        """What its exemplars are kept under, which says nothing of the rule."""

    def answer(self, asked: Sequence[Asked]) -> NDArray[np.float32]:
        maps = [
            self._layer.answer(Scene.from_json(text), size, key, self._seed)
            for text, size, key in asked
        ]
        return np.stack(maps)


def _hold_sessions(wire: Connection, agent: str, max_steps: int, folder: str) -> None:
    """What a worker does, in a process of its own, until the wire is closed."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    while True:
        try:
            name, told, blind = json.loads(wire.recv_bytes())
        except (EOFError, OSError):
            return
        options = tuple((key, value) for key, value in told.pop("options"))
        job, why = Job(**told, options=options), ""
        unit: tuple[Any, ...] = (job.unit,)
        if blind is not None:
            unit = (Blind(_Wired(wire), blind), "unit", int(blind, 16) % UNITS)
        try:
            describe(
                *unit, data=_world(job.world, *job.options), agent=agent, review="auto",
                task=job.task, question=job.about or None,
                max_steps=max_steps, seed=job.seed, folder=folder, session=name, name="blind",
            ).wait()  # fmt: skip
        except MaiaError as error:
            why = str(error)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        wire.send_bytes(json.dumps({"ended": why}).encode())


class _Wired:
    """Asks the other process for a unit's answers."""

    def __init__(self, wire: Connection) -> None:
        self._wire, self._turn = wire, 0

    def __call__(self, unit: int, images: Sequence[Asked]) -> NDArray[np.float32]:
        del unit
        self._turn += 1
        self._wire.send_bytes(json.dumps({"turn": self._turn, "asked": images}).encode())
        while True:
            # An experiment that was stopped in the middle may have left an answer behind.
            said = self._wire.recv_bytes()
            if struct.unpack("q", said[:8])[0] == self._turn:
                maps = np.frombuffer(said[8:], np.float32)
                side = round((len(maps) // len(images)) ** 0.5)
                return maps.reshape(len(images), side, side)


@lru_cache(4)
def _world(path: str, *options: tuple[str, int | float | str]) -> World:
    module, _, function = path.partition(":")
    opened: World = getattr(import_module(module), function)(**dict(options))
    return opened
