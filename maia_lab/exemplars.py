"""Which of the data's images a unit answers how: what an index offers, however it was built."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maia_lab.system import Reference, Response

Stratum = str | float
"""``"top"``, ``"bottom"``, ``"median"``, or a quantile between 0 and 1."""


class Exemplars(Protocol):
    """One unit's index over the data, built before the first step and outside the budget."""

    @property
    def reference(self) -> Reference:
        """The unit's activations over the data."""

    @property
    def values(self) -> NDArray[np.float32]:
        """The unit's activation for each sampled image, in the data's order."""

    @property
    def sampled(self) -> NDArray[np.int64]:
        """Positions of those images, ascending: all of the data unless there are thousands."""

    def positions(self, stratum: Stratum, count: int) -> list[int]:
        """Positions in the data of that many images of a stratum, most typical first."""

    def answers(self, stratum: Stratum, count: int) -> Response:
        """What the unit answers to the images at :meth:`positions`, with maps; in that order."""
