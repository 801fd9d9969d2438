"""The index: what every unit of the chosen layers answers to the data, found in one pass."""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor

from maia_lab.errors import DataError, ModelError
from maia_lab.exemplars import Stratum
from maia_lab.names import position
from maia_lab.system import Layer, Reference
from maia_lab.systems.kept import Kept
from maia_lab.systems.tally import Array, Plan, Positions, Tally, unpacked
from maia_lab.systems.vision import Network, NetworkLayer
from maia_lab.world import Images, Progress

CHUNK = 32
"""Images answered at a time; parts of an index that are built apart begin at multiples of it."""
MOST_UNITS = 20_000
"""Units of a layer, at most, that are indexed together; of a larger layer, each when asked for."""
SAVED = 60.0
"""Seconds between two savings of a pass that is under way."""
STRATA = {"top": 1.0, "bottom": 0.0, "median": 0.5}
"""The quantile each named stratum lies at."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitExemplars:
    """Which of the data's images one unit answers how."""

    values: Array
    """Shape (m,), finite: its activations for the sampled images, in the data's order."""
    threshold: float | None
    """The 0.95 quantile of the unit's map over positions; None without maps."""
    sampled: Positions
    """Shape (m,), ascending: which images those are; all of the data where it is small."""
    top: Positions
    """The images of highest activation among all, highest first."""
    bottom: Positions
    """The images of lowest activation among all, lowest first."""

    @property
    def reference(self) -> Reference:
        """The unit's activations over the data."""
        return Reference(np.sort(self.values), self.threshold)

    def positions(self, stratum: Stratum, count: int) -> list[int]:
        """Positions in the data of that many images of a stratum, most typical first.

        Images of equal activation keep the data's order, so the answer is always the same.

        Args:
            stratum: ``"top"``, ``"bottom"``, ``"median"``, or a quantile between 0 and 1.
            count: how many; all that are known if there are fewer.

        Raises:
            DataError: no such stratum.
        """
        quantile = STRATA.get(stratum) if isinstance(stratum, str) else float(stratum)
        if quantile is None or not 0 <= quantile <= 1:
            raise DataError(
                stratum, "is not a stratum", "choose top, bottom, median or a quantile from 0 to 1"
            )
        # Descending for the upper half, so that ties at the top are broken by position too.
        order = np.argsort(-self.values if quantile > 0.5 else self.values, kind="stable")
        target = min(quantile, 1 - quantile) * (len(order) - 1)
        typical = np.argsort(np.abs(np.arange(len(order)) - target), kind="stable")
        found = self.sampled[order[typical]]
        if quantile in (0, 1):
            # The sample need not hold the extremes; beyond those it goes on.
            ends = self.top if quantile else self.bottom
            found = np.concatenate([ends, found[~np.isin(found, ends)]])
        return [int(i) for i in found[: max(0, count)]]


@dataclass(frozen=True, slots=True, eq=False)
class ExemplarIndex:
    """The exemplars of all units of a layer over one set of images."""

    layer: Layer
    data: Images
    cache_dir: Path
    progress: Progress | None
    kept: Kept | None
    """Of all units; None where there are so many that each is answered when it is asked for."""

    @classmethod
    def build(
        cls, layer: Layer, data: Images, cache_dir: Path, progress: Progress | None = None
    ) -> ExemplarIndex:
        """Answer all images, or read what is kept for the same weights and the same images.

        Args:
            layer: whose units are indexed.
            data: the images; held-out ones must not be among them.
            cache_dir: folder in which indexes are kept; made if it is not there.
            progress: told (done, total) during the pass; not called for answers that were kept.

        Raises:
            DataError: there are no images, or the folder cannot be written.
            ModelError: the layer cannot answer.
        """
        return cls.build_all([layer], data, cache_dir, progress)[0]

    @classmethod
    def build_all(
        cls,
        layers: Sequence[Layer],
        data: Images,
        cache_dir: Path,
        progress: Progress | None = None,
    ) -> list[ExemplarIndex]:
        """The indexes of several layers; those of one network in one pass, as :meth:`build`."""
        whole = [layer for layer in layers if layer.units <= MOST_UNITS]
        found = dict(zip(map(id, whole), _kept(whole, data, cache_dir, progress), strict=True))
        return [cls(layer, data, cache_dir, progress, found.get(id(layer))) for layer in layers]

    @staticmethod
    def is_kept(layer: Layer, data: Images, cache_dir: Path) -> bool:
        """Whether :meth:`build` would find it and count nothing."""
        return Kept.load(_path(cache_dir, layer.digest, data.digest)) is not None

    def of(self, unit: int) -> UnitExemplars:
        """The part of the index that belongs to one unit.

        Raises:
            UnitError: there is no such unit.
            ModelError: it answers images with NaN or infinity.
        """
        column, kept = position(self.layer.name, unit, self.layer.units), self.kept
        if kept is None:
            one = [unit]
            (kept,), column = _kept([self.layer], self.data, self.cache_dir, self.progress, one), 0
        if broken := int(kept.arrays["broken"][column]):
            raise ModelError(
                f"{self.layer.name}/{unit}",
                f"answers {broken} of {len(self.data)} images with NaN or infinity",
                "choose another unit, or run the model in float32",
            )
        threshold = None
        if "thresholds" in kept.arrays:
            threshold = float(kept.row("thresholds", column))
        top, bottom = (unpacked(np.array(end[column])) for end in kept.arrays["ends"])
        sampled = np.array(kept.arrays["sampled"])
        return UnitExemplars(kept.row("values", column), threshold, sampled, top, bottom)


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
    for _ in _pass(layers, data, tallies, chosen, units):
        pass
    return [tally.settled() for tally in tallies]


def keep(layers: Sequence[Layer], data: Images, cache_dir: Path, tallies: Sequence[Tally]) -> None:
    """Keep what was counted elsewhere, where :meth:`ExemplarIndex.build` finds it."""
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        for digest, tally in zip(_digests(layers), tallies, strict=True):
            path = _path(cache_dir, digest, data.digest)
            with FileLock(path.with_suffix(".lock")):
                Kept.save(path, tally, digest, data.digest)
    except OSError as error:
        raise _unkept(cache_dir, error) from error


def _path(cache_dir: Path, layer: str, data: str) -> Path:
    return cache_dir / f"{hashlib.sha256(layer.encode()).hexdigest()[:24]}-{data[:24]}.safetensors"


def _kept(
    layers: Sequence[Layer],
    data: Images,
    cache_dir: Path,
    progress: Progress | None,
    units: list[int] | None = None,
) -> list[Kept]:
    """Read what is kept of some layers; count the others in one pass, and keep it."""
    plan, content = Plan.of(data), data.digest
    suffix = "" if units is None else "-" + "-".join(map(str, units))
    digests = [digest + suffix for digest in _digests(layers)]
    paths = [_path(cache_dir, digest, content) for digest in digests]
    # Read before locking: a cache that others filled may be read-only.
    found = [Kept.load(path) for path in paths]
    if None in found:
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
            with ExitStack() as locks:
                for path in sorted(set(paths)):
                    locks.enter_context(FileLock(path.with_suffix(".lock")))
                found = [at or Kept.load(path) for at, path in zip(found, paths, strict=True)]
                todo = [
                    i for i, at in enumerate(found) if at is None and i == paths.index(paths[i])
                ]
                tallies = [_begun(paths[i], layers[i], plan, units) for i in todo]
                save = [partial(Kept.save, layer=digests[i], data=content) for i in todo]
                _build(
                    [layers[i] for i in todo],
                    data,
                    tallies,
                    [paths[i] for i in todo],
                    save,
                    progress,
                    units,
                )
                found = [at or Kept.load(path) for at, path in zip(found, paths, strict=True)]
        except OSError as error:
            raise _unkept(cache_dir, error) from error
    return [at for at in found if at is not None]


def _unkept(cache_dir: Path, error: OSError) -> DataError:
    return DataError(
        str(cache_dir),
        f"cannot keep the index ({error.strerror or error})",
        "set MAIA_CACHE to a folder that can be written",
    )


def _build(
    layers: Sequence[Layer],
    data: Images,
    tallies: Sequence[Tally],
    paths: Sequence[Path],
    save: Sequence[Callable[[Path, Tally], None]],
    progress: Progress | None,
    units: list[int] | None,
) -> None:
    """Count what is missing, and keep it; also what there was when a pass was cut short."""
    last, done = time.monotonic(), 0
    total = len(data)
    try:
        missing = np.flatnonzero(~np.all([tally.seen for tally in tallies], axis=0))
        for counted in _pass(layers, data, tallies, missing, units):
            done = total - len(missing) + counted
            if progress is not None:
                progress(done, total)
            if time.monotonic() - last > SAVED and done < total:
                for path, tally, keep in zip(paths, tallies, save, strict=True):
                    keep(path.with_suffix(".part"), tally)
                last = time.monotonic()
    except BaseException:
        if any(tally.seen.any() for tally in tallies):
            for path, tally, keep in zip(paths, tallies, save, strict=True):
                keep(path.with_suffix(".part"), tally)
        raise
    for path, tally, keep in zip(paths, tallies, save, strict=True):
        keep(path, tally)
        path.with_suffix(".part").unlink(missing_ok=True)


def _begun(path: Path, layer: Layer, plan: Plan, units: list[int] | None) -> Tally:
    """Where a pass begins: with what was counted of it, or of earlier data that it contains."""
    count = layer.units if units is None else len(units)
    tallies = [Tally(plan, count)]
    for other in [path.with_suffix(".part"), *path.parent.glob(f"{path.name[:24]}-*.safetensors")]:
        if (kept := Kept.load(other)) and (tally := kept.tally(plan, count)):
            tallies.append(tally)
    return max(tallies, key=lambda tally: int(tally.seen.sum()))


def _digests(layers: Sequence[Layer]) -> list[str]:
    if len(layers) > 1 and (network := _network(layers)) is not None:
        return network.digests([layer.name for layer in layers])
    return [layer.digest for layer in layers]


def _network(layers: Sequence[Layer]) -> Network | None:
    """The network of which all are layers; None if there is none."""
    plain = [at for at in layers if isinstance(at, NetworkLayer) and at.along is None]
    if len(plain) < len(layers) or len({id(at.network) for at in plain}) != 1:
        return None
    return plain[0].network


def _pass(
    layers: Sequence[Layer],
    data: Images,
    tallies: Sequence[Tally],
    positions: Positions,
    units: list[int] | None,
) -> Iterator[int]:
    """Count images batch by batch, decoding ahead; tells how many were counted after each."""
    network = _network(layers)
    # The same images always share a batch: what they are answered with may depend on it.
    batches = np.split(positions, np.flatnonzero(np.diff(positions // CHUNK)) + 1)

    def read(at: Positions) -> Tensor | list[Image.Image]:
        images = [data[int(i)] for i in at]
        return images if network is None else network.prepare(images)

    def answer(at: Positions, ready: Tensor | list[Image.Image]) -> None:
        if network is not None and isinstance(ready, Tensor):
            places = {layer.name: i for i, layer in enumerate(layers)}

            def visit(name: str, maps: Tensor) -> None:
                _count(tallies[places[name]], at, maps, units)

            network.survey(list(places), ready, visit)
            return
        images = ready if isinstance(ready, list) else []
        for layer, tally in zip(layers, tallies, strict=True):
            response = layer.respond(images, units)
            found = response.values if response.maps is None else response.maps
            _count(tally, at, torch.from_numpy(found), None, response.values)

    workers = max(2, min(8, os.cpu_count() or 1))
    pool = ThreadPoolExecutor(workers, "decoding")
    try:
        waiting: deque[Future[Tensor | list[Image.Image]]] = deque()
        ahead, counted = 0, 0
        for at in batches:
            while ahead < len(batches) and len(waiting) < workers:
                waiting.append(pool.submit(read, batches[ahead]))
                ahead += 1
            ready = waiting.popleft().result()
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
    finally:
        pool.shutdown(cancel_futures=True)


def _count(
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
        values = maps.amax(2).float().cpu().numpy()
    mapped, size = tally.plan.mapped(at), maps.shape[2]
    places = torch.from_numpy(tally.plan.places(at[mapped], size).copy()).to(maps.device)
    some = maps if mapped.all() else maps[torch.from_numpy(mapped)]
    if places.shape[1] < size:
        some = some.gather(2, places[:, None].expand(-1, maps.shape[1], -1))
    rows = some.movedim(1, 2).flatten(0, 1)
    tally.add(at, values, rows.float().cpu().numpy(), size)
