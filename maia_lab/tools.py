"""What an experiment is given beside its unit: images, and all ways to set them side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import crossing, provenance
from maia_lab.comparison import Comparison
from maia_lab.contrast import Contrast, side_by_side
from maia_lab.crossing import Cells, Crossing
from maia_lab.errors import DataError, SessionError
from maia_lab.exemplars import Exemplars
from maia_lab.gallery import Gallery
from maia_lab.grid import Grid
from maia_lab.proposal import Answer, Conclusion
from maia_lab.provenance import pixel_hash
from maia_lab.scoring.evaluation import Scores
from maia_lab.slices import Slices, varied
from maia_lab.sweep import Sweep
from maia_lab.system import System
from maia_lab.task import Closing
from maia_lab.world import World

CONTROL = 30
"""Images of the data in the default control."""
USUAL = 500
"""Images of the data, at most, by which units are brought to one scale."""


class Tools(Gallery):
    """What an experiment may do beside measuring.

    Attributes:
        seed: what every random choice here starts from: the same cell gives the same images.
    """

    def __init__(
        self,
        world: World,
        system: System,
        exemplars: Exemplars,
        seed: int = 0,
        beside: Sequence[tuple[System, Exemplars]] = (),
    ) -> None:
        """Bind the tools to one world, one unit, and further ones beside it."""
        several = ((system, exemplars), *beside)
        super().__init__(world, several, seed)
        self.may_conclude: Callable[[], bool] = lambda: True
        """Whether held-out images may be looked at now: while a session is going on, only the step
        of a conclusion may, so that no experiment is guided by the images that score it."""
        self.close: Callable[[Conclusion], Closing] | None = None
        """What a conclusion comes to, by the session's task."""
        self.folder = Path()
        """Where a conclusion leaves its files: the session's folder, or the current one."""
        self._system, self._watching = system, True
        self._systems = {str(each.unit): each for each, _ in several}
        for each in self._systems.values():
            each.watched = self._watch

    def compare(
        self,
        conditions: Mapping[str, Sequence[Image.Image]],
        control: str | None = None,
        system: System | None = None,
    ) -> Comparison:
        """Measure several conditions and set them against a control; the ledger keeps the result.

        What was predicted and came out is *indicated*. It is *supported* once a later step predicts
        it again, and finds all it predicts, on images whose activations nobody has seen: draw them
        with another ``seed``, and compare them before they are shown to the unit in any other way.

        Args:
            conditions: images by the condition's name. Predictions are about these names.
            control: the name of one of them, or None for a random sample of the data, which is then
                measured as ``"control"``. Edits of one base image count as paired with it.
            system: who is shown them, where it is another than the unit that is asked about.
                Predictions then name the condition with the unit's address, as
                ``"red circles · net/layer4/3"``.

        Returns:
            n, mean, spread, effect size, 95 % interval of the difference and percentile of each
            condition: ``print`` it, or index it by a condition's name.

        Example:
            >>> print(tools.compare({
            ...     "red circles": tools.text2image("a red circle", per_prompt=5),
            ...     "blue circles": tools.text2image("a blue circle", per_prompt=5),
            ... }))
        """
        groups = {name: list(images) for name, images in conditions.items()}
        if control is None:
            control = "control"
            if not groups.get(control):
                # Drawn anew for other images: a confirmation needs a fresh control, too.
                keys = sorted(pixel_hash(i) for images in groups.values() for i in images)
                groups[control] = self.dataset_sample(CONTROL, self._seed("".join(keys), 0, None))
        shown = system or self._system
        with self._unwatched():
            comparison = Comparison.measure(shown, groups, control, self.seed, self._world.words)
        measured = comparison.conditions
        if str(shown.unit) != str(self._system.unit):
            measured = tuple(m.by(str(shown.unit)) for m in measured)
        self.recorder.target.measured(measured)
        self._doubles(groups, conditions)
        return comparison

    def contrast(self, conditions: Mapping[str, Sequence[Image.Image]]) -> Contrast:
        """Show the same images to all units of ``systems``, and test where their answers differ.

        Activations are counted in standard deviations above each unit's own mean over the data, so
        that scales do not matter; images are paired across units; p-values are corrected for all
        conditions together. The ledger keeps each condition with the unit's address behind it,
        ``"red circles · net/layer4/3"``: predictions are about these.

        Args:
            conditions: images by the condition's name; give each ten or more.

        Returns:
            Rank correlation of each pair of units over the data; for each condition the difference
            with 95 % interval and p: ``print`` it.

        Example:
            >>> print(tools.contrast({
            ...     "circles": tools.text2image("a circle", per_prompt=20),
            ...     "stars": tools.text2image("a star", per_prompt=20),
            ... }))
        """
        if not conditions:
            raise DataError("nothing", "was given to contrast", "name at least one condition")
        with self._unwatched():
            contrast = Contrast.measure(
                self._systems, conditions, self._usual(), self.seed, self._world.words
            )
        self.recorder.target.measured(contrast.conditions)
        self._doubles(conditions, conditions)
        return contrast

    def _usual(self) -> dict[str, NDArray[np.float32]]:
        """Each unit's answers to the same images of the data."""
        same = reduce(np.intersect1d, (each.sampled for each in self._exemplars.values()))
        chance = np.random.default_rng(self.seed)
        some = np.sort(chance.choice(same, min(USUAL, len(same)), replace=False))
        return {
            address: each.values[np.searchsorted(each.sampled, some)]
            for address, each in self._exemplars.items()
        }

    def moved(
        self,
        things: Sequence[str] = (),
        backgrounds: Sequence[str] = (),
        n: int = 6,
        seed: int | None = None,
    ) -> Cells:
        """Set the same things before each background in turn, nothing else changed.

        They are drawn, and the background edited. Where no background can be named, the centres of
        photographs of each class are laid over photographs of each class: a background is then
        called by the class it is found behind, and what lies in the centre counts as the thing.

        Args:
            things: words; empty for the classes of the data.
            backgrounds: words; empty for those there are, eight at most.
            n: things in each cell, other ones for another class.
            seed: another seed gives other things.

        Returns:
            Images by (thing, background), as :meth:`cross` takes them.

        Example:
            >>> cells = tools.moved(["star", "fish"], ["grass", "sand"], n=2, seed=1)
            >>> tools.display([images[0] for images in cells.values()])
        """
        things = things or crossing.classes(self._world)
        grounds = backgrounds or crossing.backgrounds(self._world)[:8]
        if not backgrounds and "background" not in self._world.vocabulary:
            at = self._seed("moved", 0, seed)
            return crossing.collage(things, grounds, self._world, n, at)
        return crossing.draw(
            things,
            grounds,
            lambda prompt: self.text2image(prompt, n, seed),
            lambda images, text: self.edit_images(images, text, seed)[0][1::2],
        )

    def cross(
        self,
        cells: Mapping[tuple[str, str], Sequence[Image.Image]],
        systems: Mapping[str, System] | None = None,
    ) -> Crossing:
        """Show things before backgrounds to many units: which answer to the thing?

        Args:
            cells: images by (thing, background), as :meth:`moved` makes them: as many in each, the
                same things in the same order before every background.
            systems: some of the units by address; None for all of ``systems``.

        Returns:
            For each unit SELECTIVE or SPURIOUS, with the shares of its variation that go with the
            thing and with the background: ``print`` it.

        Example:
            >>> cells = tools.moved(["star", "fish"], ["grass", "sand"])
            >>> print(tools.cross(cells))
        """
        return Crossing.measure(cells, systems or self._systems)

    def side_by_side(self, images: Sequence[Image.Image]) -> Grid:
        """Show the same images to all units of ``systems``: a row for each, image below image.

        Each image is darkened outside the region where the unit is active; its number is the
        activation in standard deviations above the unit's mean over the data.

        Example:
            >>> tools.display(tools.side_by_side(tools.dataset_sample(6)))
        """
        return side_by_side(self._systems, images)

    def _doubles(self, groups: Mapping[str, Sequence[Image.Image]], names: Iterable[str]) -> None:
        """Say which conditions hold a picture twice."""
        for name in names:
            images = groups[name]
            if (pictures := len({pixel_hash(provenance.original(i)) for i in images})) < len(
                images
            ):
                self._remark(f"{len(images)} images of {name!r} are only {pictures} pictures.")

    def sweep(self, what: str, *, around: bool = False, n: int = 324, seed: int = 0) -> Sweep:
        """Draw a thing in many contexts, crossed evenly, and say which of them lower the score.

        Every side that ``what`` leaves open is varied, and its background; each of these, and each
        pair of them, is compared, corrected for their number. What a sweep names was picked by its
        score: confirm it on fresh images. Where nothing can be drawn, photographs of the label
        ``what`` are edited, and those of labels that say more than it are compared.

        Args:
            what: what images of the class show, in words that can be drawn; with a word more, the
                sweep looks inside one context.
            around: whether to vary its number, its place, and what is beside it as well.
            n: how many images.
            seed: another seed gives other images.

        Example:
            >>> sweep = tools.sweep("bird", n=60)
            >>> print(sweep)
            >>> tools.display(sweep.worst)
        """
        contexts = varied(what, self._world.vocabulary)
        if isinstance(contexts, Slices):
            return Sweep.sliced(contexts, self, n, seed)
        return Sweep.drawn(contexts, self, self._system, n, seed, around=around)

    def conclude(
        self,
        description: str,
        labels: Sequence[str] = (),
        suppressed_by: Sequence[str] = (),
        answers: Mapping[str, str] | None = None,
    ) -> Closing:
        """Close the investigation: score what was concluded on images nobody has looked at.

        Raises:
            SessionError: the session is still going on, and this step is no conclusion.
        """
        if self.close is None or not self.may_conclude():
            raise SessionError(
                "tools.conclude",
                "looks at held-out images, which only a conclusion may",
                "conclude when you are done",
            )
        said = tuple(Answer(about, says) for about, says in (answers or {}).items())
        with self._unwatched():
            closing = self.close(
                Conclusion(description, tuple(labels), tuple(suppressed_by), answers=said)
            )
        target = self.recorder.target
        target.text(f"{description}\n{closing.text}\n" if closing.text else f"{description}\n")
        if closing.scores:
            target.table(Scores(closing.scores))
        for table in closing.tables:
            target.table(table)
        for picture, alt in closing.pictures:
            target.picture(picture, alt)
        for name, content in closing.files:
            (self.folder / name).write_bytes(content)
        target.closed(closing.scores, closing.tables)
        return closing

    def _watch(self, images: Sequence[Image.Image]) -> None:
        """Take down which images were measured outside any comparison."""
        if self._watching:
            self.recorder.target.looked([provenance.base(image) for image in images])

    @contextlib.contextmanager
    def _unwatched(self) -> Iterator[None]:
        self._watching = False
        try:
            yield
        finally:
            self._watching = True
