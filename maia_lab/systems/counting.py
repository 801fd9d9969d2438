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
from torch.nn.functional import max_pool2d

from maia_lab.errors import ModelError
from maia_lab.system import Layer
from maia_lab.systems import memory
from maia_lab.systems.tally import Plan, Positions, Tally
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
    cuts = np.flatnonzero(np.diff(positions // CHUNK)) + 1
    batches = np.split(positions, cuts) if len(positions) else []

    def read(at: Positions) -> Tensor | list[Image.Image]:
        images = [data[int(i)] for i in at]
        return images if network is None else network.prepare(images)

    def answer(at: Positions, ready: Tensor | list[Image.Image]) -> None:
        if network is not None and isinstance(ready, Tensor):
            survey(network, [layer.name for layer in layers], at, ready, tallies, units)
            return
        images = ready if isinstance(ready, list) else []
        places = Places(tallies[0].plan, at)
        for layer, tally in zip(layers, tallies, strict=True):
            response = layer.respond(images, units)
            found = response.values if response.maps is None else response.maps
            reading = Reading(tally, places)
            reading.take(torch.from_numpy(found), torch.from_numpy(response.values))
            reading.count()

    counted = 0
    with memory.held():
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


def survey(
    network: Network,
    layers: Sequence[str],
    at: Positions,
    batch: Tensor,
    tallies: Sequence[Tally],
    units: list[int] | None = None,
) -> None:
    """Count what some layers of a network answer to one batch, in one pass.

    Args:
        network: that is asked.
        layers: names of its layers.
        at: positions of the images.
        batch: the images, as the network prepared them.
        tallies: what each layer is counted in; images that are in it already are passed over.
        units: which of the units; None for all.
    """
    places = Places(tallies[0].plan, at)
    readings = {n: Reading(t, places, units) for n, t in zip(layers, tallies, strict=True)}
    network.survey(layers, batch, lambda name, answer: readings[name].take(answer))
    for reading in readings.values():
        reading.count()


class Places:
    """Which images of a batch, and which places of their maps, are sampled: told by size once."""

    def __init__(self, plan: Plan, at: Positions) -> None:
        """Tell which images."""
        self.plan, self.at = plan, at
        self.mapped = plan.mapped(at)
        self._found: dict[tuple[int, int, int, torch.device], tuple[Tensor, Tensor]] = {}

    def of(self, start: int, stop: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """The images, shape (m, 1), counted from ``start``, and their places, shape (m, places)."""
        key = (start, stop, size, device)
        if key not in self._found:
            images = np.flatnonzero(self.mapped[start:stop])
            places = self.plan.places(self.at[start:stop][images], size).copy()
            self._found[key] = (
                torch.from_numpy(images)[:, None].to(device),
                torch.from_numpy(places).to(device),
            )
        return self._found[key]


class Reading:
    """What one layer answers to a batch: read a few images at a time, and counted at the end."""

    def __init__(self, tally: Tally, places: Places, units: list[int] | None = None) -> None:
        """Begin with no image of the batch."""
        self._tally, self._places, self._units = tally, places, units
        self._values: list[Tensor] = []
        self._rows: list[Tensor] = []
        self._taken = self._size = 0

    def take(self, answer: Tensor, values: Tensor | None = None) -> None:
        """Read the answers to the next images.

        Args:
            answer: shape (n, units, h, w), or (n, units) without maps.
            values: shape (n, units), where a unit's activation is not the maximum of its map.
        """
        start = self._taken
        self._taken += len(answer)
        answer = (answer if self._units is None else answer[:, self._units]).detach()
        if answer.dim() == 2:
            self._values.append(answer.clone())
            return
        self._values.append(_maxima(answer) if values is None else values)
        maps = answer.flatten(2).movedim(1, 2)
        self._size = maps.shape[1]
        images, places = self._places.of(start, self._taken, self._size, maps.device)
        self._rows.append(maps[images, places].flatten(0, 1))

    def count(self) -> None:
        """Count what was read, but for images that are counted already."""
        at, mapped = self._places.at, self._places.mapped
        values = torch.cat(self._values).float().cpu().numpy()
        rows = torch.cat(self._rows).float().cpu().numpy() if self._rows else None
        fresh = ~self._tally.seen[at]
        if not fresh.all():
            at, values = at[fresh], values[fresh]
            if rows is not None:
                each = rows.reshape(np.count_nonzero(mapped), -1, rows.shape[1])
                rows = each[fresh[mapped]].reshape(-1, rows.shape[1])
        if len(at):
            self._tally.add(at, values, rows, self._size)


def _maxima(maps: Tensor) -> Tensor:
    """The highest of each map: from (n, units, h, w) to (n, units)."""
    images, units, height, width = maps.shape
    if maps.device.type != "cpu" or not maps.is_contiguous(memory_format=torch.channels_last):
        return maps.amax((2, 3))
    # With channels last amax is fast only of 32 numbers side by side: units, of some positions.
    if 32 % units == 0 and height * width * units % 32 == 0:
        rows = maps.movedim(1, 3).reshape(images, -1, 32).amax(1)
        return rows.view(images, -1, units).amax(1)
    return max_pool2d(maps, (height, width)).flatten(1)
