"""How fast the index and ``call_neuron`` are: against the bare forward pass, and against peers.

Ratios of process time on one thread, both sides alternating on the same batch in one process, after
their outputs were found equal. The floor is the fastest bare forward pass of the batch, in either
layout and by however many images at a time, with memory held as the index holds it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from maia_lab.bench import peers
from maia_lab.bench.crops import Crops, pictures
from maia_lab.bench.speed_call import calls, reading
from maia_lab.bench.speed_index import index, memory, thresholds
from maia_lab.bench.subject import Subject
from maia_lab.bench.table import Row, Table
from maia_lab.images import ImageFolder
from maia_lab.systems.memory import held


def speed(
    seeds: Sequence[int],
    n: int = 2000,
    model: str | None = None,
    data: str | None = None,
    device: str | None = None,
) -> Table:
    """Measure everything on one network and one folder.

    Args:
        seeds: of the crops; only the first is used, since what is repeated is the timing.
        n: images in the smaller of the two passes whose memory is compared; the larger has 5 n.
        model: a name or an import path; without one a MobileNetV2 of random weights.
        data: a folder of images; without one, seeded pictures.
        device: where the network runs; pairs are timed by the clock where it is not the CPU.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as made, held():
            folder = Path(made)
            data = data or str(pictures(folder, seeds[0]))
            subject, photos = Subject.open(model, device), ImageFolder(data)
            crops = Crops(photos, max(5 * n, 2000), seeds[0])
            rows = [*index(subject, crops), *calls(subject, crops, folder)]
            rows += [*reading(subject, photos, folder), *thresholds(subject, crops)]
            rows += [*_peers(subject, crops), memory(model, data, n, seeds[0], device)]
    finally:
        torch.set_num_threads(threads)
    return Table("speed", (seeds[0],), tuple(rows))


def _peers(subject: Subject, crops: Crops) -> list[Row]:
    """Others' passes over three batches, against the bare pass."""
    batches = [subject.batch(crops, i) for i in range(3)]
    names = [n for n in subject.blocks if subject.network.layer(n).layout.grid is None]
    if not names:
        return []  # Neither knows of tokens.
    dissect, collect = [], []
    for _ in range(3):
        bare = subject.clock(subject.bare, *batches)
        last = names[-1]
        dissect.append(subject.clock(peers.netdissect_pass, subject.net, last, batches) / bare)
        collecting = subject.clock(peers.clip_dissect_collection, subject.net, names, batches)
        collect.append(collecting / bare)
    kept = subject.units(names) * 4 / 1e3
    said = f"block outputs; keeps {kept:.1f} kB for every image"
    return [
        Row.of("peer/netdissect", dissect, "x bare", "", "one layer, 96 images, two passes"),
        Row.of("peer/clip-dissect-collection", collect, "x bare", "", said),
    ]
