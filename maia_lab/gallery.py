"""Where an experiment's images come from: found in the data, drawn, edited; told of and shown."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from maia_lab import alteration, plots, provenance
from maia_lab.comparison import Comparison
from maia_lab.errors import SessionError, WorldError
from maia_lab.exemplars import Exemplars, Stratum
from maia_lab.grid import Grid
from maia_lab.recorder import Relay
from maia_lab.system import System, masked, recall
from maia_lab.world import Accountable, Labelled, Summarizer, WellRead, World, concepts

PARTS = 3
"""Seeds among which the images of a label are dealt: to find something, and to confirm it twice."""


class Gallery:
    """The images of one world, and what is known of them without measuring.

    Attributes:
        seed: what every random choice here starts from: the same cell gives the same images.
        recorder: where everything that is shown or noticed goes.
        captioner: who describes images: the world's own, or a model that was asked to.
    """

    def __init__(
        self, world: World, exemplars: Sequence[tuple[System, Exemplars]], seed: int
    ) -> None:
        """Open a world's images, and those that units answer most and least."""
        self.seed, self.recorder, self.captioner = seed, Relay(), world.captioner
        self._world = world
        self._exemplars = {str(system.unit): found for system, found in exemplars}

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
        found = self._of(system)
        images = [self._world.data[i] for i in found.positions(stratum, count)]
        answers = recall(system, images, found.answers(stratum, count)) if images else []
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
        again = [seed // PARTS] if seed >= PARTS else []
        dealt = np.random.default_rng([self.seed, *again]).permutation(len(data))
        has = [bool(wanted & said) for said in every]
        return [data[i] for i in dealt[seed % PARTS :: PARTS].tolist() if has[i]][:count]

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

        Images of which nobody knows what they show, as of those that a model drew, are left out.

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
        told = [concepts(words, provenance.original(image)) for image in images]
        known = [said for said in told if said]
        found = Counter(concept for said in known for concept in said)
        sample = self.dataset_sample(100)
        usual = Counter(concept for image in sample for concept in concepts(words, image))
        excess = {c: n / len(known) - usual[c] / len(sample) for c, n in found.items()}
        # Ties are broken by the shorter, then the earlier phrase, so that the order is fixed.
        shared = sorted(excess, key=lambda c: (-excess[c], len(c), c))[:most]
        lines = [
            f"{found[c]} of {len(known)} show {c!r} ({usual[c]} of {len(sample)} in the data)"
            for c in shared
        ]
        if unread := len(images) - len(known):
            lines.append(
                f"({unread} of {len(images)} left out: nobody has read what they show; look at them"
                " with tools.display)"
            )
        return "\n".join(lines)

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

    def _of(self, system: System) -> Exemplars:
        if str(system.unit) not in self._exemplars:
            raise SessionError(
                str(system.unit),
                f"is not a unit of these tools ({', '.join(self._exemplars)})",
                "pass one of the session's own systems",
            )
        return self._exemplars[str(system.unit)]

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
