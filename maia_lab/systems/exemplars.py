"""The index: what every unit of the chosen layers answers to the data, found in one pass."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock

from maia_lab.errors import DataError, ModelError
from maia_lab.exemplars import Stratum
from maia_lab.names import position
from maia_lab.system import Layer, Reference, Response
from maia_lab.systems.counting import go_on, network_of
from maia_lab.systems.kept import Kept
from maia_lab.systems.tally import Array, Plan, Positions, Tally, unpacked
from maia_lab.systems.winners import TOGETHER, answered
from maia_lab.world import Images, Progress

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
    ask: Callable[[Sequence[int]], Response]
    """Gives the unit's answers to images at some positions in the data."""

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

    def answers(self, stratum: Stratum, count: int) -> Response:
        """What the unit answers to the images at :meth:`positions`, with maps; in that order."""
        found = self.ask(self.positions(stratum, -(-count // TOGETHER) * TOGETHER))
        maps = None if found.maps is None else found.maps[:count]
        return Response(found.values[:count], maps)


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
        ask = partial(answered, self.layer, unit, self.data, self.cache_dir / "maps")
        return UnitExemplars(kept.row("values", column), threshold, sampled, top, bottom, ask)


def begun(layers: Sequence[Layer], data: Images, cache_dir: Path) -> list[Tally]:
    """What was counted of some layers before: of all the same images, or none."""
    plan, content = Plan.of(data), data.digest
    found = [
        _begun(_path(cache_dir, digest, content), layer, plan, None)
        for digest, layer in zip(_digests(layers), layers, strict=True)
    ]
    alike = all(np.array_equal(tally.seen, found[0].seen) for tally in found)
    return found if alike else [Tally(plan, layer.units) for layer in layers]


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
                if todo:
                    _build(
                        [layers[i] for i in todo],
                        data,
                        [_begun(paths[i], layers[i], plan, units) for i in todo],
                        [paths[i] for i in todo],
                        [partial(Kept.save, layer=digests[i], data=content) for i in todo],
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
        for counted in go_on(layers, data, tallies, missing, units):
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
    for other in path.parent.glob(f"{path.name[:24]}-*"):  # Whole or .part; a .lock holds nothing.
        if (kept := Kept.load(other)) and (tally := kept.tally(plan, count)):
            tallies.append(tally)
    return max(tallies, key=lambda tally: int(tally.seen.sum()))


def _digests(layers: Sequence[Layer]) -> list[str]:
    if len(layers) > 1 and (network := network_of(layers)) is not None:
        return network.digests([layer.name for layer in layers])
    return [layer.digest for layer in layers]
