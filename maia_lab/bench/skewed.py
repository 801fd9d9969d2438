"""Classifiers that learned a bias from their data: one class, mostly seen in one context.

Four things are told apart. One of them has one colour (or texture, or background) as often as the
skew says, the others any, so that the network may go by it. Without skew it is told nothing by it.
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

SKEWS = {"strong": 0.95, "mild": 0.6, "control": 0.0}
"""Share of a class's images that are made to show its word; in the others it is there by chance."""
SIDES = {side: ATTRIBUTES[side] for side in ("colour", "texture")} | {"background": BACKGROUNDS}
CLASSES, IMAGES, EPOCHS = 4, 640, 8
DATA = 200, 50
"""Images of the data and held-out ones: they only say what scores are usual."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a session said of one class, beside what its data were like."""

    skew: str
    usual: str
    """The word, as contexts have it, that the class was mostly seen with."""
    rare: frozenset[str]
    """The others of its kind."""
    said: Said

    @property
    def found(self) -> bool:
        """Whether a context that was named has to do with the skew."""
        return any(
            self.usual in context if unless else bool(context & self.rare)
            for context, unless in self.said
        )

    @classmethod
    def of(cls, seed: int, skew: str, side: str, agent: str, folder: Path) -> Learned:
        """Train a classifier and hold a session about its skewed class."""
        chance = stream(f"skewed {skew} {side}", seed)
        things = [str(kind) for kind in chance.permutation(KINDS)[:CLASSES]]
        usual = SIDES[side][int(chance.integers(len(SIDES[side])))]
        drawn: list[Scene] = []
        for i in range(IMAGES):
            shown: dict[str, str] = {"shape": things[i % CLASSES]}
            if i % CLASSES == 0 and chance.random() < SKEWS[skew]:
                shown[side] = usual
            drawn.append(sample(chance, [shown], shown.pop("background", None)))
        truth = torch.arange(IMAGES) % CLASSES
        net = train(Drawn.of(drawn), [truth], EPOCHS, seed)
        session = bias(
            net, "logits", things[0], shows=things[0], preprocess=preprocess,
            classes=tuple(things), data=scenes(*DATA), generator="scenes", agent=agent,
            review="auto", seed=seed, max_steps=10, folder=folder, session=f"{skew}-{side}-{seed}",
            name="skewed",
        ).wait()  # fmt: skip
        said = [f"on {word}" if side == "background" else word for word in SIDES[side]]
        own = said.pop(SIDES[side].index(usual))
        return cls(skew, own, frozenset(said), named(session, things[0]))


def rows(learned: list[Learned]) -> list[Row]:
    """A row for each skew, and one for how much of what was named holds."""
    by = {skew: [one for one in learned if one.skew == skew] for skew in SKEWS}
    found = [
        Row.share(
            f"trained/{skew}",
            [one.found for one in some],
            note=f"{SKEWS[skew]:.0%} of the class made to be in one context: the others named",
        )
        for skew, some in by.items()
    ]
    said = [low > 0 for one in learned for _, low in one.said.values()]
    holds = [Row.share("trained/holds", said, note="contexts named: interval above 0")] * bool(said)
    return [*found, *holds]
