"""What a unit answers to its exemplars, maps and all: kept when first asked for, read afterwards.

The pass that builds the index keeps no maps: of all units' exemplars they would take gigabytes, and
few units are ever asked about.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from maia_lab.system import Layer, Response
from maia_lab.systems.kept import Kept, write
from maia_lab.world import Images

TOGETHER = 16
"""Images answered together, so that what is kept serves whoever asks for up to so many."""
MOST = 256 << 20
"""Bytes kept in one folder; what was not read for longest makes room."""


def answered(
    layer: Layer, unit: int, data: Images, folder: Path, positions: Sequence[int]
) -> Response:
    """What a unit answers to some images of the data, read where it was kept.

    Args:
        layer: asked for its digest each time, since weights may have changed.
        unit: of the layer.
        data: the images.
        folder: in which answers are kept, where it can be written.
        positions: of the images, in the data.
    """
    told = {
        "layer": layer.digest,
        "unit": str(unit),
        "data": data.digest,
        "images": ",".join(map(str, positions)),
    }
    name = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]
    path = folder / f"{name}.safetensors"
    kept = Kept.load(path)
    if kept is None or not told.items() <= kept.told.items():
        response = layer.respond([data[i] for i in positions], [unit])
        with suppress(OSError):  # A cache that others filled may be read-only.
            _keep(path, response, told)
        return response
    with suppress(OSError):
        os.utime(path)
    maps = np.array(kept.arrays["maps"], np.float32) if "maps" in kept.arrays else None
    return Response(np.array(kept.arrays["values"], np.float32), maps)


def _keep(path: Path, response: Response, told: dict[str, str]) -> None:
    arrays: dict[str, NDArray[np.generic]] = {"values": response.values}
    if response.maps is not None:
        arrays["maps"] = response.maps
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / ".lock"):
        write(path, arrays, told)
        files = {at: at.stat() for at in path.parent.glob("*.safetensors")}
        size = sum(stat.st_size for stat in files.values())
        for at in sorted(files, key=lambda at: files[at].st_mtime_ns):
            if size <= MOST:
                break
            at.unlink()
            size -= files[at].st_size
