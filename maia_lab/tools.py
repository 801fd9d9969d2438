"""What an experiment may do beside measuring: fetch exemplars, draw, edit, caption, compare."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maia_lab import alteration, crossing, plots, provenance
from maia_lab.comparison import Comparison, difference
from maia_lab.contexts import Contexts
from maia_lab.contrast import Contrast, side_by_side
from maia_lab.crossing import Cells, Crossing
from maia_lab.errors import DataError, SessionError, WorldError
from maia_lab.exemplars import Exemplars, Stratum
from maia_lab.grid import Grid
from maia_lab.proposal import Answer, Conclusion
from maia_lab.provenance import pixel_hash
from maia_lab.recorder import Relay
from maia_lab.slices import Slices, varied
from maia_lab.sweep import ALPHA, Effect, Sweep, effects, otherwise, without
from maia_lab.system import System, masked
from maia_lab.task import Closing
from maia_lab.world import Accountable, Labelled, Summarizer, WellRead, World

PARTS = 3
"""Seeds among which the images of a label are dealt: to find something, and to confirm it twice."""
CONTROL = 30
"""Images of the data in the default control."""
USUAL = 500
"""Images of the data, at most, by which units are brought to one scale."""


class Tools:
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
        self.seed, self.recorder = seed, Relay()
        self.may_conclude: Callable[[], bool] = lambda: True
        """Whether held-out images may be looked at now: while a session is going on, only the step
        of a conclusion may, so that no experiment is guided by the images that score it."""
        self.close: Callable[[Conclusion], Closing] | None = None
        """What a conclusion comes to, by the session's task."""
        self.folder = Path()
        """Where a conclusion leaves its files: the session's folder, or the current one."""
        self.captioner = world.captioner
        """Who describes images: the world's own, or a model that was asked to."""
        self._world, self._system = world, system
        several = ((system, exemplars), *beside)
        self._systems = {str(each.unit): each for each, _ in several}
        self._exemplars = {str(each.unit): found for each, found in several}
        self._watching = True
        for each, _ in several:
            each.watched = self._watch

    def dataset_exemplars(
        self, system: System, count: int = 15, stratum: Stratum = "top"
    ) -> list[tuple[float, Image.Image]]:
        """Images of the data by how strongly they activate the unit, with the region that does.

        Args:
            system: the unit.
            count: how many images.
            stratum: ``"top"``, ``"bottom"``, ``"median"``, or a quantile between 0 and 1.

        Returns:
            (activation, image darkened outside the active region), strongest first for ``"top"``,
            weakest first for ``"bottom"``.

        Example:
            >>> exemplars = tools.dataset_exemplars(system, count=5)
            >>> tools.display(exemplars)
        """
        if not self._world.exemplars:
            raise WorldError(
                self._world.name,
                "has no exemplars here",
                "draw images instead, and measure them with tools.compare",
            )
        positions = self._of(system).positions(stratum, count)
        answers = system.activate([self._world.data[i] for i in positions])
        return [(a.value, masked(a)) for a in answers]

    def dataset_sample(self, count: int = 30, seed: int | None = None) -> list[Image.Image]:
        """Random images of the data: what a condition is compared with when nothing else is said.

        Example:
            >>> ordinary = tools.dataset_sample(10)
        """
        data = self._world.data
        generator = np.random.default_rng(self.seed if seed is None else seed)
        chosen = generator.choice(len(data), min(count, len(data)), replace=False)
        return [data[int(i)] for i in chosen]

    def dataset_labelled(
        self, labels: str | Sequence[str], count: int = 30, seed: int = 0
    ) -> list[Image.Image]:
        """Random images of the data that have one of some labels; fewer where there are not enough.

        Args:
            labels: words of the data; the label of a photograph is the folder that it lies in.
            count: how many images.
            seed: another seed gives other images; 0, 1 and 2 share none.

        Example:
            >>> tools.display(tools.dataset_labelled("fish", count=5))
        """
        words, data = self._world.words, self._world.data
        every: Iterable[frozenset[str]]
        if isinstance(words, WellRead):
            every = words.concepts_of(data)
        elif isinstance(data, Labelled):
            every = map(data.concepts, range(len(data)))
        else:
            raise WorldError(
                self._world.name,
                "has no labels to find images by",
                "draw images instead (tools.text2image)",
            )
        wanted = {labels} if isinstance(labels, str) else {*labels}
        # Dealt before they are chosen: so what goes by one label shares none with another's.
        dealt = np.random.default_rng(self.seed).permutation(len(data))[seed % PARTS :: PARTS]
        has = [bool(wanted & said) for said in every]
        return [data[i] for i in dealt.tolist() if has[i]][:count]

    def text2image(
        self, prompts: str | Sequence[str], per_prompt: int = 1, seed: int | None = None
    ) -> list[Image.Image]:
        """Draw images from words, ``per_prompt`` images for each prompt, in order.

        Args:
            prompts: one prompt or several.
            per_prompt: samples of each; one image is an anecdote, take several.
            seed: another seed gives other images of the same prompt.

        Raises:
            WordsError: a word cannot be drawn; the message says which, and which can.

        Example:
            >>> images = tools.text2image(["a red circle", "a blue bird on sand"], per_prompt=3)
        """
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        generator = self._world.generator
        if generator is None:
            raise WorldError(
                self._world.name,
                "has no generator of images",
                "name one with --generator: scenes, diffusers:NAME or retrieve:FOLDER",
            )
        many = [prompt for prompt in prompts for _ in range(per_prompt)]
        times: Counter[str] = Counter()
        seeds = []
        for prompt in many:
            # A prompt given twice is drawn twice, not copied.
            seeds.append(self._seed(prompt, times[prompt], seed))
            times[prompt] += 1
        drawn = generator.generate(many, seeds)
        self._account(generator)
        return drawn

    def edit_images(
        self,
        images: Image.Image | Sequence[Image.Image],
        instructions: str | Sequence[str],
        seed: int | None = None,
    ) -> tuple[list[Image.Image], list[str]]:
        """Change images by instruction: the counterfactual to each.

        Args:
            images: one image or several. A masked image is edited as its original.
            instructions: as many as there are images, or one for all; one image takes several.
            seed: another seed gives another edit where the instruction leaves a choice.

        Returns:
            Originals and edits interleaved, and beside them ``"original"`` or the instruction.

        Raises:
            WordsError: an instruction is not understood, or names nothing in the image.

        Example:
            >>> images, prompts = tools.edit_images(tools.text2image("a red circle on grass"), [
            ...     "make the circle blue", "make the circle bigger", "remove the circle",
            ...     "replace the circle with a star", "add a yellow moon",
            ...     "change the background to snow"])
            >>> activations, _ = system.call_neuron(images)
        """
        images = [images] if isinstance(images, Image.Image) else list(images)
        instructions = [instructions] if isinstance(instructions, str) else list(instructions)
        if len(instructions) == 1:
            instructions *= len(images)
        elif len(images) == 1:
            images *= len(instructions)
        if len(images) != len(instructions):
            raise WorldError(
                f"{len(images)} images and {len(instructions)} instructions",
                "do not pair up",
                "give as many instructions as images, or a single one for all",
            )
        editor = self._world.editor
        if editor is None:
            raise WorldError(
                self._world.name,
                "has no editor of images",
                "name one with --editor: plain, or diffusers:NAME",
            )
        originals = [provenance.original(image) for image in images]
        seeds = [self._seed(text, i, seed) for i, text in enumerate(instructions)]
        edits = editor.edit(originals, instructions, seeds)
        self._account(editor)
        for remark in alteration.remarks(
            originals, edits, instructions, self._world.words, self._world.vocabulary
        ):
            self._remark(remark)
        pairs = zip(originals, edits, strict=True)
        return (
            [image for pair in pairs for image in pair],
            [text for instruction in instructions for text in ("original", instruction)],
        )

    def describe_images(
        self, images: Sequence[Image.Image], titles: Sequence[str] | None = None
    ) -> list[str]:
        """Say what each image shows, one sentence an image, blind to your hypotheses.

        Args:
            images: the images; a masked image is described as its original.
            titles: put before each sentence, for example the activations.

        Example:
            >>> for sentence in tools.describe_images(tools.dataset_sample(3)):
            ...     print(sentence)
        """
        captioner = self.captioner
        if captioner is None:
            raise WorldError(
                self._world.name,
                "has nothing that captions images",
                "look at tools.display(images)",
            )
        sentences = captioner.describe([provenance.original(image) for image in images])
        if titles is None:
            return sentences
        return [f"{title}: {text}" for title, text in zip(titles, sentences, strict=True)]

    def summarize_images(self, images: Sequence[Image.Image], most: int = 8) -> str:
        """Say what images have in common, counted, beside how usual it is; blind to hypotheses.

        Example:
            >>> print(tools.summarize_images([image for _, image in
            ...     tools.dataset_exemplars(system)]))
        """
        words = self._world.words
        if words is None and isinstance(self.captioner, Summarizer):
            ordinary = self.dataset_sample(len(images))
            return self.captioner.summarize([provenance.original(i) for i in images], ordinary)
        if words is None:
            raise WorldError(
                self._world.name, "has no words for its images", "look at tools.display(images)"
            )
        found: Counter[str] = Counter()
        usual: Counter[str] = Counter()
        sample = self.dataset_sample(100)
        for counter, group in ((found, [provenance.original(i) for i in images]), (usual, sample)):
            for image in group:
                counter.update(words.concepts(image))
        excess = {c: n / len(images) - usual[c] / len(sample) for c, n in found.items()}
        # Ties are broken by the shorter, then the earlier phrase, so that the order is fixed.
        shared = sorted(excess, key=lambda c: (-excess[c], len(c), c))[:most]
        return "\n".join(
            f"{found[c]} of {len(images)} show {c!r} ({usual[c]} of {len(sample)} in the data)"
            for c in shared
        )

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
            return self._sliced(contexts, n, seed)
        chance = np.random.default_rng([self.seed, seed])
        rows = contexts.design(n, chance, around)
        images = drawn(self, contexts, rows, seed)
        others = contexts.others()
        names = [others[i % len(others)] for i in range(max(20, n // 8))]
        absent = [
            contexts.prompt(row, instead=name) for row, name in zip(rows, names, strict=False)
        ]
        values = self._system.values(images).tolist()
        found, looked = effects(rows, values)
        low: dict[str, list[int]] = {}
        spared = set(range(len(rows)))
        for effect in found:
            held = [i for i in np.argsort(values).tolist() if effect.low_in(rows[i])]
            # Images that lose by what was found before say little of what they lose by this.
            name = contexts.name(effect.context, unless=effect.unless)
            low[name] = [i for i in held if i in spared] or held
            spared -= set(held)
        spared = spared or set(range(len(rows)))
        groups = {
            without(contexts.what): self.text2image(absent, seed=seed),
            otherwise(contexts.what): [images[i] for i in sorted(spared)],
        }
        groups |= {name: [images[i] for i in held] for name, held in low.items()}
        compared = self.compare(groups, control=otherwise(contexts.what))
        measured = {m.condition: m for m in compared.conditions}
        return Sweep(
            contexts, tuple(found), measured, looked, {name: groups[name][:8] for name in low}
        )

    def _sliced(self, slices: Slices, n: int, seed: int) -> Sweep:
        """A sweep over photographs of a class: every edit of each, and every slice of them."""
        images = self.dataset_labelled(slices.labels, n // 8, seed)
        rest = otherwise(slices.what)
        groups = {without(slices.what): self.dataset_labelled(slices.rest, n // 8, seed)}
        groups |= {rest: images}
        for name in slices.own["edit"]:
            groups[slices.name([name])] = self.edit_images(images, name)[0][1::2]
        for label in slices.own["label"]:
            groups[slices.name([label])] = self.dataset_labelled(label, n // 8, seed)
        if poor := [name for name, some in groups.items() if len(some) < 2]:
            raise WorldError(poor[0], "has fewer than two images", "give more of them")
        measured = {m.condition: m for m in self.compare(groups, control=rest).conditions}
        words = slices.conditions()
        found = []
        for word in words:
            below = difference(measured[slices.name([word])], measured[rest])
            if below.value < 0 and (p := min(1.0, below.p * len(words))) <= ALPHA:
                found.append(Effect((word,), False, p))
        found.sort(key=lambda effect: effect.p)
        names = [slices.name(effect.context) for effect in found]
        kept = {n: m for n, m in measured.items() if n in (without(slices.what), rest, *names)}
        worst = {
            name: [groups[name][i] for i in np.argsort(measured[name].values)[:8]] for name in names
        }
        return Sweep(slices, tuple(found), kept, len(words), worst)

    def display(self, *things: object) -> None:
        """Show text and images in the output: to the reader, and to you.

        Args:
            things: text, an image, a list of images, a list of (activation, image), a comparison.
                A list of images is one grid; an empty one shows nothing.

        Example:
            >>> tools.display("ten images of the data", tools.dataset_sample(10))
        """
        for thing in things:
            if isinstance(thing, list) and not thing:
                continue
            grid = Grid.of(thing)
            plot = plots.conditions(thing.conditions) if isinstance(thing, Comparison) else None
            if plot is not None:
                self.recorder.target.text(f"{thing}\n")
                self.recorder.target.picture(Image.open(io.BytesIO(plot.png)), plot.alt)
            elif grid is None:
                self.recorder.target.text(f"{thing}\n")
            else:
                self.recorder.target.grid(grid)

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
        for table in closing.tables:
            target.text(f"{table}\n")
        for picture, alt in closing.pictures:
            target.picture(picture, alt)
        for name, content in closing.files:
            (self.folder / name).write_bytes(content)
        target.closed(closing.scores, closing.tables)
        return closing

    def _of(self, system: System) -> Exemplars:
        if str(system.unit) not in self._exemplars:
            raise SessionError(
                str(system.unit),
                f"is not a unit of these tools ({', '.join(self._exemplars)})",
                "pass one of the session's own systems",
            )
        return self._exemplars[str(system.unit)]

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

    def _account(self, maker: object) -> None:
        """Pass on what whoever made images has to say of them."""
        while isinstance(maker, Accountable) and maker.remarks:
            self._remark(maker.remarks.pop(0))

    def _remark(self, text: str) -> None:
        self.recorder.target.remark(text)
        self.recorder.target.text(f"{text}\n")

    def _seed(self, text: str, number: int, seed: int | None) -> int:
        # A seed that an experiment gives never meets the session's own.
        key = (
            f"{self.seed}:{number}:{text}"
            if seed is None
            else f"{self.seed}/{seed}:{number}:{text}"
        )
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")


def drawn(
    tools: Tools, contexts: Contexts, rows: Sequence[Collection[str]], seed: int
) -> list[Image.Image]:
    """Draw a thing in each of several contexts: by words, then moved where one says so."""
    images = tools.text2image([contexts.prompt(row) for row in rows], seed=seed)
    moves = {i: move for i, row in enumerate(rows) if (move := contexts.move(row))}
    if moves:
        moved, _ = tools.edit_images([images[i] for i in moves], [*moves.values()], seed)
        for i, image in zip(moves, moved[1::2], strict=True):
            images[i] = image
    return images
