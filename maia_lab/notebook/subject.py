"""The unit that a line names, its model and data perhaps variables of the notebook."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from maia_lab.errors import SessionError, UnitError
from maia_lab.pace import Pace
from maia_lab.session import Session
from maia_lab.study import Study
from maia_lab.unit import Unit


class Subject:
    """The unit that a line names, its model perhaps a variable of the notebook."""

    def __init__(self, namespace: dict[str, Any], options: argparse.Namespace) -> None:
        """Read the line against the notebook's variables."""
        self._task, layer = getattr(options, "task", "describe"), getattr(options, "layer", None)
        unit = options.unit if layer else Unit.parse(options.unit)
        self.where: dict[str, Any] = {"unit": unit, "layer": layer}
        """A unit; or a model and a layer, where the task chooses units."""
        self._namespace = namespace
        beside = tuple(getattr(options, "beside", ()))
        data, balanced = options.data, getattr(options, "balanced", None)
        classes = named(namespace, options.classes)
        self.options: dict[str, Any] = {
            "data": namespace.get(data, data) if data else None,
            "balanced": namespace.get(balanced, balanced) if balanced else None,
            "preprocess": named(namespace, options.preprocess),
            "classes": None if classes is None else tuple(classes),
            "beside": beside,
            "models": self._models(
                [f"{options.unit}/{layer}/0" if layer else options.unit, *beside]
            ),
        }

    def of(self, known: Session) -> bool:
        """Whether a session is about it."""
        question = known.opened.question
        if self.where["layer"] is None:
            return bool(self.where["unit"] == question.unit)
        chosen = {"unit": question.unit.model, "layer": question.unit.layer}
        return self.where == chosen and question.task == self._task

    def study(
        self, progress: Callable[[int, int], None] | None = None, known: Session | None = None
    ) -> Study:
        """Open it, as a session was begun with it where one is given."""
        from maia_lab.study import open_study

        options, where = self.options | {"task": self._task}, self.where
        if known is not None:
            where = {"unit": known.opened.question.unit}
            kept = dict(known.opened.setting.options)
            options["data"] = options["data"] or kept.get("data")
            options["balanced"] = options["balanced"] or kept.get("balanced")
            options["seed"] = known.opened.setting.seed
            options["generator"] = kept.get("generator")
            options["editor"] = kept.get("editor")
            options["rater"] = kept.get("rater")
            options["task"] = kept.get("task", "describe")
            options["beside"] = known.opened.setting.beside
            options["models"] = self._models([str(where["unit"]), *options["beside"]])
        return open_study(**where, progress=progress, **options)

    def _models(self, addresses: Sequence[str]) -> dict[str, object]:
        """Those models that are variables of the notebook."""
        found: dict[str, object] = {}
        for name in {Unit.parse(address).model for address in addresses} & self._namespace.keys():
            model = self._namespace[name]
            if model is None or isinstance(model, str):
                continue
            if not (callable(model) or hasattr(model, "layers")):
                raise UnitError(
                    name,
                    f"is a {type(model).__name__} here, and no model",
                    "name a torch module or a function of images",
                )
            found[name] = model
        return found


def named(namespace: dict[str, Any], name: str | None) -> Any:
    """A variable of the notebook."""
    if name is None:
        return None
    if name not in namespace:
        raise SessionError(name, "is not a variable of this notebook", "define it first")
    return namespace[name]


class Progress:
    """A line that is rewritten while the exemplars are computed."""

    def __init__(self) -> None:
        """Show nothing yet: with a cached index there is nothing to wait for."""
        self._shown, self._pace = -1, Pace()

    def __enter__(self) -> Callable[[int, int], None]:
        """What is told (done, total)."""
        return self._tell

    def __exit__(self, *error: object) -> None:
        """Leave a line that says what was done; after an interrupt, how far it came."""
        if self._shown == 100:
            self._write("looked at the data")
        if self._shown >= 0:
            sys.stdout.write("\n")

    def _tell(self, done: int, total: int) -> None:
        percent, pace = 100 * done // max(total, 1), self._pace(done, total)
        if percent != self._shown:
            self._shown = percent
            self._write(f"looking at the data … {percent:3} %  {pace}")

    def _write(self, text: str) -> None:
        sys.stdout.write(f"\r{text:<62}")  # Wide enough to cover the line before it.
        sys.stdout.flush()
