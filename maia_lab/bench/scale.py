"""Whether many processes find what one finds, and lose nothing when one of them dies."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import psutil
import torch

from maia_lab.bench.table import Row, Table
from maia_lab.doors import open_model
from maia_lab.review import Policy
from maia_lab.scale import sweep
from maia_lab.scale.cluster import connect
from maia_lab.scale.row import CONCLUDED, FAILED
from maia_lab.scale.shards import count_apart
from maia_lab.scenes.data import SceneImages
from maia_lab.system import Layer
from maia_lab.systems.counting import count
from maia_lab.systems.scenes_nets import PHRASES
from maia_lab.systems.tally import Plan, Tally
from maia_lab.world import Images

NETWORKS = {
    "scenes": ("layer3", "layer4"),
    "maia_lab.bench.subject:mobilenetv2": ("mobilenet_v2.conv_1x1", "mobilenet_v2.layer.15"),
}
"""Models and layers of theirs. Of convolutions of 1 × 1, which the second has, the last bits depend
in torch on the numbers of threads and of images."""
THREADS = 2
"""In the process that counts alone, as a user's has several and a worker has one."""
DEADLY = "maia_lab.bench.scale:deadly/layer/0"
UNKNOWN = "scenes/layer99/0"
IMAGES = 80
STEPS, UNDER_WAY = 6, 2
"""Experiments a session, and after how many of one a sweep is killed."""
REVIEW: Policy = "auto"
JOURNALS = "sessions/*/journal.jsonl"


def deadly() -> NoReturn:
    """A model that ends the process which opens it, as one that exhausts its memory does."""
    os._exit(1)


def scale(seeds: Sequence[int], n: int = 330) -> Table:
    """Measure it, once a seed; ``n`` images are indexed."""
    identical, killed = zip(*(_shards(seed, n) for seed in seeds), strict=True)
    outcomes = [swept(seed) for seed in seeds]
    resumed, one_failure = zip(*outcomes, strict=True)
    rows = (
        Row.share(
            "shards/identical",
            identical,
            ">= 1",
            f"{n} images, 2 networks, every bit: 2 processes of 1 thread, 1 of {THREADS}",
        ),
        Row.share("worker-killed/identical", killed, ">= 1", "SIGKILL after the first part"),
        Row.share("sweep/resumed", resumed, ">= 1", "all its processes killed; run again"),
        Row.share("sweep/one-failure", one_failure, ">= 1", "an unknown unit, and a deadly one"),
    )
    return Table("scale", tuple(seeds), rows)


def _shards(seed: int, n: int) -> tuple[bool, bool]:
    """Whether two processes found what one did, for each network; and so when one was killed."""
    identical, killed = [], []
    with connect(workers=2) as (client, many):
        for name, names in NETWORKS.items():
            images, model = SceneImages(n, seed), open_model(name)
            layers = [model.layer(layer) for layer in names]
            serial = _in_one_process(layers, images)
            apart = count_apart(client, many, name, layers, SceneImages(n, seed))
            victims = list(client.run(os.getpid).values())

            def kill(done: int, total: int, victims: list[int] = victims) -> None:
                if victims and done < total:
                    psutil.Process(victims.pop()).kill()
                    victims.clear()

            bereft = count_apart(client, many, name, layers, SceneImages(n, seed), kill)
            identical.append(_same(serial, apart))
            killed.append(_same(serial, bereft) and not victims)
    return all(identical), all(killed)


def _in_one_process(layers: Sequence[Layer], images: Images) -> list[Tally]:
    """What one process finds that has several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        return count(layers, images, Plan.of(images))
    finally:
        torch.set_num_threads(before)


def _same(some: Sequence[Tally], others: Sequence[Tally]) -> bool:
    names = ("seen", "values", "ends", "broken", "size", "rows", "tail")
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for one, other in zip(some, others, strict=True)
        for name in names
    )


def swept(seed: int) -> tuple[bool, bool]:
    """Kill a sweep in the middle, and run it again with units that cannot be described.

    Returns:
        Whether it lost nothing and came to its end; and whether it did so although others failed.
    """
    with tempfile.TemporaryDirectory(prefix="maia-sweep-") as made:
        data, folder = Path(made, "data"), Path(made, "sweep")
        data.mkdir()
        for number, image in enumerate(SceneImages(IMAGES, seed)):
            image.save(data / f"{number:03}.png")
        drawn = np.random.default_rng(seed).permutation(len(PHRASES))[:3]
        units = [f"scenes/layer4/{index}" for index in drawn]
        given: dict[str, Any] = {"data": data, "agent": "offline", "workers": 2}
        options = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        options += ["--steps", str(STEPS), "--review", REVIEW, "--out", str(folder)]
        command = [sys.executable, "-m", "maia_lab", "sweep", *units, *options]
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not _under_way(folder) and running.poll() is None:
            time.sleep(0.02)
        cut = running.poll() is None
        if cut:
            head = psutil.Process(running.pid)
            family = [head, *head.children(recursive=True)]
            for process in family:
                process.kill()
            psutil.wait_procs(family[1:])
        running.wait()
        before = {path: path.read_bytes() for path in folder.glob(JOURNALS)}
        mixed = [units[0], DEADLY, *units[1:], UNKNOWN]
        frame = sweep(mixed, folder, max_steps=STEPS, review=REVIEW, **given)
        states = dict(zip(frame["unit"], frame["state"], strict=True))
        described = all(states[unit] == CONCLUDED for unit in units)
        # Whole lines stay: a session that goes on adds to its journal.
        kept = all(p.read_bytes().startswith(t[: t.rfind(b"\n")]) for p, t in before.items())
        failed = states[DEADLY] == states[UNKNOWN] == FAILED
        return cut and kept and described, failed and described


def _under_way(folder: Path) -> bool:
    return any(path.read_bytes().count(b'"Began"') >= UNDER_WAY for path in folder.glob(JOURNALS))
