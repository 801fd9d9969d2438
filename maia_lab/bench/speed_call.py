"""What ``call_neuron`` costs beside the forward pass, against MAIA's, and what a cache saves."""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maia_lab.bench import peers
from maia_lab.bench.crops import Crops
from maia_lab.bench.speed_index import PAIRS
from maia_lab.bench.subject import Subject
from maia_lab.bench.table import Row
from maia_lab.errors import ModelError
from maia_lab.images import ImageFolder
from maia_lab.system import System
from maia_lab.systems.counting import CHUNK, ahead, count
from maia_lab.systems.exemplars import ExemplarIndex
from maia_lab.systems.tally import Plan, Positions
from maia_lab.unit import Unit

IMAGES, INDEXED = 16, 64
READ = 384
"""Images decoded and answered; those of a smaller folder are read again."""


def calls(subject: Subject, crops: Crops, folder: Path) -> list[Row]:
    """Both methods alternating on the same images, after their answers were found equal."""
    name = subject.blocks[-1]
    layer, images = subject.network.layer(name), [crops[i] for i in range(IMAGES)]
    maps = layer.respond(images).maps
    if maps is None:
        return []
    unit = int(maps.std((0, 2, 3)).argmax())
    known = ExemplarIndex.build(layer, crops.first(INDEXED), folder / "calls").of(unit).reference
    system = System(Unit("net", name, unit), layer, unit, known)
    threshold = known.threshold or 0.0

    def ours(form: str, **how: int) -> list[bytes]:
        return [_bytes(image, form, **how) for image in system.call_neuron(images)[1]]

    def theirs() -> tuple[list[float], list[str]]:
        ready, read = subject.preprocess, layer.layout.read
        return peers.maia_call(subject.net, name, unit, threshold, ready, read, images)

    if not np.allclose(theirs()[0], system.call_neuron(images)[0], atol=1e-3):
        raise ModelError(name, "is answered otherwise by MAIA's method", "report this")
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: ours("JPEG", quality=90),
        "lossless": lambda: ours("PNG", compress_level=1),
        "maia": theirs,
    }
    spent = [{k: subject.beside(work) for k, work in ways.items()} for _ in range(PAIRS)]
    whole = [one["maia"][0] / one["ours"][0] for one in spent]
    over = {k: [one[k][1] / IMAGES * 1e3 for one in spent] for k in ways}
    quick, lossless = (np.divide(over["maia"], over[k]).tolist() for k in ("ours", "lossless"))
    grown = peers.maia_upsample(torch.from_numpy(maps[:, [unit]]), images[0].size)[:, 0].numpy()
    pairs = zip(grown > threshold, [a.mask for a in system.activate(images)], strict=True)
    alike = [
        float((a & b).sum() / (a | b).sum()) for a, b in pairs if b is not None and (a | b).any()
    ]
    said = "masks, with those of MAIA's grid"
    return [
        *([Row.of("call/mask-iou", alike, "IoU", ">= 1", said)] if alike else []),
        Row.of(
            "call/overhead-ms",
            over["ours"],
            "ms",
            "<= 1.5",
            "an image, beside the forward pass; masks as JPEG of quality 90",
        ),
        Row.of("call/vs-maia", quick, "x", ">= 15", "MAIA's over ours"),
        Row.of("call/vs-maia-lossless", lossless, "x", ">= 3", "the same with PNG"),
        Row.of("call/whole", whole, "x", "", "whole calls, forward pass included"),
        Row.of("peer/maia", over["maia"], "ms", "", "an image, beside the forward pass"),
    ]


def _upto(subject: Subject, layer: str, batch: Tensor) -> None:
    """The forward pass alone, as far as a layer."""
    subject.network.survey([layer], batch, lambda _name, _maps: None)


def reading(subject: Subject, photos: ImageFolder, folder: Path) -> list[Row]:
    """A second question, and whether decoding and answering overlap."""
    few = photos.part([i % len(photos) for i in range(READ)])
    layer = subject.network.layer(subject.blocks[-1])
    ExemplarIndex.build(layer, few, folder / "cache")
    again = []
    for unit in range(PAIRS):
        began = time.perf_counter()
        index = ExemplarIndex.build(layer, few, folder / "cache")
        index.of(unit % layer.units).positions("top", 15)
        again.append((time.perf_counter() - began) * 1e3)
    few._kept = _Forgetful()
    plan, batches = Plan.of(few), np.split(np.arange(READ), range(CHUNK, READ, CHUNK))

    def read(at: Positions) -> Tensor:
        return subject.network.prepare([few[int(i)] for i in at])

    ready: list[Tensor] = []

    def decode() -> None:
        ready[:] = [batch for _, batch in ahead(batches, read)]

    def forward() -> None:
        for batch in ready:
            _upto(subject, layer.name, batch)

    shares, rates = [], []
    for _ in range(3):
        both = subject.wall(lambda: count([layer], few, plan))
        alone = subject.wall(decode), subject.wall(forward)
        shares.append(max(alone) / both)
        rates.append([READ / seconds for seconds in (both, *alone)])
    said = "images/s: {:.0f} both, {:.0f} decoding, {:.0f} forward".format(*np.median(rates, 0))
    return [
        Row.of("cached-ms", again, "ms", "<= 50", "another unit of a cached index"),
        Row.of("overlap", shares, "x slower stage", ">= 0.9", said),
    ]


class _Forgetful(OrderedDict[str, Image.Image]):
    """Keeps no decoded image, so that each is decoded when it is read."""

    def __setitem__(self, name: str, image: Image.Image) -> None:
        """Forget it."""


def _bytes(image: Image.Image, form: str, **how: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return buffer.getvalue()
