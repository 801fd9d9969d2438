"""The agent's manual, printed from the signatures and docstrings of what it may call."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import chain
from types import FunctionType

from maia_lab.system import System
from maia_lab.tools import Tools

NOT_FOR_EXPERIMENTS = {"conclude"}
SYSTEMS = """\
# systems: dict[str, System]

Only where several units are studied side by side: each by its address, `system` the first."""


def manual(vocabulary: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """Everything an experiment may use, as text.

    Args:
        vocabulary: words by kind, as :attr:`maia_lab.world.World.vocabulary` has them.
    """
    chapters = [_chapter("system", System), SYSTEMS, _chapter("tools", Tools)]
    if vocabulary:
        for title, kinds in (
            ("Words that can be drawn", set(vocabulary) - {"label", "edit"}),
            ("Labels of the images", {"label"}),
            ("Edits of any image, done exactly and without a model", {"edit"}),
        ):
            lines = [f"{k}: {', '.join(words)}" for k, words in vocabulary.items() if k in kinds]
            if lines:
                chapters.append(f"# {title}\n\n" + "\n".join(lines))
    return "\n\n".join(chapters) + "\n"


def functions(of: type) -> Iterator[tuple[str, FunctionType]]:
    """The public methods that experiment code may call, in the order they are written."""
    for name, member in chain.from_iterable(vars(base).items() for base in reversed(of.__mro__)):
        hidden = name.startswith("_") or name in NOT_FOR_EXPERIMENTS
        if isinstance(member, FunctionType) and not hidden:
            yield name, member


class _AsWritten(str):
    """An annotation that is printed without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _chapter(variable: str, of: type) -> str:
    parts = [f"# {variable}: {of.__name__}\n\n{inspect.getdoc(of)}"]
    for name, function in functions(of):
        signature = inspect.signature(function)
        own = signature.replace(
            parameters=[
                parameter.replace(annotation=_AsWritten(parameter.annotation))
                for parameter in list(signature.parameters.values())[1:]
            ],
            return_annotation=_AsWritten(signature.return_annotation),
        )
        parts.append(f"## {variable}.{name}{own}\n\n{inspect.getdoc(function)}")
    return "\n\n".join(parts)
