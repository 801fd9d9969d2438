"""The index: what every unit of a layer answers to every image of the data, found in one pass."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from maia_lab.errors import DataError, ModelError
from maia_lab.exemplars import Stratum
from maia_lab.names import position
from maia_lab.system import HIGH, Layer, Reference
from maia_lab.world import Images, Progress

FORMAT = 1
"""Raised whenever a cached index of an earlier version must not be read."""
CHUNK = 32
"""Images answered at a time: the maps of all units must fit in memory for so many."""
MOST_UNITS = 20_000
"""Units of a layer, at most, that are indexed together; of a larger layer, each when asked for."""
SAMPLE = 16_384
"""Positions, at least, from which a map's 0.95 quantile is estimated where there are more.

The share of all positions above an estimate from m independent ones has a standard deviation of
√(0.95 × 0.05 / m), here 0.0017. As many are drawn from each image as from any other.
"""
STRATA = {"top": 1.0, "bottom": 0.0, "median": 0.5}
"""The quantile each named stratum lies at."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class UnitExemplars:
    """Which of the data's images one unit answers how."""

    values: Array
    """Shape (n,), finite: the unit's activation for each image, in the data's order."""
    threshold: float | None
    """The 0.95 quantile of the unit's map over positions; None without maps."""

    @property
    def reference(self) -> Reference:
        """The unit's activations over the data."""
        return Reference(np.sort(self.values), self.threshold)

    def positions(self, stratum: Stratum, count: int) -> list[int]:
        """Positions in the data of that many images of a stratum, most typical first.

        Images of equal activation keep the data's order, so the answer is always the same.

        Args:
            stratum: ``"top"``, ``"bottom"``, ``"median"``, or a quantile between 0 and 1.
            count: how many; all of them if there are fewer.

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
        return [int(i) for i in order[typical[: max(0, count)]]]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the units of a layer, or some of them, answered to all images."""

    values: Array
    """Shape (images, units): pooled activations."""
    thresholds: Array | None
    """Shape (units,): the 0.95 quantile of each unit's map over positions; None without maps."""

    @classmethod
    def measure(
        cls, layer: Layer, data: Images, units: list[int] | None, progress: Progress | None
    ) -> Answers:
        """Answer all images once."""
        chance = np.random.default_rng(0)
        values: list[Array] = []
        sampled: list[Array] = []
        each = -(-SAMPLE // len(data))
        for start in range(0, len(data), CHUNK):
            images = [data[i] for i in range(start, min(start + CHUNK, len(data)))]
            response = layer.respond(images, units)
            values.append(response.values)
            if response.maps is not None:
                for one in response.maps.reshape(*response.values.shape, -1):
                    sampled.append(one[:, chance.permutation(one.shape[1])[:each]])
            if progress is not None:
                progress(start + len(images), len(data))
        thresholds = None
        if sampled:
            # Units that answer with infinity are refused when they are asked for.
            with np.errstate(invalid="ignore"):
                quantiles = np.quantile(np.concatenate(sampled, 1), HIGH, axis=1)
            thresholds = quantiles.astype(np.float32)
        return cls(np.concatenate(values), thresholds)

    @classmethod
    def load(cls, path: Path) -> Answers | None:
        """Read what :meth:`save` wrote; None if it is not there, or damaged."""
        try:
            with safe_open(path, "np") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                told = file.metadata() or {}
        except (OSError, SafetensorError):
            return None
        if told.get("sha256") != _checksum(arrays):
            return None
        return cls(arrays["values"], arrays.get("thresholds"))

    def save(self, path: Path, identity: str) -> None:
        """Write one file, whole or not at all, with what it was computed from."""
        arrays = {"values": self.values}
        if self.thresholds is not None:
            arrays["thresholds"] = self.thresholds
        half = path.with_suffix(".tmp")
        half.write_bytes(save(arrays, {"identity": identity, "sha256": _checksum(arrays)}))
        half.replace(path)


@dataclass(frozen=True, slots=True, eq=False)
class ExemplarIndex:
    """The exemplars of all units of a layer over one set of images."""

    layer: Layer
    data: Images
    cache_dir: Path
    progress: Progress | None
    answers: Answers | None
    """Of all units; None where there are so many that each is answered when it is asked for."""

    @classmethod
    def build(
        cls, layer: Layer, data: Images, cache_dir: Path, progress: Progress | None = None
    ) -> ExemplarIndex:
        """Answer all images, or read the answers kept for the same weights and the same images.

        Args:
            layer: whose units are indexed.
            data: the images; held-out ones must not be among them.
            cache_dir: folder in which answers are kept; made if it is not there.
            progress: told (done, total) during the pass; not called for answers that were kept.

        Raises:
            DataError: there are no images, or the folder cannot be written.
            ModelError: the layer cannot answer.
        """
        if not len(data):
            raise DataError(data.name, "holds no images", "name data with images")
        index = cls(layer, data, cache_dir, progress, None)
        return index if layer.units > MOST_UNITS else replace(index, answers=index._answer(None))

    def of(self, unit: int) -> UnitExemplars:
        """The part of the index that belongs to one unit.

        Raises:
            UnitError: there is no such unit.
            ModelError: it answers images with NaN or infinity.
        """
        column = position(self.layer.name, unit, self.layer.units)
        answers = self.answers
        if answers is None:
            answers, column = self._answer([unit]), 0
        values, thresholds = answers.values[:, column], answers.thresholds
        if broken := int(np.count_nonzero(~np.isfinite(values))):
            raise ModelError(
                f"{self.layer.name}/{unit}",
                f"answers {broken} of {len(values)} images with NaN or infinity",
                "choose another unit, or run the model in float32",
            )
        return UnitExemplars(values, None if thresholds is None else float(thresholds[column]))

    def _answer(self, units: list[int] | None) -> Answers:
        """Read the answers of some units, or of all, from the cache; or measure and keep them."""
        identity = {"format": FORMAT, "layer": self.layer.digest, "data": self.data.digest}
        text = json.dumps(identity | ({} if units is None else {"units": units}))
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        kept = self.cache_dir / f"{name}.safetensors"
        # Read before locking: a cache that others filled may be read-only.
        if (answers := Answers.load(kept)) is not None:
            return answers
        try:
            self.cache_dir.mkdir(parents=True, exist_ok=True)
            with FileLock(kept.with_suffix(".lock")):
                if (answers := Answers.load(kept)) is None:
                    answers = Answers.measure(self.layer, self.data, units, self.progress)
                    answers.save(kept, text)
                return answers
        except OSError as error:
            raise DataError(
                str(self.cache_dir),
                f"cannot keep the index ({error.strerror or error})",
                "set MAIA_CACHE to a folder that can be written",
            ) from error


def _checksum(arrays: dict[str, Array]) -> str:
    sha = hashlib.sha256()
    for name in sorted(arrays):
        sha.update(f"{name} {arrays[name].shape};".encode())
        sha.update(np.ascontiguousarray(arrays[name]).data)
    return sha.hexdigest()
