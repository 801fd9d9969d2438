"""Classifiers that learned a bias from their data: one class, mostly seen in half of its contexts.

Four things are told apart. In the data of one of them half of the colours (or backgrounds, or
textures) are as frequent as the skew says, and in the data of another the other half, so that the
network may go by them. Without skew nothing can be learned from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from maia_lab.bench.named import Said, named
from maia_lab.bench.table import Row
from maia_lab.bench.worlds import scenes
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.scene import ATTRIBUTES, BACKGROUNDS, KINDS, Scene
from maia_lab.start import bias
from maia_lab.systems.planted import Drawn, train
from maia_lab.systems.scenes_nets import preprocess

SKEWS = {"strong": 0.98, "mild": 0.85, "control": 0.5}
"""Share of a class's images that show the half of the words that goes with it."""
SIDES = {side: ATTRIBUTES[side] for side in ("colour", "texture")} | {"background": BACKGROUNDS}
CLASSES, IMAGES, EPOCHS = 4, 1600, 6
DATA = 200, 50
"""Images of the data and held-out ones: they only say what scores are usual."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a session said of one class, beside what its data were like."""

    skew: str
    rare: frozenset[str]
    """Words, as contexts have them, that the class was rarely seen with."""
    usual: frozenset[str]
    said: Said

    @property
    def found(self) -> bool:
        """Whether a context that was named has to do with the skew."""
        return any(context & (self.usual if unless else self.rare) for context, unless in self.said)

    @classmethod
    def of(cls, seed: int, skew: str, side: str, agent: str, folder: Path) -> Learned:
        """Train a classifier and hold a session about its skewed class."""
        chance = stream(f"skewed {skew} {side}", seed)
        things = [str(kind) for kind in chance.permutation(KINDS)[:CLASSES]]
        words = [str(word) for word in chance.permutation(SIDES[side])]
        halves = words[: len(words) // 2], words[len(words) // 2 :]
        drawn: list[Scene] = []
        for i in range(IMAGES):
            shown: dict[str, str] = {"shape": things[i % CLASSES]}
            if i % CLASSES < 2:
                own = halves[(i % CLASSES) ^ int(chance.random() >= SKEWS[skew])]
                shown[side] = own[int(chance.integers(len(own)))]
            drawn.append(sample(chance, [shown], shown.pop("background", None)))
        truth = torch.arange(IMAGES) % CLASSES
        net = train(Drawn.of(drawn), [truth], EPOCHS, seed)
        session = bias(
            net, "logits", things[0], shows=things[0], preprocess=preprocess,
            classes=tuple(things), data=scenes(*DATA), generator="scenes", agent=agent,
            review="auto", seed=seed, max_steps=10, folder=folder, session=f"{skew}-{side}-{seed}",
            name="skewed",
        ).wait()  # fmt: skip
        usual, rare = (
            frozenset(f"on {word}" if side == "background" else word for word in half)
            for half in halves
        )
        return cls(skew, rare, usual, named(session, things[0]))


def rows(learned: list[Learned]) -> list[Row]:
    """A row for each skew, and one for how much of what was named holds."""
    by = {skew: [one for one in learned if one.skew == skew] for skew in SKEWS}
    found = [
        Row.share(
            f"trained/{skew}",
            [one.found for one in some],
            note=f"{SKEWS[skew]:.0%} of the class in half of its contexts: one of the others named",
        )
        for skew, some in by.items()
    ]
    said = [low > 0 for one in learned for _, low in one.said.values()]
    return [*found, Row.share("trained/holds", said, note="contexts named: interval above 0")]
