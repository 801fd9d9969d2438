"""A head that reads only the units which answer to the classes, not to what they stand before."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import heads
from maia_lab.crossing import Cells, Crossing, class_at, classes, words
from maia_lab.errors import DataError, WorldError
from maia_lab.grid import Grid, Tile
from maia_lab.heads import Sample
from maia_lab.images import EMPTY
from maia_lab.labels import FolderLabels
from maia_lab.observation import Table
from maia_lab.refit import Refit
from maia_lab.selectivity import SELECTIVE, Selectivity
from maia_lab.task import Closing, Task
from maia_lab.world import evenly

if TYPE_CHECKING:
    from maia_lab.proposal import Conclusion
    from maia_lab.study import Study
    from maia_lab.system import Layer
    from maia_lab.world import Images, World

CANDIDATES = 64
"""Units that ℓ1 regression picks, at most."""
MOST, BATCH = 4000, 64
"""Images that are looked at, at most, spread evenly over the data; images in a pass."""
SEED = 900_001
"""Of the last things that are moved: no experiment draws from it unless it means to."""
FILE = "head.safetensors"
COLLAGE = (
    " Moved things are collages: whatever lies in the centre of a photograph counted as the thing,"
    " and the rest as its background."
)

Look = Callable[[Sequence[Image.Image]], NDArray[np.float32]]
"""Measures all units of a layer: shape (n, units)."""


def choose(layer: Layer, world: World) -> list[int]:
    """The units that tell the classes of the data best: those ℓ1 regression lets in first.

    Raises:
        DataError: there are no two classes, one of them has no images, or no unit tells them apart.
        WorldError: nothing can be set before other backgrounds.
        WordsError: a class cannot be drawn.
    """
    for name, reason in getattr(world.data, "skipped", ()):
        if reason == EMPTY:
            raise DataError(name, reason, "give images of this class, or take the folder away")
    names = classes(world)
    if grounds := world.vocabulary.get("background", ()):
        if world.generator is None or world.editor is None:
            raise WorldError(
                world.name, "has nothing that draws and edits images", "name a generator"
            )
        prompts = [f"a {name.replace('_', ' ')} on a {grounds[0]} background" for name in names]
        world.generator.generate(prompts, [0] * len(prompts))
    elif not isinstance(words(world), FolderLabels):
        raise WorldError(
            world.name,
            "has no words for backgrounds, and no photographs by class to lay over one another",
            "name a generator that has them (--generator NAME), or sort images into class folders",
        )
    _shown(world.held_out, world)
    seen = read(lambda some: layer.respond(some, range(layer.units)).values, world.data, world)
    found = heads.ranked(seen, CANDIDATES)
    if not found:
        raise DataError(layer.name, "has no unit that tells the classes", "choose another layer")
    return found


def close(study: Study, said: Conclusion) -> Closing:
    """Refit the head on the biased data with the units that were called selective, and test it."""
    told = {a.about: a.says for a in said.answers if a.about in study.systems}
    kept = [unit for unit, says in told.items() if says.upper().startswith(SELECTIVE)]
    world, look = study.world, study.system.layer
    cells = study.tools.moved(seed=SEED)
    refit = Refit(
        read(look, world.data, world),
        read(look, world.held_out, world),
        _probes(look, cells),
        _probes(look, study.tools.moved(seed=SEED + 1)),
        world.balanced,
        tuple(study.systems[unit].position for unit in kept),
    )
    shares, curve = Crossing.measure(cells, study.systems).units, refit.curve()
    columns = ("head", "units", refit.held_out.name, refit.probes.name)
    head = _handed(study, refit) if kept else ()
    return Closing(
        "",
        tables=(
            Table("How often a head is right", columns, (*refit.rows(study.seed),), refit.remark()),
            *head,
            Table(
                "Units by intervention",
                ("unit", "label", "thing", "background", "evidence"),
                tuple(
                    (
                        unit,
                        label.strip(),
                        f"{shares[unit].thing:.0%}",
                        f"{shares[unit].background:.0%}",
                        evidence.strip(),
                    )
                    for unit, (label, _, evidence) in (
                        (unit, says.partition(":")) for unit, says in told.items()
                    )
                ),
                "Shares of what a unit's answers vary with: things, backgrounds (both together are"
                " the rest), on things moved for this table; evidence: as the agent saw it before."
                + ("" if "background" in world.vocabulary else COLLAGE),
            ),
        ),
        pictures=(
            (Image.open(io.BytesIO(curve.png)), curve.alt),
            *_evidence(study, cells, shares, {*kept}),
        ),
        files=((FILE, _packed(study, refit)),) if kept else (),
    )


def _handed(study: Study, refit: Refit) -> tuple[Table, Table]:
    """What the refitted head does otherwise, and where it lies."""
    names, test = classes(study.world), refit.fair
    said = [head.predict(test.x) for head in (refit.every.best, refit.ours.best)]
    counts = [
        [
            " → ".join(str(int(((test.y == i) & (each == j)).sum())) for each in said)
            for j in range(len(names))
        ]
        for i in range(len(names))
    ]
    return (
        Table(
            "What is taken for what: all units → SELECTIVE units",
            ("shown, taken for", *names),
            tuple((name, *row) for name, row in zip(names, counts, strict=True)),
            f"Numbers of images: {test.name}.",
        ),
        Table(
            "The refitted head",
            ("layer", "units", "classes"),
            (
                (
                    f"{study.unit.model}/{study.unit.layer}",
                    f"{len(refit.kept)} of {refit.data.x.shape[1]}",
                    ", ".join(names),
                ),
            ),
            f"It lies in {study.tools.folder / FILE}; maia_lab.refitted({FILE!r}, net) is the"
            " classifier that reads it.",
        ),
    )


def _packed(study: Study, refit: Refit) -> bytes:
    about = {"layer": study.unit.layer, "classes": json.dumps(classes(study.world))}
    return refit.ours.best.pack(**about)


def read(look: Look, images: Images, world: World) -> Sample:
    """All units' answers to images of one class each, and those classes.

    Raises:
        DataError: a class has no image.
    """
    shown = _shown(images, world)
    at = list(shown)
    answers = [
        look([images[i] for i in at[start : start + BATCH]]) for start in range(0, len(at), BATCH)
    ]
    return Sample(
        images.name, np.concatenate(answers).astype(np.float64), np.array([*shown.values()])
    )


def _shown(images: Images, world: World) -> dict[int, int]:
    """Positions of images that show one class, and which. Raises DataError if one has none."""
    shown, names = class_at(images, world), classes(world)
    some = evenly(len(images), MOST).tolist()
    found = {i: names.index(name) for i in some if (name := shown(i))}
    if missing := [name for at, name in enumerate(names) if at not in found.values()]:
        raise DataError(
            missing[0], f"has no image in {images.name}", "give images of it, or leave it out"
        )
    return found


def _probes(look: Look, cells: Cells) -> Sample:
    things = list(dict.fromkeys(thing for thing, _ in cells))
    images = [image for some in cells.values() for image in some]
    labels = [things.index(thing) for (thing, _), some in cells.items() for _ in some]
    return Sample("moved things", look(images).astype(np.float64), np.array(labels))


def _evidence(
    study: Study, cells: Cells, shares: Mapping[str, Selectivity], kept: set[str]
) -> Iterator[tuple[Image.Image, str]]:
    """The same things before each background, for the clearest unit of each kind."""
    for told, some, sign in ((SELECTIVE, kept, 1), ("SPURIOUS", shares.keys() - kept, -1)):
        if some:
            unit = max(sorted(some), key=lambda name: sign * shares[name].thing)
            values = study.systems[unit].values([images[0] for images in cells.values()])
            grid = Grid(
                tuple(
                    Tile(images[0], f"{thing}, {ground}", float(value))
                    for ((thing, ground), images), value in zip(cells.items(), values, strict=True)
                ),
                len(dict.fromkeys(ground for _, ground in cells)),
            )
            yield grid.draw(), f"{unit}, {told}: {grid.alt}"


SPURIOUS = Task(
    "spurious",
    "Which of these units answer to the classes themselves, and which to what the classes stand"
    " before in the data: {units}? Set the same things before each background in turn"
    " (tools.moved) and show them to all units (tools.cross; systems, by address); do it again with"
    " things nobody has seen (another seed). Then a head is fitted on the biased data with the"
    " units you call SELECTIVE. Labels are not needed. Say what you did not test.",
    close,
    "Each unit by its address: SELECTIVE or SPURIOUS first, then the evidence.",
    choose,
)
