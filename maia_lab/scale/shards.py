"""The exemplar index built in parts by many processes, and merged into what one would have built.

What travels to a process is the model's name and the list of the images, never the model. A part
whose process is killed is counted again by another: what was found does not depend on who found it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from maia_lab import places
from maia_lab.doors import open_model, open_world
from maia_lab.errors import ConfigError, MaiaError, ModelError
from maia_lab.scale.cluster import LOCAL, Client, Future, as_completed, connect, reason
from maia_lab.system import Layer
from maia_lab.systems.counting import CHUNK, count
from maia_lab.systems.exemplars import MOST_UNITS, ExemplarIndex, begun, keep
from maia_lab.systems.tally import Plan, Positions, Tally
from maia_lab.world import Images, Progress, World

PARTS = 4
"""Parts for each process, so that a slow one is not waited for; each travels once to be merged."""


def build_index(
    model: str,
    layers: Sequence[str],
    *,
    data: str | Path | World | None = None,
    scheduler: str = LOCAL,
    workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Build the index of some layers and keep it where every session finds it; once is enough.

    Args:
        model: by a name that every worker can open.
        layers: of it.
        data: a folder that every worker sees under the same path, or a world; None for the
            model's own.
        scheduler: see :func:`maia_lab.scale.cluster.connect`.
        workers: how many parts at a time.
        progress: told (done, total) images.

    Raises:
        MaiaError: of the kind that says what is missing or wrong, and what to do.
    """
    opened = open_model(model)
    chosen = [opened.layer(name) for name in layers]
    images = open_world(opened, data).data
    for layer in chosen:
        if layer.units > MOST_UNITS:
            raise ModelError(
                layer.name,
                f"has {layer.units} units, which are not indexed together",
                "leave --scheduler out: each is indexed when it is asked for",
            )
    todo = [layer for layer in chosen if not ExemplarIndex.is_kept(layer, images, places.cache())]
    if not todo:
        return
    before = begun(todo, images, places.cache())
    left = np.flatnonzero(~before[0].seen)
    try:
        with connect(scheduler, workers) as (client, many):
            counted = count_apart(client, many, model, todo, images, progress, left)
    except MaiaError:
        raise
    except (Exception, asyncio.CancelledError) as error:
        raise ConfigError(
            scheduler,
            f"did not come to an end with the images ({reason(error)})",
            "see what its workers say, and in docs/cluster.md what each must have",
        ) from error
    keep(todo, images, places.cache(), _merged(before, counted))


def count_apart(
    client: Client,
    many: int,
    model: str,
    layers: Sequence[Layer],
    images: Images,
    progress: Progress | None = None,
    positions: Positions | None = None,
) -> list[Tally]:
    """Count some layers in parts on a cluster: bit for bit what :func:`count` finds in one.

    Args:
        client: of the cluster.
        many: processes that count at a time.
        model: its name.
        layers: of it.
        images: all of the data.
        progress: told (done, total) images.
        positions: which of the images; None for all.
    """
    plan = Plan.of(images)
    left = np.arange(len(plan)) if positions is None else positions
    # The same images share a batch however they are parted: see docs/exemplar-index.md.
    batches = np.split(left, np.flatnonzero(np.diff(left // CHUNK)) + 1)
    each = -(-len(batches) // (PARTS * many))
    wanted = [(layer.name, layer.digest) for layer in layers]
    # A task, not scattered data: what a lost process held is then made again on another.
    shared = client.submit(_together, images, plan, pure=False)
    parts = {
        client.submit(_part, model, wanted, shared, some, pure=False): len(some)
        for first in range(0, len(batches), each)
        for some in [np.concatenate(batches[first : first + each])]
    }
    done = len(plan) - len(left)
    for part in as_completed(list(parts)):
        part.result()
        done += parts[part]
        if progress is not None:
            progress(done, len(plan))
    rest: list[Future] = list(parts)
    del parts, part
    while len(rest) > 1:
        pairs = zip(rest[::2], rest[1::2], strict=False)
        merged = [client.submit(_merged, *pair, pure=False) for pair in pairs]
        rest = merged + rest[len(merged) * 2 :]
    tallies: list[Tally] = rest[0].result()
    return tallies


def _together(images: Images, plan: Plan) -> tuple[Images, Plan]:
    return images, plan


def _part(
    model: str, wanted: Sequence[tuple[str, str]], shared: tuple[Images, Plan], positions: Positions
) -> list[Tally]:
    images, plan = shared
    return count(_layers(model, tuple(wanted)), images, plan, positions)


def _merged(some: list[Tally], others: list[Tally]) -> list[Tally]:
    return [one.merge(other) for one, other in zip(some, others, strict=True)]


@lru_cache(1)
def _layers(model: str, wanted: tuple[tuple[str, str], ...]) -> list[Layer]:
    """Open a model once in a process; tasks know this function by name, not by what it holds."""
    opened = open_model(model)
    layers = [opened.layer(name) for name, _ in wanted]
    if [layer.digest for layer in layers] != [digest for _, digest in wanted]:
        raise ModelError(
            model,
            "is not the same in a worker as where the index was asked for",
            "give all the same weights and the same version of everything",
        )
    return layers
