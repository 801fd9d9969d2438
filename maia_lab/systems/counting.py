"""One pass over the images: read ahead on other threads, and answered by all layers at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from maia_lab.errors import ModelError
from maia_lab.system import Layer
from maia_lab.systems.tally import Array, Plan, Positions, Tally
from maia_lab.systems.vision import Network, NetworkLayer
from maia_lab.world import Images

CHUNK = 32
"""Images answered at a time; parts of an index that are built apart begin at multiples of it."""

_Read = TypeVar("_Read")


def count(
    layers: Sequence[Layer],
    data: Images,
    plan: Plan,
    positions: Iterable[int] | None = None,
    units: list[int] | None = None,
) -> list[Tally]:
    """Partial indexes of some layers over some of the images; merged, they are the whole one.

    Args:
        layers: whose units are counted, in one pass where they are of one network.
        data: all of the data.
        plan: of all of the data.
        positions: which images; None for all.
        units: which of the units; None for all.
    """
    tallies = [Tally(plan, layer.units if units is None else len(units)) for layer in layers]
    chosen = np.arange(len(plan)) if positions is None else np.array(sorted(positions))
    for _ in go_on(layers, data, tallies, chosen, units):
        pass
    return tallies


def go_on(
    layers: Sequence[Layer],
    data: Images,
    tallies: Sequence[Tally],
    positions: Positions,
    units: list[int] | None,
) -> Iterator[int]:
    """Count images batch by batch, decoding ahead; tells how many were counted after each."""
    network = network_of(layers)
    # The same images always share a batch: what they are answered with may depend on it.
    batches = np.split(positions, np.flatnonzero(np.diff(positions // CHUNK)) + 1)

    def read(at: Positions) -> Tensor | list[Image.Image]:
        images = [data[int(i)] for i in at]
        return images if network is None else network.prepare(images)

    def answer(at: Positions, ready: Tensor | list[Image.Image]) -> None:
        if network is not None and isinstance(ready, Tensor):
            places = {layer.name: i for i, layer in enumerate(layers)}

            def visit(name: str, maps: Tensor) -> None:
                add(tallies[places[name]], at, maps, units)

            network.survey(list(places), ready, visit)
            return
        images = ready if isinstance(ready, list) else []
        for layer, tally in zip(layers, tallies, strict=True):
            response = layer.respond(images, units)
            found = response.values if response.maps is None else response.maps
            add(tally, at, torch.from_numpy(found), None, response.values)

    counted = 0
    for at, ready in ahead(batches, read):
        try:
            answer(at, ready)
            halves: list[slice] = []
        except torch.OutOfMemoryError:
            # Tried again below: until this block is left, its traceback holds on to the batch.
            half = max(1, len(at) // 2)
            halves = [slice(0, half), slice(half, len(at))]
        for part in halves:
            torch.cuda.empty_cache()
            try:
                answer(at[part], ready[part])
            except torch.OutOfMemoryError as error:
                raise ModelError(
                    layers[0].name,
                    f"runs out of memory even for {half} images at a time",
                    "index fewer layers, free memory on the device, or use another",
                ) from error
        counted += len(at)
        yield counted


def ahead(
    batches: Sequence[Positions], read: Callable[[Positions], _Read]
) -> Iterator[tuple[Positions, _Read]]:
    """Read some batches while earlier ones are answered; in order."""
    workers = max(2, min(8, os.cpu_count() or 1))
    pool = ThreadPoolExecutor(workers, "decoding")
    try:
        waiting: deque[Future[_Read]] = deque(pool.submit(read, at) for at in batches[:workers])
        for number, at in enumerate(batches):
            ready = waiting.popleft().result()
            if number + workers < len(batches):
                waiting.append(pool.submit(read, batches[number + workers]))
            yield at, ready
    finally:
        pool.shutdown(cancel_futures=True)


def network_of(layers: Sequence[Layer]) -> Network | None:
    """The network of which all are layers; None if there is none."""
    plain = [at for at in layers if isinstance(at, NetworkLayer) and at.along is None]
    if len(plain) < len(layers) or len({id(at.network) for at in plain}) != 1:
        return None
    return plain[0].network


def add(
    tally: Tally,
    at: Positions,
    answer: Tensor,
    units: list[int] | None,
    values: Array | None = None,
) -> None:
    """Count what one layer answered: shape (n, units, h, w), or (n, units) without maps.

    Args:
        tally: what it is counted in; images that are in it already are passed over.
        at: positions of the images.
        answer: of the layer.
        units: which of its units; None for all.
        values: shape (n, units), where a unit's activation is not the maximum of its map.
    """
    fresh = ~tally.seen[at]
    if not fresh.all():
        at, answer = at[fresh], answer[torch.from_numpy(fresh)]
        values = None if values is None else values[fresh]
    if not len(at):
        return
    answer = (answer if units is None else answer[:, units]).detach()
    if answer.dim() == 2:
        tally.add(at, answer.float().cpu().numpy())
        return
    maps = answer.flatten(2)
    if values is None:
        values = _maxima(answer).float().cpu().numpy()
    mapped, size = tally.plan.mapped(at), maps.shape[2]
    places = torch.from_numpy(tally.plan.places(at[mapped], size).copy()).to(maps.device)
    some = maps if mapped.all() else maps[torch.from_numpy(mapped)]
    if places.shape[1] < size:
        some = some.gather(2, places[:, None].expand(-1, maps.shape[1], -1))
    rows = some.movedim(1, 2).flatten(0, 1)
    tally.add(at, values, rows.float().cpu().numpy(), size)


def _maxima(maps: Tensor) -> Tensor:
    """The highest of each map: from (n, units, h, w) to (n, units)."""
    if maps.device.type == "cpu" and maps.is_contiguous(memory_format=torch.channels_last):
        # Reads them as they lie in memory; amax goes unit by unit, up to thirty times as long.
        return functional.max_pool2d(maps, maps.shape[2:]).flatten(1)
    return maps.amax((2, 3))
