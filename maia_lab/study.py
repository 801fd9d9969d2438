"""A unit with the system and the tools to examine it: what every experiment cell is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType

from numpy.typing import ArrayLike

from maia_lab import tasks
from maia_lab.doors import open_indexes, open_model, open_rater, open_world
from maia_lab.errors import ModelError, UnitError
from maia_lab.exemplars import Exemplars
from maia_lab.pictures import Rows
from maia_lab.system import Directed, System
from maia_lab.task import Task
from maia_lab.tools import Tools
from maia_lab.unit import Unit
from maia_lab.world import Accountable, Progress, World


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Study:
    """Everything an experiment needs."""

    unit: Unit
    task: Task
    system: System
    systems: Mapping[str, System]
    """By address, ``system`` first: more than one where units are studied side by side."""
    exemplars: Exemplars
    """Of ``system``."""
    tools: Tools
    world: World
    seed: int
    digests: tuple[tuple[str, str], ...]
    """Of weights, data and what learned to make images: a session goes on only with the same."""
    options: tuple[tuple[str, str], ...]
    """How to open the same study again, by name; ``objects`` says what has none."""

    def __repr__(self) -> str:
        """What is studied, with which images."""
        return f"<Study {', '.join(self.systems)}: {self.task.name}, {self.world.data.name}>"

    @property
    def names(self) -> dict[str, object]:
        """The names that experiments use."""
        several = {"systems": dict(self.systems)} if len(self.systems) > 1 else {}
        return {"system": self.system, "tools": self.tools, **several}


def open_study(
    unit: Unit | str | object,
    layer: str | None = None,
    index: int | str | None = None,
    *,
    data: str | Path | World | Rows | None = None,
    balanced: str | Path | None = None,
    generator: str | None = None,
    editor: str | None = None,
    rater: str | None = None,
    preprocess: object = None,
    classes: tuple[str, ...] | None = None,
    direction: ArrayLike | None = None,
    beside: Sequence[Unit | str] = (),
    models: Mapping[str, object] | None = None,
    task: str = "describe",
    name: str = "net",
    seed: int = 0,
    progress: Progress | None = None,
) -> Study:
    """Open a unit for experiments: load its model, find its world, build its exemplars.

    Args:
        unit: an address (``"scenes/layer4/12"``), or a model: a name, a torch module, or any
            function of images, with ``layer`` and ``index`` beside it.
        layer: the layer, where ``unit`` is a model.
        index: the unit's position in the layer, or its class name.
        data: a folder of images, a world, a list of PIL images or a Hugging Face data set; needed
            for a model that was not trained on scenes.
        balanced: a folder of images to be held out, in place of a fifth of the data: each class
            with whatever goes with another in the data.
        generator: what draws images, where not the model's own world does: another world,
            ``scenes-diffusion``, ``diffusers:NAME`` or ``retrieve:FOLDER``.
        editor: what edits them, where not the generator does: ``plain`` or ``diffusers:NAME``.
        rater: who says which held-out images a description means (``clip:FOLDER``,
            ``claude:MODEL``), where the words of the data cannot.
        preprocess: how an image becomes the model's input, where the model does not say.
        classes: names of the logits, in order.
        direction: studied in place of one unit: a vector of one number for each unit of the layer;
            ``index`` is then what to call it.
        beside: further units, by address; of the same model, or of others that have names.
        models: objects that addresses name as their models: ``{"before": net, "after": tuned}``.
        task: what is asked of it: see :mod:`maia_lab.tasks`.
        name: what a model given as an object is called in the address.
        seed: where every random choice of the tools starts from.
        progress: told (done, total) while the exemplars are computed.

    Raises:
        MaiaError: of the kind that says what is missing or wrong, and what to do.

    Example:
        >>> study = open_study("scenes/layer4/12")
        >>> system, tools = study.system, study.tools
    """
    if isinstance(unit, str) and layer is None:
        unit = Unit.parse(unit)
    subject: object = unit
    if isinstance(unit, Unit):
        subject, layer, index = unit.model, unit.layer, unit.index
    if layer is None and index is None and _is_function(subject):
        layer, index = "output", 0
    asked, given = tasks.find(task), dict(models or {})
    if layer is None or (index is None and asked.choose is None):
        what = subject if isinstance(subject, str) else type(subject).__name__
        raise UnitError(what, "is a model without a unit", "give layer and index as well")
    if isinstance(subject, str) and subject in given:
        name, subject = subject, given[subject]
    model = open_model(subject, preprocess, classes)
    world = open_world(model, data, generator, progress, editor, balanced)
    called = subject if isinstance(subject, str) else name
    if index is None and asked.choose is not None:
        index, *others = asked.choose(model.layer(layer), world)
        beside = [Unit(called, layer, other) for other in others]
    assert index is not None  # Or there is a task that chooses.
    address = Unit(called, layer, index)
    if direction is None:
        opened, position = model.layer(layer), model.index(layer, index)
    elif isinstance(model, Directed):
        opened, position = model.direction(layer, direction, str(index)), 0
    else:
        raise ModelError(model.name, "has no layers with directions", "study one of its units")
    if rater is not None:
        world = replace(world, rater=open_rater(rater))
    chosen, known = [(address, opened, position)], {address.model: model}
    for other in (Unit.parse(text) if isinstance(text, str) else text for text in beside):
        if other.model not in known:
            known[other.model] = (
                open_model(given[other.model], preprocess, classes)
                if other.model in given
                else open_model(other.model)
            )
        its = known[other.model]
        chosen.append((other, its.layer(other.layer), its.index(other.layer, other.index)))
    found: list[tuple[System, Exemplars]] = []
    indexes = open_indexes([at for _, at, _ in chosen], world.data, progress)
    for (each, at, place), look in zip(chosen, indexes, strict=True):
        exemplars = look(place)
        found.append((System(each, at, place, exemplars.reference), exemplars))
    system, exemplars = found[0]
    tools = Tools(world, system, exemplars, seed, found[1:])
    content = hashlib.sha256((world.data.digest + world.held_out.digest).encode()).hexdigest()
    objects = {
        "model": not isinstance(subject, str),
        "models": any(other.model in given for other, _, _ in chosen[1:]),
        "preprocess": preprocess is not None,
        "classes": classes is not None,
        "direction": direction is not None,
        "data": not isinstance(data, str | Path | None),
    }
    named = {
        "data": _lasting(data),
        "balanced": _lasting(balanced),
        "generator": _lasting(generator),
        "editor": _lasting(editor),
        "rater": _lasting(rater),
        "beside": "".join(f"{other}\n" for other in beside),
        "task": task if asked is not tasks.DESCRIBE else "",
        "objects": ", ".join(what for what, given in objects.items() if given),
    }
    weights = ",".join(dict.fromkeys(at.digest for _, at, _ in chosen))
    makers: dict[str, object] = {"generator": world.generator, "editor": world.editor}
    study = Study(
        address,
        asked,
        system,
        {str(s.unit): s for s, _ in found},
        exemplars,
        tools,
        world,
        seed,
        (
            ("weights", weights),
            ("data", content),
            *(
                (what, made.digest)
                for what, made in makers.items()
                if isinstance(made, Accountable)
            ),
        ),
        tuple((k, v) for k, v in named.items() if v),
    )
    tools.close = partial(asked.close, study)
    return study


def _is_function(subject: object) -> bool:
    """Whether it is called with images as it is: a network's class has layers to choose from."""
    return isinstance(subject, FunctionType | BuiltinFunctionType | MethodType | partial)


def _lasting(data: str | Path | World | Rows | None) -> str | None:
    """What names data, ``NAME:FOLDER`` or ``NAME:FOLDER,setting=…`` from anywhere, at any time."""
    if data is None or not isinstance(data, str | Path):
        return None
    if Path(data).expanduser().is_dir():
        return str(Path(data).expanduser().resolve())
    name, colon, where = str(data).partition(":")
    folder, comma, settings = where.partition(",")
    if folder and Path(folder).expanduser().is_dir():
        folder = str(Path(folder).expanduser().resolve())
    return f"{name}{colon}{folder}{comma}{settings}"
