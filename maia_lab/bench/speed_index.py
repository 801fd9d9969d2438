"""What building the index costs beside the bare forward pass, and how good its thresholds are."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

from maia_lab.bench.crops import Crops
from maia_lab.bench.subject import Subject
from maia_lab.bench.table import Row
from maia_lab.errors import ModelError
from maia_lab.images import ImageFolder
from maia_lab.systems.counting import CHUNK, count, survey
from maia_lab.systems.tally import Plan, Tally

PAIRS, TOGETHER = 7, 3
"""How often both sides are timed, and of how many batches, taken in turn, each time."""
BEFORE, FIRST = 1000, 128
"""Images before the steady state is measured, and those told apart at the beginning."""
LAYOUTS = {"plain": torch.contiguous_format, "channels last": torch.channels_last}
SIZES = (1, 2, 4, 8, 16, CHUNK)
"""Images in one bare pass: the fastest is the floor."""
COUNTED = 600
"""Images whose every position is held against the thresholds."""
UNITS = 17_056
"""Of a MobileNetV2, to which the size of the state is scaled."""


def index(subject: Subject, crops: Crops) -> list[Row]:
    """The pass that counts, and the bare one, alternating on the same batches."""
    _check(subject, crops)
    plan = Plan.of(crops)
    both = {"blocks": _counting(subject, subject.blocks, plan)}
    both["all"] = _counting(subject, subject.every, plan)
    forms = _fastest(subject, crops)

    def pair(numbers: range) -> tuple[Counter[str], Counter[str], Counter[str]]:
        """Seconds of the bare passes, of those that count, and of the bare ones once more."""
        before, spent, after = Counter[str](), Counter[str](), Counter[str]()
        for number in numbers:
            batch = subject.batch(crops, number)
            bare = {name: _cut(batch, *form) for name, form in forms.items()}
            # The floor is taken before and after, so that a machine that slows down slows both.
            before.update({n: subject.clock(subject.bare, *at) for n, at in bare.items()})
            spent.update({n: subject.clock(add, number, batch) for n, add in both.items()})
            after.update({n: subject.clock(subject.bare, *at) for n, at in bare.items()})
        return before, spent, after

    first, steady = FIRST // CHUNK, -(-BEFORE // CHUNK)
    ratios: dict[str, list[float]] = {"blocks": [], "all": [], "first": []}
    floors: dict[str, list[float]] = {name: [] for name in forms}
    nulls = []
    for number in range(first):
        before, spent, after = pair(range(number, number + 1))
        ratios["first"].append(2 * spent["all"] / min(before[n] + after[n] for n in forms))
    for number in range(first, steady):
        batch = subject.batch(crops, number)
        for add in both.values():
            add(number, batch)
    for number in range(steady, steady + PAIRS * TOGETHER, TOGETHER):
        before, spent, after = pair(range(number, number + TOGETHER))
        fastest = min(forms, key=lambda n: before[n] + after[n])
        nulls.append(after[fastest] / before[fastest])
        for name, seconds in spent.items():
            ratios[name].append(2 * seconds / (before[fastest] + after[fastest]))
        for name in forms:
            floors[name].append((before[name] + after[name]) / 2 / TOGETHER)
    told = ", ".join(f"{k} {median(v) / CHUNK * 1e3:.1f} ms" for k, v in floors.items())
    spread = max(nulls) - min(nulls)

    def row(name: str, goal: float, layers: list[str]) -> Row:
        certain = spread <= goal - 1
        said = f"{len(layers)} layers, {subject.units(layers)} units; bare: {told} an image"
        said += "" if certain else f"; no verdict: the null pairs spread over {spread:.2f}"
        return Row.of(
            f"index/{name}", ratios[name], "x bare", f"<= {goal:.2f}" if certain else "", said
        )

    return [
        row("blocks", 1.10, subject.blocks),
        row("all", 1.20, subject.every),
        Row.of("index/first-128", ratios["first"], "x bare", "", "all layers, the first images"),
        Row.of("null", nulls, "x", "", "the bare pass after the others, against itself before"),
    ]


def _fastest(subject: Subject, crops: Crops) -> dict[str, tuple[torch.memory_format, int]]:
    """In either layout, by how many images at a time the bare pass is fastest."""
    batch, found = subject.batch(crops, 0), {}
    for layout, memory in LAYOUTS.items():
        ways = {size: _cut(batch, memory, size) for size in SIZES}
        spent = [{n: subject.clock(subject.bare, *at) for n, at in ways.items()} for _ in range(3)]
        size = min(SIZES, key=lambda n: min(times[n] for times in spent))
        found[f"{layout} by {size}"] = memory, size
    return found


def _cut(batch: Tensor, memory: torch.memory_format, size: int) -> tuple[Tensor, ...]:
    return tuple(part.contiguous(memory_format=memory) for part in torch.split(batch, size))


def _counting(subject: Subject, names: list[str], plan: Plan) -> Callable[[int, Tensor], None]:
    tallies = [Tally(plan, subject.network.layer(name).units) for name in names]

    def counting(number: int, batch: Tensor) -> None:
        at = np.arange(number * CHUNK, (number + 1) * CHUNK)
        survey(subject.network, names, at, batch, tallies)

    return counting


def _check(subject: Subject, crops: Crops) -> None:
    """What the index reads is what plain hooks read of the same images, laid out the same."""
    batch = subject.batch(crops, 0)
    plan, at = Plan.of(crops), np.arange(CHUNK)
    found = [Tally(plan, subject.network.layer(name).units) for name in subject.every]
    survey(subject.network, subject.every, at, batch, found)
    plain: dict[str, list[Tensor]] = {name: [] for name in subject.every}

    def hook(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def keep(_module: nn.Module, _given: object, maps: Tensor) -> None:
            if maps.dim() == 4:
                plain[name].append(maps.amax((2, 3)))

        return keep

    hooks = [subject.net.get_submodule(n).register_forward_hook(hook(n)) for n in subject.every]
    alike = batch.contiguous(memory_format=subject.network._memory)
    subject.bare(*subject.network.alike(alike))
    for handle in hooks:
        handle.remove()
    slots = plan.slots[at]
    for name, tally in zip(subject.every, found, strict=True):
        maxima = torch.cat(plain[name]).float().cpu().numpy()[slots >= 0] if plain[name] else None
        if maxima is not None and not np.array_equal(maxima, tally.values[slots[slots >= 0]]):
            raise ModelError(name, "is read otherwise by the index", "report this")


def thresholds(subject: Subject, crops: Crops) -> list[Row]:
    """How far the share above each threshold is from a twentieth, and what that takes to know."""
    some = crops.first(COUNTED)
    plan = Plan.of(some)
    layers = [subject.network.layer(name) for name in subject.blocks]
    found = dict(zip(subject.blocks, count(layers, some, plan), strict=True))
    levels = {name: tally.thresholds() for name, tally in found.items()}
    above = {layer.name: np.zeros((2, layer.units)) for layer in layers}
    places = dict.fromkeys(subject.blocks, 0)

    def visit(name: str, maps: Tensor) -> None:
        if maps.dim() != 4 or levels[name] is None:
            return
        level = torch.from_numpy(levels[name]).to(maps.device)[:, None, None]
        above[name][0] += (maps > level).sum((0, 2, 3)).cpu().numpy()
        above[name][1] += (maps >= level).sum((0, 2, 3)).cpu().numpy()
        places[name] += len(maps) * maps.shape[2] * maps.shape[3]

    for start in range(0, COUNTED, CHUNK):
        batch = [some[i] for i in range(start, min(start + CHUNK, COUNTED))]
        ready = subject.network.prepare(batch).to(subject.device)
        subject.network.survey(subject.blocks, ready, visit)
    # Where positions are equal, any share between those above and those not below is right.
    errors = np.concatenate(
        [
            np.maximum(above[n][0] / p - 0.05, 0) - np.maximum(0.05 - above[n][1] / p, 0)
            for n, p in places.items()
            if p > plan.each * COUNTED
        ]
        or [np.zeros(0)]
    )
    rows = []
    if len(errors):
        sd, said = float(np.sqrt(np.mean(errors**2))), "images; range: median and largest"
        low, high = (float(q) for q in np.quantile(np.abs(errors), (0.5, 1.0)))
        goal, note = "<= 0.002", f"{COUNTED} {said}"
        rows.append(Row("thresholds/tail-sd", sd, low, high, len(errors), "share", goal, note))
    large = Tally(Plan.of(crops), 1)
    large.add(np.arange(1), np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32), 10**6)
    state, whole = (size * UNITS / 2**20 for size in (large.sampled, large.nbytes))
    return [
        *rows,
        Row.of(
            "thresholds/state",
            [state],
            "MiB",
            "<= 256",
            f"of {UNITS} units; with activations and extremes the index takes {whole:.0f} MiB",
        ),
    ]


def memory(model: str | None, data: str, n: int, seed: int, device: str | None) -> Row:
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
    subject = Subject.open(model, device)
    some = Crops(ImageFolder(data), images, seed)
    count([subject.network.layer(name) for name in subject.blocks], some, Plan.of(some))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak * (1 if sys.platform == "darwin" else 1024))
