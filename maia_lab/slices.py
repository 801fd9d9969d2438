"""The contexts of a class of photographs: its labels, and what can be done to any image.

Nothing is drawn: images are found by their label, and changed by edits that need no generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from maia_lab.contexts import SPECIAL, Contexts, Varied
from maia_lab.errors import WordsError
from maia_lab.names import nearest


class Slices(Varied):
    """Everything that is known to vary about a class of photographs.

    A label belongs to a class whose words are among its own: ``cow_on_grass`` and ``cow_on_sand``
    are slices of ``cow``.

    Attributes:
        labels: those of the class.
        rest: all others.
    """

    def __init__(self, what: str, vocabulary: Mapping[str, tuple[str, ...]]) -> None:
        """Read which labels show the class.

        Args:
            what: a label, or words that several labels share.
            vocabulary: as :attr:`maia_lab.world.World.vocabulary`.

        Raises:
            WordsError: no label names it, or every label does.
        """
        every, said = vocabulary["label"], "_".join(what.lower().split())
        self.labels = tuple(label for label in every if f"_{said}_" in f"_{label}_")
        self.rest = tuple(label for label in every if label not in self.labels)
        if not self.labels:
            raise WordsError(
                what,
                "is a class without images: no label names it",
                f"say what its images show (--shows), for example {nearest(said, every)}",
            )
        if not self.rest:
            raise WordsError(
                what, "is the only class there is", "add images of others, in folders of their own"
            )
        self.what = " ".join(said.split("_"))
        slices = self.labels if len(self.labels) > 1 else ()
        self.own = {"label": slices, "edit": vocabulary.get("edit", ())}
        self.around = {}

    def conditions(self) -> list[str]:
        """Every context that can be shown, one word each."""
        return list(chain.from_iterable(self.own.values()))

    def others(self, label: str) -> Sequence[str]:
        """The labels of the class but one."""
        return [other for other in self.labels if other != label]


def varied(what: str, vocabulary: Mapping[str, tuple[str, ...]]) -> Contexts | Slices:
    """What can vary about a thing: drawn where there are words to draw, else found by its labels.

    Raises:
        WorldError: there are neither.
        WordsError: the thing is known by none of them.
    """
    drawable = set(vocabulary) - set(SPECIAL)
    if vocabulary.get("label") and not drawable:
        return Slices(what, vocabulary)
    return Contexts(what, vocabulary)
