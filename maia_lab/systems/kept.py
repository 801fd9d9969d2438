"""An index on disk: one safetensors file a layer, mapped into memory by whoever reads it.

What is in it, and what its name says, is written down in docs/exemplar-index.md.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from maia_lab.systems.tally import Array, Keys, Plan, Positions, Tally

FORMAT = 2
"""Raised whenever an index of an earlier version must not be read."""


class Kept:
    """An index as it lies on the disk; what is asked for is all that is read."""

    def __init__(self, path: Path, told: dict[str, str], arrays: dict[str, NDArray[np.generic]]):
        """Take what :meth:`load` found."""
        self.path, self.told, self.arrays = path, told, arrays

    @classmethod
    def load(cls, path: Path) -> Kept | None:
        """Map a file; None if it is not there, of another version, or damaged."""
        try:
            with safe_open(path, "np") as file:
                told = file.metadata() or {}
            whole = np.memmap(path, np.uint8, "r")
            start = 8 + int(whole[:8].view(np.uint64)[0])
            header = json.loads(whole[8:start].tobytes())
        except (OSError, SafetensorError, ValueError):
            return None
        body = whole[start:]
        if told.get("format") != str(FORMAT) or told.get("sha256") != _checksum(body):
            return None
        kinds = {"F32": np.float32, "U64": np.uint64, "I64": np.int64}
        arrays = {}
        for name, entry in header.items():
            if name != "__metadata__":
                low, high = entry["data_offsets"]
                flat = body[low:high].view(kinds[entry["dtype"]])
                arrays[name] = flat.reshape(entry["shape"])
        return cls(path, told, arrays)

    @staticmethod
    def save(path: Path, tally: Tally, layer: str, data: str) -> None:
        """Write one file, whole or not at all."""
        thresholds = tally.thresholds()
        seen = np.flatnonzero(tally.seen)
        arrays: dict[str, NDArray[np.generic]] = {
            "positions": seen,
            "keys": tally.plan.keys[seen],
            "sampled": tally.plan.sampled,
            # A unit's activations lie side by side: one unit is one read.
            "values": np.ascontiguousarray(tally.values.T),
            "ends": tally.ends,
            "broken": tally.broken,
            "tail": tally.tail,
        }
        if thresholds is not None:
            arrays["thresholds"] = thresholds
        told = {
            "layer": layer,
            "data": data,
            "capacity": str(tally.plan.capacity),
            "rows": str(tally.rows),
            "size": str(tally.size),
        }
        write(path, arrays, told)

    def tally(self, plan: Plan, units: int) -> Tally | None:
        """What was counted, to go on from; None where the plan does not begin with it.

        The images counted must be among those of the plan and in the same order, and the plan must
        sample them alike: so a pass goes on after it was cut short, and an index takes in the
        images that were added to a folder.
        """
        places = _places(self._keys("keys"), plan.keys)
        if places is None or int(self.told["capacity"]) != plan.capacity:
            return None
        if self.arrays["values"].shape[0] != units:
            return None
        tally = Tally(plan, units)
        tally.seen[places] = True
        to = np.full(int(self._positions("positions").max(initial=-1)) + 1, -1)
        to[self._positions("positions")] = places
        before = self._positions("sampled")
        counted = np.isin(before, self._positions("positions"))
        slots = plan.slots[to[before[counted]]]
        # Of more images, fewer of the earlier ones are among the sampled, and never another.
        values = np.asarray(self.arrays["values"], np.float32)[:, counted].T
        tally.values[slots[slots >= 0]] = values[slots >= 0]
        tally.broken = np.array(self.arrays["broken"], np.int64)
        ends, tail = _moved(self._keys("ends"), to), np.asarray(self.arrays["tail"], np.float32)
        tally.take(ends, tail, int(self.told["size"]), int(self.told["rows"]))
        return tally

    def _keys(self, name: str) -> Keys:
        return np.asarray(self.arrays[name], np.uint64)

    def _positions(self, name: str) -> Positions:
        return np.asarray(self.arrays[name], np.int64)

    def row(self, name: str, unit: int) -> Array:
        """One unit's part of an array, in memory of its own."""
        return np.array(self.arrays[name][unit], np.float32)


def write(path: Path, arrays: dict[str, NDArray[np.generic]], told: dict[str, str]) -> None:
    """Write what :meth:`Kept.load` reads, whole or not at all."""
    plain = save(arrays)
    start = 8 + int.from_bytes(plain[:8], "little")
    checksum = _checksum(np.frombuffer(plain, np.uint8)[start:])
    half = path.with_suffix(".tmp")
    half.write_bytes(save(arrays, told | {"format": str(FORMAT), "sha256": checksum}))
    half.replace(path)


def _places(some: Keys, every: Keys) -> Positions | None:
    """Where ``some`` stand in ``every``; None unless all do, in the same order."""
    order = np.argsort(every, kind="stable")
    at = np.minimum(np.searchsorted(every[order], some), len(every) - 1)
    places = order[at]
    same = np.array_equal(every[places], some) and bool((np.diff(places) > 0).all())
    return places if same else None


def _moved(entries: Keys, to: Positions) -> Keys:
    """Entries of a tally whose images have moved to other positions, see :func:`packed`."""
    last = np.uint64(0xFFFFFFFF)
    old = (last - (entries & last)).astype(np.int64)
    there = entries > 0
    moved = entries & ~last | last - to[np.where(there, old, 0)].astype(np.uint64)
    return np.where(there, moved, 0).astype(np.uint64)


def _checksum(body: NDArray[np.uint8]) -> str:
    return hashlib.sha256(body.data).hexdigest()
