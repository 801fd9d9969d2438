"""The thing under study: one unit of one layer of one vision model."""

from __future__ import annotations

from dataclasses import dataclass

from maia_lab.errors import UnitError


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's address, written ``model/layer/index``.

    A class logit is addressed by its number or its name (``net/logits/tench``), a direction in a
    layer by the name it was given. The model may hold slashes of its own
    (``hf:microsoft/resnet-50/encoder.stages.3/122``): layer and index are the last two parts.
    """

    model: str
    layer: str
    index: int | str
    """Position along the layer's channels or features, or the name of a class or direction."""

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read ``"scenes/layer4/12"``.

        Raises:
            UnitError: the text does not have three parts, or one of them is empty.
        """
        parts = text.strip().rsplit("/", 2)
        if len(parts) != 3 or not all(part.strip() for part in parts):
            raise UnitError(
                text, "is not a unit", "write it as model/layer/index, for example scenes/layer4/12"
            )
        model, layer, index = parts
        return cls(model, layer, int(index) if index.isdecimal() else index)

    def __str__(self) -> str:
        """Write the address the way :meth:`parse` reads it."""
        return f"{self.model}/{self.layer}/{self.index}"
