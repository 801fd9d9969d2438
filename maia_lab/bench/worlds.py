"""The world of scenes with something tied together or taken away: what a bench makes harder."""

from __future__ import annotations

from dataclasses import replace

from maia_lab.errors import WorldError
from maia_lab.scenes.world import scenes_world
from maia_lab.world import World


def scenes(
    n: int = 3000, held_out: int = 1000, seed: int = 0, tied: float = 0.0, lacking: str = ""
) -> World:
    """Open scenes for a bench.

    Args:
        n: images of the data.
        held_out: images that only scoring looks at.
        seed: of both.
        tied: share of the data's things whose shape follows from their colour.
        lacking: what an experimenter does without, separated by commas: ``exemplars``,
            ``generator``, ``editor``, or kinds of words such as ``size`` and ``number``.

    Raises:
        WorldError: something is to be taken away that is not there.
    """
    world = scenes_world(n, held_out, seed, tied)
    for what in filter(None, lacking.split(",")):
        if what == "exemplars":
            world = replace(world, exemplars=False)
        elif what == "generator":
            world = replace(world, generator=None)
        elif what == "editor":
            world = replace(world, editor=None)
        elif what in world.vocabulary:
            words = {kind: some for kind, some in world.vocabulary.items() if kind != what}
            world = replace(world, vocabulary=words)
        else:
            known = ", ".join(["exemplars", "generator", "editor", *world.vocabulary])
            raise WorldError(what, "is nothing that scenes have", f"take away one of {known}")
    return world
