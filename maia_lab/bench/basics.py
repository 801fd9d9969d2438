"""What a newcomer meets first: how long import, demo and one unit take, and how much memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from math import isnan
from pathlib import Path

from maia_lab.bench.table import Row, Table
from maia_lab.errors import ModelError
from maia_lab.systems.scenes_nets import PHRASES

IMPORT = (
    "import time, numpy, PIL.Image, PIL.ImageDraw, PIL.ImageFont; began = time.perf_counter();"
    " import maia_lab; print(time.perf_counter() - began)"
)
UNIT = """
import json, sys, time
import maia_lab
unit, seed = sys.argv[1], int(sys.argv[2])
maia_lab.open_study(unit, seed=seed)
began = time.perf_counter()
session = maia_lab.describe(unit, agent="offline", review="auto", seed=seed).wait()
print(json.dumps([time.perf_counter() - began, session.conclusion is not None]))
"""
# The peak that the operating system kept of a finished child: in kB on Linux, in bytes on macOS.
PEAK = """
import subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
except ImportError:
    peak = float("nan")
print(code, peak / 1e9)
"""
UNITS = ("scenes/layer4/{}", "scenes-categories/layer4/{}", "synthetic/one/{}")


def basics(seeds: Sequence[int], repeat: int = 3) -> Table:
    """Measure the first minute, in processes of their own.

    Args:
        seeds: which units are described, and where their sessions start from.
        repeat: of the import, the renderer and the demo.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = {"MAIA_HOME": f"{folder}/home", "MAIA_CACHE": f"{folder}/cache"}
        imports = [float(_python(own, "-c", IMPORT)) for _ in range(repeat)]
        rendered = [_rendered(seed) for seed in seeds[:repeat]]
        demos, peaks = zip(
            *(_demo(own, Path(folder) / f"demo{i}") for i in range(repeat)), strict=True
        )
        units = [
            _unit(own, unit.format(seed % len(PHRASES)), seed) for seed in seeds for unit in UNITS
        ]
    # Windows keeps no such figure of a finished process: the row is left out there.
    peak = Row.of("demo/peak", peaks, "GB", "<= 1.5", "resident memory")
    return Table(
        "basics",
        tuple(seeds),
        (
            Row.of("import", imports, "s", "<= 0.3", "beyond numpy and Pillow"),
            Row.of("scenes", rendered, "images/s", ">= 300", "128 px with masks, one process"),
            Row.of("demo", demos, "s", "<= 60", "cold: exemplars are built"),
            *([] if isnan(peaks[0]) else [peak]),
            Row.of("unit", units, "s", "<= 20", "exemplars cached, offline agent"),
        ),
    )


def _python(own: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | own, capture_output=True, text=True
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError("a measured process", f"failed ({last})", "run the same by hand")
    return done.stdout


def _rendered(seed: int, count: int = 400) -> float:
    import numpy as np

    from maia_lab.scenes.render import render
    from maia_lab.scenes.sample import sample

    random = np.random.default_rng(seed)
    scenes = [sample(random) for _ in range(count)]
    render(scenes[0], 128, masks=True)
    began = time.perf_counter()
    for scene in scenes:
        render(scene, 128, masks=True)
    return count / (time.perf_counter() - began)


def _demo(own: dict[str, str], out: Path) -> tuple[float, float]:
    command = [sys.executable, "-m", "maia_lab", "demo", "--out", str(out)]
    began = time.perf_counter()
    code, peak = _python(own, "-c", PEAK, *command).split()
    if code != "0":
        raise ModelError("maia demo", f"ended with exit code {code}", "run it by hand")
    return time.perf_counter() - began, float(peak)


def _unit(own: dict[str, str], unit: str, seed: int) -> float:
    seconds, concluded = json.loads(_python(own, "-c", UNIT, unit, str(seed)).splitlines()[-1])
    if not concluded:
        raise ModelError(unit, "came to no conclusion", f"maia describe {unit} --seed {seed}")
    return float(seconds)
