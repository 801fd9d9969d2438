"""Every way out to the heavy world, by name; a library is imported when its door is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from maia_lab import images
from maia_lab.errors import DataError, MissingExtra, UnitError, WorldError
from maia_lab.exemplars import Exemplars
from maia_lab.labels import FILE_NAMES, FolderLabels
from maia_lab.loop import Agent
from maia_lab.names import nearest
from maia_lab.pictures import Pictures, Rows
from maia_lab.places import cache
from maia_lab.scoring.rater import FEW_IMAGES, Calibrated, Paid
from maia_lab.system import Layer, Model
from maia_lab.world import Captioner, Images, Progress, Rater, World

AGENTS = {
    "offline": "maia_lab.agents.offline.agent:OfflineAgent",
    "claude": "maia_lab.agents.claude:ClaudeAgent",
}
WORLDS = {
    "scenes": "maia_lab.scenes.world:scenes_world",
    "planted": "maia_lab.scenes.planted:planted_world",
}
MODELS = {
    "scenes": "maia_lab.systems.opening:open_network",
    "scenes-categories": "maia_lab.systems.opening:open_network",
    "synthetic": "maia_lab.systems.synthetic:open_synthetic",
    "gated": "maia_lab.systems.gated:open_gated",
    "planted": "maia_lab.systems.planted:open_planted",
}
RATERS = {
    "clip": "maia_lab.systems.rater:ClipRater",
    "claude": "maia_lab.agents.rater:ClaudeRater",
}
PLAIN_EDITS = "maia_lab.imaging.plain_edits:PlainEditor"
"""Edits what no generator made."""
GENERATORS = {
    "diffusers": "maia_lab.imaging.generate:DiffusionGenerator",
    "retrieve": "maia_lab.imaging.retrieve:Retrieval",
    "scenes-diffusion": "maia_lab.imaging.generate:ScenesDiffusion",
}
EDITORS = {"diffusers": "maia_lab.imaging.edit:DiffusionEditor"}
REFITTED = "maia_lab.systems.refitted:Refitted"
"""A network read by another head."""
OTHER_MODELS = "maia_lab.systems.opening:open_network"
"""Opens whatever has no name here: ``package.module:factory``, or an object."""
CALIBRATION = 100
"""Scenes on which a rater is tried first."""


def open_agent(name: str, **options: object) -> Agent:
    """Open the agent called ``name``. Entry points of the group ``maia_lab.agents`` add more."""
    return cast(Agent, _named(AGENTS, "agent", name)(**options))


def open_captioner(model: str, base_url: str) -> Captioner:
    """Open a language model that describes images."""
    opened = _load("maia_lab.agents.captions:ClaudeCaptioner", "captioner")
    return cast(Captioner, opened(model, base_url))


def open_model(
    model: object, preprocess: object = None, classes: tuple[str, ...] | None = None
) -> Model:
    """Open a model by name (``scenes``, ``synthetic``), import path, or as an object.

    Entry points of the group ``maia_lab.models`` add names.

    Raises:
        UnitError: no model has that name.
        ModelError: there is one, and it cannot be studied as it is.
    """
    if isinstance(model, str) and ":" not in model:
        return cast(Model, _named(MODELS, "model", model)(model))
    return cast(Model, _load(OTHER_MODELS, "model")(model, preprocess, classes))


def refitted(head: str | Path, net: object) -> Any:
    """A classifier: a network, read by a head that a study of spurious features refitted.

    Args:
        head: its file, as the conclusion left it.
        net: the torch module it was fitted on, or the name of one.

    Returns:
        A torch module from prepared images to logits; ``.classes`` names them.

    Example:
        >>> classifier = refitted("head.safetensors", net)
        >>> said = [classifier.classes[i] for i in classifier(batch).argmax(1)]
    """
    module = getattr(open_model(net), "module", None) if isinstance(net, str) else net
    return _load(REFITTED, "model")(head, module)


def open_world(
    model: Model,
    data: str | Path | World | Rows | None = None,
    generator: str | None = None,
    progress: Progress | None = None,
    editor: str | None = None,
    balanced: str | Path | None = None,
) -> World:
    """Find the world a model is studied in: never silently another than its own.

    Args:
        model: the model under study.
        data: a folder of images, the name of a world, a world, or any sequence of PIL images or of
            rows that hold one each; None for the model's own.
        generator: the name of a world whose generator and editor are used, ``diffusers:NAME``,
            ``scenes-diffusion`` or ``retrieve:FOLDER``; None for the model's.
        progress: told (done, total) while a folder is read.
        editor: ``plain``, ``diffusers:NAME`` or a world's name; None for the generator's or, for
            photographs, ``plain``.
        balanced: a folder whose images are held out, in place of a fifth of the data.

    Raises:
        WorldError: the model does not say what it was trained on, and neither do the arguments.
        DataError: the folder holds no usable images.
        UnitError: no generator or editor has that name.
        ModelError: there is one, and it cannot be opened here.
    """
    drawn = generator
    drawn_data = isinstance(data, World) or (data is not None and str(data) in WORLDS)
    if balanced is not None and drawn_data:
        raise DataError(str(balanced), "is for images in folders", "leave it out here")
    if isinstance(data, World):
        world = data
    elif data is None and model.world is None:
        raise WorldError(
            model.name,
            "does not say what it was trained on, and is not shown another world's images unasked",
            "give its images with --data FOLDER (in Python: data=FOLDER)",
        )
    elif isinstance(data, str | Path | None) and (own := str(data or model.world)) in WORLDS:
        world = cast(World, _named(WORLDS, "world", own)())
    elif not isinstance(data, str | Path | None) or Path(own).expanduser().is_dir():
        if isinstance(data, str | Path | None):
            folder = images.ImageFolder(own, progress)
        else:
            folder = Pictures(data, progress)
        seen, held_out = images.split(folder)
        if balanced is not None:
            seen, held_out = folder, images.ImageFolder(balanced, progress).without(folder)
        remarks = (seen.summary,) if seen.skipped else ()
        world = World(seen.name, seen, held_out, remarks=remarks, balanced=balanced is not None)
        drawn = generator or model.world
        if drawn not in WORLDS:
            named = getattr(model, "classes", None) or ()
            world = _photographs(world, FolderLabels.of((seen, held_out), named))
    else:
        raise DataError(
            own,
            "is neither a folder nor a world's name",
            f"name a folder of images, or one of {', '.join(WORLDS)}",
        )
    if drawn is not None:
        world = _drawn_by(world, drawn)
    drawn_world = getattr(world.generator, "world", drawn if drawn in WORLDS else None)
    if drawn_world not in (None, model.world):
        remark = (
            f"{world.generator.name if world.generator else generator} draws another world than"
            f" {model.name} is known to have been trained on: what is drawn may not reach it."
        )
        world = replace(world, remarks=(*world.remarks, remark))
    return world if editor is None else _edited_by(world, editor)


def _drawn_by(world: World, address: str) -> World:
    """A world whose images another draws."""
    name, _, where = address.partition(":")
    opened = _named(WORLDS | GENERATORS, "generator", name)
    if name not in GENERATORS:
        source = cast(World, opened())
        return replace(
            world,
            generator=source.generator,
            editor=source.editor,
            vocabulary=source.vocabulary,
        )
    generator = opened(where, world.held_out)
    kinds = dict(world.vocabulary)
    if words := getattr(generator, "vocabulary", None):
        kinds = words | {kind: said for kind, said in kinds.items() if kind == "edit"}
    labels = world.words
    if isinstance(labels, FolderLabels) and (found := getattr(generator, "labels", None)):
        labels = labels | found
        world = replace(world, words=labels, captioner=labels)
    return replace(world, generator=generator, vocabulary=kinds)


def _edited_by(world: World, address: str) -> World:
    """A world whose images another edits."""
    name, _, where = address.partition(":")
    kinds = {kind: said for kind, said in world.vocabulary.items() if kind != "edit"}
    opened = _named(WORLDS | EDITORS | {"plain": PLAIN_EDITS}, "editor", name)
    editor = opened(where) if name in EDITORS else opened()
    if isinstance(editor, World):
        return replace(world, editor=editor.editor, vocabulary=kinds)
    words = {"edit": editor.instructions}
    return replace(world, editor=editor, vocabulary=kinds | words)


def open_rater(address: str) -> Rater:
    """Open who says what a description means, tried on scenes: ``clip:FOLDER``, ``claude:MODEL``.

    Entry points of the group ``maia_lab.raters`` add more; each is called with what follows the
    colon.

    Raises:
        UnitError: no rater has that name.
        ModelError: it cannot be opened from what follows.
    """
    name, _, where = address.partition(":")
    rater = cast(Rater, _named(RATERS, "rater", name)(where))
    count = FEW_IMAGES if isinstance(rater, Paid) else CALIBRATION
    trial = cast(World, _named(WORLDS, "world", "scenes")(n=1, held_out=count))
    return Calibrated(rater, trial)


def _photographs(world: World, labels: FolderLabels | None) -> World:
    """Images of which only their folders are known, and what can be done to any image."""
    editor = _load(PLAIN_EDITS, "editor")()
    words = {"edit": editor.instructions}
    if labels is None:
        return replace(world, editor=editor, vocabulary=words)
    remarks = world.remarks
    if labels.name == FILE_NAMES:
        remarks += (f"labels are the last words of file names: {', '.join(labels.labels)}",)
    return replace(
        world,
        remarks=remarks,
        editor=editor,
        captioner=labels,
        words=labels,
        vocabulary={"label": labels.labels} | words,
    )


def vocabulary(generator: str) -> Mapping[str, tuple[str, ...]]:
    """The words by kind that a generator can draw; empty where nobody can tell."""
    name, _, where = generator.partition(":")
    if name in GENERATORS:
        opened = _load(GENERATORS[name], "generator")
        # A model draws whatever it is told to, and is not loaded to say so.
        return getattr(opened(where) if name == "retrieve" else opened, "vocabulary", {})
    return cast(World, _named(WORLDS, "generator", generator)()).vocabulary


def open_indexes(
    layers: Sequence[Layer], data: Images, progress: Progress | None = None
) -> list[Callable[[int], Exemplars]]:
    """Build or load the exemplars of all units of some layers; returns the way to one unit's.

    Layers of one network are answered in one pass.
    """
    index = _load("maia_lab.systems.exemplars:ExemplarIndex", "index")
    return [built.of for built in index.build_all(layers, data, cache(), progress)]


def _named(doors: dict[str, str], kind: str, name: str) -> Any:
    known = dict(doors)
    known |= {e.name: e.value for e in entry_points(group=f"maia_lab.{kind}s")}
    if name not in known:
        near = nearest(name, sorted(known))
        more = (
            ", torchvision:NAME, hf:NAME, package.module:factory, or a notebook's variable"
            if kind == "model"
            else ""
        )
        raise UnitError(name, f"is not the name of {_article(kind)}", f"try {near}{more}")
    return _load(known[name], kind)


def _load(door: str, kind: str) -> Any:
    module, _, attribute = door.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("maia_lab"):
            raise
        raise MissingExtra(
            door, f"is {_article(kind)} that needs {error.name}", f"pip install {error.name}"
        ) from error


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
