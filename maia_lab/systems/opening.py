"""Where a model comes from: its name, an import path, or the object in the user's hands."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from torch import nn

from maia_lab.errors import ModelError, UnitError
from maia_lab.names import nearest
from maia_lab.system import Model
from maia_lab.systems import scenes_nets, zoo
from maia_lab.systems.function import Function
from maia_lab.systems.preprocess import preprocess_of
from maia_lab.systems.vision import Network


def open_network(
    model: object,
    preprocess: object = None,
    classes: Sequence[str] | None = None,
    name: str | None = None,
) -> Model:
    """Open a model by name, by import path, or as the object it is.

    Args:
        model: ``scenes`` or ``scenes-categories``; a name of :mod:`~maia_lab.systems.zoo`;
            ``package.module:factory``, whose factory takes nothing and returns a module,
            (module, preprocess), (module, preprocess, classes) or a model, with ``@FILE`` after it
            for its weights; a torch module; any function of a list of images, see
            :class:`~maia_lab.systems.function.Function`.
        preprocess: from a PIL image to a (channels, height, width) tensor, a processor of
            transformers, or (mean, sd, size).
        classes: names of the module's final outputs, in order.
        name: how it is written in addresses; None for the import path or the class's name.

    Raises:
        UnitError: no model has that name.
        ModelError: there is one, and it cannot be studied as it is.
    """
    if isinstance(model, str):
        if model in scenes_nets.CLASSES:
            shipped = zoo.settle(scenes_nets.build(model), model)
            ready, known = scenes_nets.preprocess, scenes_nets.CLASSES[model]
            return Network(shipped, model, ready, known, "scenes")
        if model.partition(":")[0] in zoo.SOURCES:
            module, own, named = zoo.load(model)
            made = (zoo.settle(module, model), preprocess or own)
            return open_network(made, None, classes or named, name or model)
        path, _, weights = model.partition("@")
        found = _made(path)
        net = found[0] if isinstance(found, tuple) else found
        if isinstance(net, nn.Module):
            if weights:
                zoo.read_weights(net, weights)
            zoo.settle(net, model)
        return open_network(found, preprocess, classes, name or model)
    if isinstance(model, tuple) and len(model) in (2, 3):
        model, own, *names = model
        preprocess = own if preprocess is None else preprocess
        classes = names[0] if names and classes is None else classes
    if isinstance(model, nn.Module):
        name = name or type(model).__name__
        return Network(model, name, preprocess_of(preprocess, name), classes)
    if _is_model(model):
        return cast(Model, model)
    if callable(model):
        return Function(model, name or str(getattr(model, "__name__", type(model).__name__)))
    raise ModelError(
        model, "is not a model", "give a torch module, a function of images, or a model's name"
    )


def _is_model(thing: object) -> bool:
    return all(hasattr(thing, part) for part in ("name", "world", "layers", "layer", "index"))


def _made(path: str) -> object:
    """What an import path names, or what it makes if it is a factory."""
    known = tuple(scenes_nets.CLASSES)
    if not re.fullmatch(r"[\w.]+:[\w.]+", path):
        raise UnitError(
            path,
            f"is no model's name; the nearest are {nearest(path, known)}",
            "name one of them, or write package.module:factory, hf:NAME, timm:NAME or"
            " torchvision:NAME",
        )
    package, _, attribute = path.partition(":")
    # A command, unlike a script, does not look for modules in the folder it is run in.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        thing: Any = import_module(package)
        for step in attribute.split("."):
            thing = getattr(thing, step)
        made = thing if isinstance(thing, nn.Module) or _is_model(thing) else thing()
    except (ModuleNotFoundError, AttributeError) as error:
        raise UnitError(
            path, f"is not there ({error})", "check the name, and the folder you are in"
        ) from error
    except Exception as error:
        raise ModelError(
            path, f"fails ({type(error).__name__}: {error})", "import it and call it to see where"
        ) from error
    return made
