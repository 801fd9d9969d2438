"""How fast the index and ``call_neuron`` are: against the bare forward pass, and against peers.

Ratios of process time on one thread, both sides alternating on the same batch in one process, after
their outputs were found equal. The floor is the fastest bare forward pass of the batch.
"""

from __future__ import annotations

import io
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from maia_lab.bench import peers
from maia_lab.bench.table import Row, Table
from maia_lab.errors import ModelError
from maia_lab.images import ImageFolder
from maia_lab.system import Reference, System, upsample
from maia_lab.systems import zoo
from maia_lab.systems.exemplars import CHUNK, ExemplarIndex, _count, count
from maia_lab.systems.preprocess import Normalised, Preprocess
from maia_lab.systems.tally import Plan, Tally
from maia_lab.systems.vision import Network, open_network
from maia_lab.unit import Unit

PAIRS = 7
BEFORE, FIRST = 1000, 128
"""Images before the steady state is measured, and those told apart at the beginning."""
COUNTED = 600
"""Images whose every position is held against the thresholds."""
UNITS = 17_056
"""Of a MobileNetV2, to which the size of the state is scaled."""


def speed(
    seeds: Sequence[int],
    n: int = 2000,
    model: str | None = None,
    data: str | None = None,
    device: str | None = None,
) -> Table:
    """Measure everything on one network and one folder.

    Args:
        seeds: of the crops.
        n: images in the smaller of the two passes whose memory is compared; the larger has 5 n.
        model: a name or an import path; without one a MobileNetV2 of random weights.
        data: a folder of images; without one, seeded pictures.
        device: where the network runs; pairs are timed by the clock where it is not the CPU.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            if data is None:
                data = str(_pictures(Path(folder), seeds[0]))
            net, preprocess, network = _open(model, device)
            photos = ImageFolder(data)
            bench = _Bench(net, preprocess, network, Crops(photos, max(5 * n, 2000), seeds[0]))
            rows = [*bench.index(), *bench.calls(), *bench.reading(photos, Path(folder))]
            rows += [bench.thresholds(), *bench.peers(), _memory(model, data, n, seeds[0], device)]
    finally:
        torch.set_num_threads(threads)
    return Table("speed", tuple(seeds), tuple(rows))


class Crops:
    """As many different images as are asked for: seeded crops of a few."""

    def __init__(self, photos: ImageFolder, n: int, seed: int) -> None:
        """Read the photographs, and cut nothing yet."""
        self.name, self.digest = f"{n} crops", f"{photos.digest} {n} {seed}"
        self._n, self._seed = n, seed
        # Few are kept decoded: their number is that of the data, not of the crops.
        self._photos = [photos[i] for i in range(min(len(photos), 100))]

    def __len__(self) -> int:
        """How many there are."""
        return self._n

    def __getitem__(self, index: int) -> Image.Image:
        """Cut one."""
        chance = np.random.default_rng((self._seed, index))
        photo = self._photos[index % len(self._photos)]
        side = int(min(photo.size) * chance.uniform(0.5, 1))
        x, y = (int(chance.integers(0, full - side + 1)) for full in photo.size)
        return photo.crop((x, y, x + side, y + side)).resize((224, 224))

    def __iter__(self) -> Iterator[Image.Image]:
        """All in order."""
        return (self[i] for i in range(self._n))


@dataclass
class _Bench:
    net: nn.Module
    preprocess: Preprocess
    network: Network
    crops: Crops
    nulls: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.device = next(self.net.parameters()).device
        self.blocks, self.all = _layers(self.net, self.network)

    def clock(self, work: Callable[..., object], *given: object) -> float:
        """Seconds of one call: of the process on a CPU, else until the device is done."""
        if self.device.type == "cpu":
            began = time.process_time()
            work(*given)
            return time.process_time() - began
        torch.cuda.synchronize()
        began = time.perf_counter()
        work(*given)
        torch.cuda.synchronize()
        return time.perf_counter() - began

    def batch(self, number: int) -> Tensor:
        at = range(number * CHUNK, (number + 1) * CHUNK)
        return self.network.prepare([self.crops[i] for i in at]).to(self.device)

    def bare(self, batch: Tensor) -> None:
        with torch.inference_mode():
            self.net(batch)

    def counting(self, names: list[str], plan: Plan) -> Callable[[int, Tensor], None]:
        units = {name: count for name, _, count in self.network.layers()}
        tallies = {name: Tally(plan, units[name]) for name in names}

        def add(number: int, batch: Tensor) -> None:
            at = np.arange(number * CHUNK, (number + 1) * CHUNK)
            self.network.survey(
                names, batch, lambda name, maps: _count(tallies[name], at, maps, None)
            )

        return add

    def index(self) -> list[Row]:
        self.check()
        plan = Plan.of(self.crops)
        both = {"blocks": self.counting(self.blocks, plan), "all": self.counting(self.all, plan)}
        ratios: dict[str, list[float]] = {"blocks": [], "all": [], "first": []}
        floors: dict[str, list[float]] = {"plain": [], "channels last": []}
        self.bare(self.batch(0))
        steady = -(-BEFORE // CHUNK)
        for number in range(steady + PAIRS):
            batch = self.batch(number)
            if FIRST // CHUNK <= number < steady:
                for add in both.values():
                    add(number, batch)
                continue
            last = batch.to(memory_format=torch.channels_last)
            if number == steady:
                self.bare(last)
            floor = {"plain": [], "channels last": []} if number < steady else floors
            one = self.clock(self.bare, batch)
            floor["plain"].append(one)
            spent = {name: self.clock(add, number, batch) for name, add in both.items()}
            two = self.clock(self.bare, batch)
            floor["channels last"].append(self.clock(self.bare, last))
            fastest = min(one, two)
            if number < steady:
                ratios["first"].append(spent["all"] / fastest)
                continue
            self.nulls.append(two / one)
            for name, seconds in spent.items():
                ratios[name].append(seconds / min(fastest, floor["channels last"][-1]))
        spread = max(self.nulls) - min(self.nulls)
        layouts = ", ".join(f"{k} {median(v) / CHUNK * 1e3:.1f} ms" for k, v in floors.items())
        units = {name: count for name, _, count in self.network.layers()}

        def row(name: str, key: str, goal: float, names: list[str]) -> Row:
            certain = spread <= goal - 1
            said = f"{len(names)} layers, {sum(units[n] for n in names)} units; bare: {layouts}"
            said += "" if certain else f"; no verdict: the null pairs spread over {spread:.2f}"
            return Row.of(name, ratios[key], "x bare", f"<= {goal}" if certain else "", said)

        return [
            row("index/blocks", "blocks", 1.10, self.blocks),
            row("index/all", "all", 1.20, self.all),
            Row.of(
                "index/first-128", ratios["first"], "x bare", "", "all layers, the first images"
            ),
            Row.of("null", self.nulls, "x", "", "the bare pass against itself"),
        ]

    def check(self) -> None:
        """What the index reads is what plain hooks read, on the same layout in memory."""
        batch, found = self.batch(0), {}
        self.network.survey(
            self.all, batch, lambda n, maps: found.update({n: maps.flatten(2).amax(2).clone()})
        )
        alike = batch.contiguous(memory_format=self.network._memory)
        for name in self.all:
            plain = peers.answer(self.net, name, alike).detach()
            if plain.dim() == 4 and not torch.equal(plain.amax((2, 3)), found[name]):
                raise ModelError(name, "is read otherwise by the index", "report this")

    def calls(self) -> list[Row]:
        name = self.blocks[-1]
        images = [self.crops[i] for i in range(16)]
        layer = self.network.layer(name)
        maps = layer.respond(images).maps
        if maps is None:
            return []
        unit = int(maps.std((0, 2, 3)).argmax())
        index = count(
            [layer], _First(self.crops, 64), Plan.of(_First(self.crops, 64)), None, [unit]
        )
        thresholds = index[0].thresholds()
        threshold = float(thresholds[0]) if thresholds is not None else 0.0
        known = Reference(np.sort(index[0].values[:, 0]), threshold)
        system = System(Unit("net", name, unit), layer, unit, known)
        batch = self.network.prepare(images).to(self.device)

        def ours(form: str, **how: int) -> list[bytes]:
            _, masked = system.call_neuron(images)
            return [_bytes(image, form, **how) for image in masked]

        def theirs() -> object:
            return peers.maia_call(self.net, name, unit, threshold, self.preprocess, images)

        theirs_values = peers.maia_call(self.net, name, unit, threshold, self.preprocess, images)[0]
        if not np.allclose(theirs_values, system.call_neuron(images)[0], atol=1e-3):
            raise ModelError(name, "is answered otherwise by MAIA's method", "report this")
        spent: dict[str, list[float]] = {k: [] for k in ("bare", "ours", "lossless", "maia", "one")}
        for _ in range(PAIRS):
            spent["bare"].append(self.clock(self.upto, name, batch))
            spent["ours"].append(self.clock(lambda: ours("JPEG", quality=90)))
            spent["lossless"].append(self.clock(lambda: ours("PNG", compress_level=1)))
            spent["one"].append(self.clock(self.one_by_one, batch))
            spent["maia"].append(self.clock(theirs))
        each = {k: [s / 16 * 1e3 for s in v] for k, v in spent.items()}
        over = {
            k: [a - b for a, b in zip(each[k], each["bare"], strict=True)]
            for k in ("ours", "lossless")
        }
        slow = [a - b for a, b in zip(each["maia"], each["one"], strict=True)]
        masks = [
            (
                upsample(m, (224, 224)) > threshold,
                peers.maia_upsample(torch.from_numpy(m)[None, None], (224, 224))[0, 0].numpy()
                > threshold,
            )
            for m in maps[:, unit]
        ]
        overlap = [(a & b).sum() / (a | b).sum() for a, b in masks if (a | b).any()] or [1.0]

        def ratio(top: list[float], below: list[float]) -> list[float]:
            return [a / max(b, 1e-9) for a, b in zip(top, below, strict=True)]

        return [
            Row.of(
                "call/overhead-ms",
                over["ours"],
                "ms",
                "<= 1.5",
                "an image, beside the forward pass; masks as JPEG of quality 90",
            ),
            Row.of("call/vs-maia", ratio(slow, over["ours"]), "x", ">= 15", "MAIA's over ours"),
            Row.of(
                "call/vs-maia-lossless",
                ratio(slow, over["lossless"]),
                "x",
                ">= 3",
                "the same with PNG",
            ),
            Row.of(
                "call/whole",
                ratio(each["maia"], each["ours"]),
                "x",
                "",
                "whole calls, forward pass included",
            ),
            Row.of(
                "call/mask-iou",
                [float(i) for i in overlap],
                "IoU",
                "",
                "masks, with those of MAIA's grid",
            ),
            Row.of("peer/maia", slow, "ms", "", "an image, beside the forward pass"),
        ]

    def upto(self, layer: str, batch: Tensor) -> None:
        """The forward pass alone, as far as a layer."""
        self.network.survey([layer], batch, lambda _name, _maps: None)

    def one_by_one(self, batch: Tensor) -> None:
        """The forward pass alone as MAIA runs it: whole, with gradients, one image at a time."""
        for image in batch:
            self.net(image[None])

    def each(self, batches: Sequence[Tensor]) -> None:
        """The bare forward pass of several batches."""
        for batch in batches:
            self.bare(batch.to(self.device))

    def reading(self, photos: ImageFolder, folder: Path) -> list[Row]:
        """A second question, and whether decoding and answering overlap."""
        layers = [self.network.layer(name) for name in self.blocks]
        few = photos.part(range(min(len(photos), 256)))

        def timed(work: Callable[..., object], *given: object) -> float:
            began = time.perf_counter()
            work(*given)
            return time.perf_counter() - began

        overlaps, said = [], ""
        for _ in range(3):
            few._kept.clear()
            whole = timed(count, layers, few, Plan.of(few))
            decode = timed(
                lambda: [self.network.prepare([_fresh(few, i)]) for i in range(len(few))]
            )
            ready = [
                self.network.prepare([few[i] for i in range(s, min(s + CHUNK, len(few)))])
                for s in range(0, len(few), CHUNK)
            ]
            forward = timed(self.each, ready)
            overlaps.append(max(decode, forward) / whole)
            rates = (len(few) / s for s in (whole, decode, forward))
            said = "images/s: {:.0f} both, {:.0f} decoding, {:.0f} forward".format(*rates)
        ExemplarIndex.build(layers[-1], few, folder / "cache")
        again = []
        for unit in range(PAIRS):
            began = time.perf_counter()
            index = ExemplarIndex.build(layers[-1], few, folder / "cache")
            index.of(unit % layers[-1].units).positions("top", 15)
            again.append((time.perf_counter() - began) * 1e3)
        return [
            Row.of("cached-ms", again, "ms", "<= 50", "another unit of a cached index"),
            Row.of("overlap", overlaps, "x slower stage", ">= 0.9", said),
        ]

    def thresholds(self) -> Row:
        """How far the share above each threshold is from a twentieth."""
        images = COUNTED
        some = _First(self.crops, images)
        plan = Plan.of(some)
        layers = [self.network.layer(name) for name in self.blocks]
        found = [tally.thresholds() for tally in count(layers, some, plan)]
        above = [np.zeros((2, layer.units)) for layer in layers]
        places = [0] * len(layers)
        names = {layer.name: i for i, layer in enumerate(layers)}

        def visit(name: str, maps: Tensor) -> None:
            i = names[name]
            if maps.dim() != 4 or found[i] is None:
                return
            level = torch.from_numpy(found[i]).to(maps.device)[:, None, None]
            above[i][0] += (maps > level).sum((0, 2, 3)).cpu().numpy()
            above[i][1] += (maps >= level).sum((0, 2, 3)).cpu().numpy()
            places[i] += len(maps) * maps.shape[2] * maps.shape[3]

        for start in range(0, images, CHUNK):
            batch = self.network.prepare(
                [some[i] for i in range(start, min(start + CHUNK, images))]
            )
            self.network.survey(list(names), batch.to(self.device), visit)
        # Where positions are equal, any share between those above and those not below is right.
        errors = np.concatenate(
            [
                np.maximum(a[0] / p - 0.05, 0) - np.maximum(0.05 - a[1] / p, 0)
                for a, p in zip(above, places, strict=True)
                if p > plan.each * images
            ]
            or [np.zeros(1)]
        )
        one = Tally(plan, 1)
        one._sized(10**6)
        size = one.tail.nbytes * UNITS / 2**20
        sd = float(np.sqrt(np.mean(errors**2)))
        low, high = np.quantile(np.abs(errors), (0.5, 1.0))
        note = f"{len(errors)} units, {images} images; state {size:.0f} MiB for {UNITS} units"
        return Row(
            "thresholds/tail-sd",
            sd,
            float(low),
            float(high),
            len(errors),
            "share",
            "<= 0.002",
            f"{note}; range: median and largest",
        )

    def peers(self) -> list[Row]:
        """Others' passes over three batches, against the bare pass."""
        batches = [self.batch(i) for i in range(3)]
        names = [n for n in self.blocks if self.network.layer(n).layout.grid is None]
        dissect, collect = [], []
        for _ in range(3):
            bare = self.clock(self.each, batches)
            dissect.append(self.clock(peers.netdissect_pass, self.net, names[-1], batches) / bare)
            collect.append(
                self.clock(peers.clip_dissect_collection, self.net, names, batches) / bare
            )
        kept = sum(self.network.layer(n).units for n in names) * 4
        return [
            Row.of("peer/netdissect", dissect, "x bare", "", "one layer, 96 images, two passes"),
            Row.of(
                "peer/clip-dissect-collection",
                collect,
                "x bare",
                "",
                f"block outputs; keeps {kept / 1e3:.1f} kB for every image",
            ),
        ]


class _First:
    """The first of some images."""

    def __init__(self, data: Crops, n: int) -> None:
        self._data, self._n = data, n
        self.name, self.digest = data.name, f"{data.digest} {n}"

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, index: int) -> Image.Image:
        return self._data[index]

    def __iter__(self) -> Iterator[Image.Image]:
        return (self[i] for i in range(self._n))


def _open(model: str | None, device: str | None) -> tuple[nn.Module, Preprocess, Network]:
    if model is None:
        from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net: nn.Module = MobileNetV2ForImageClassification(MobileNetV2Config())
        net.eval()
        ready: Preprocess = Normalised((0.5,) * 3, (0.5,) * 3, 224)
        net = net.to(device) if device else net
        opened = open_network(net, ready, name="mobilenetv2")
    else:
        if device:
            import os

            os.environ[zoo.DEVICE] = device
        opened = open_network(model)
    if not isinstance(opened, Network):
        raise ModelError(model, "is no torch module", "measure a network")
    return opened._module.eval(), opened._preprocess, opened


def _layers(net: nn.Module, network: Network) -> tuple[list[str], list[str]]:
    """Names of the block outputs, and of every convolution and linear layer."""
    kinds = {name: kind for name, kind, _ in network.layers() if kind in ("channels", "tokens")}
    blocks: list[str] = []
    for name, part in net.named_modules():
        if isinstance(part, nn.Sequential | nn.ModuleList) and len(part) > 1:
            inside = [f"{name}.{at}".lstrip(".") for at, _ in part.named_children()]
            whole = all(any(True for _ in child.children()) for child in part)
            outer = not any(f"{name}.".startswith(f"{block}.") for block in blocks)
            if whole and outer and all(at in kinds for at in inside):
                blocks += inside
    leaves = [n for n, p in net.named_modules() if isinstance(p, nn.Conv2d | nn.Linear)]
    every = [name for name in leaves if name in kinds]
    if not every:
        raise ModelError(network.name, "has no layer with maps", "measure another network")
    return blocks or every, every


def _memory(model: str | None, data: str, n: int, seed: int, device: str | None) -> Row:
    """Peak memory of a pass over 5 n images against one over n, each in a process of its own."""
    peaks = []
    for images in (n, 5 * n):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            peaks.append(pool.submit(_peak, model, data, images, seed, device).result())
    note = f"peak {peaks[0] / 2**20:.0f} MiB at {n} images, {peaks[1] / 2**20:.0f} at {5 * n}"
    return Row.of("memory/growth", [peaks[1] / peaks[0]], "x", "<= 1.05", note)


def _peak(model: str | None, data: str, images: int, seed: int, device: str | None) -> float:
    import resource
    import sys

    torch.set_num_threads(1)
    net, _, network = _open(model, device)
    blocks, _ = _layers(net, network)
    some = Crops(ImageFolder(data), images, seed)
    count([network.layer(name) for name in blocks], some, Plan.of(some))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak * (1 if sys.platform == "darwin" else 1024))


def _pictures(folder: Path, seed: int, count: int = 64) -> Path:
    """Seeded pictures of 500 × 375, smooth at several scales, as JPEG."""
    chance = np.random.default_rng(seed)
    place = folder / "pictures"
    place.mkdir()
    for number in range(count):
        pixels = np.zeros((375, 500, 3))
        for cells, weight in ((4, 90), (16, 60), (64, 40), (250, 20)):
            coarse = chance.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
            for channel in range(3):
                pixels[..., channel] += weight * upsample(coarse[..., channel], (500, 375))
        picture = Image.fromarray(np.clip(pixels + 128, 0, 255).astype(np.uint8))
        picture.save(place / f"{number:03}.jpg", quality=90)
    return place


def _fresh(folder: ImageFolder, index: int) -> Image.Image:
    folder._kept.clear()
    return folder[index]


def _bytes(image: Image.Image, form: str, **how: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return buffer.getvalue()
