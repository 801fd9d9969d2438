"""What came back from one experiment: everything it printed, showed, measured and raised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atanh, tanh
from typing import Literal

from maia_lab.scoring.metrics import METRICS

Outcome = Literal["done", "error", "interrupted", "limit", "unknown"]
"""How a run ended. ``limit``: it ran out of time; ``unknown``: its process ended while it ran."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of printed text."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that was shown; its pixels lie in the journal's folder under their hash."""

    sha256: str
    """Of the stored file's bytes."""
    alt: str
    """The picture in words."""
    width: int
    height: int


def of_unit(condition: str, unit: str) -> str:
    """What a condition is called where one of several units answers it."""
    return f"{condition} · {unit}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One condition of one comparison: what was shown to the unit and how it answered."""

    condition: str
    values: tuple[float, ...]
    """The unit's activation for each image, in the order given."""
    bases: tuple[str, ...]
    """For each image, the base it was edited from (pixel hash), or its own hash: images that share
    a base are not independent, so intervals resample bases."""
    mean: float
    sd: float
    """Sample standard deviation; 0.0 for a single image."""
    share_high: float
    """Share of the images above the 0.95 quantile of the data."""
    percentile: float
    """Of the mean, among the data's images, 0–100."""
    control: str
    """The condition it was compared with; empty for the control itself."""
    difference: float = 0.0
    """Mean minus the control's mean; over shared bases only where the two are paired."""
    low: float = 0.0
    """Lower end of the difference's 95 % bootstrap interval …"""
    high: float = 0.0
    """… and its upper end."""
    effect: float = 0.0
    """Difference in standard deviations of the data's activations."""
    source: str = ""
    """Where the images came from: data, the generator's or the editor's name, or a mixture."""
    comparison: int = 0
    """Which comparison of its step it belongs to, from 0."""
    prompts: tuple[str, ...] = ()
    """What its images were drawn from, each once; empty for images of the data and for edits."""
    shared: tuple[str, ...] = ()
    """Phrases that are true of every one of its images, where the world has words for them and
    there are at least two images."""
    usual: tuple[float, ...] = ()
    """The 0.05, 0.25, 0.5, 0.75 and 0.95 quantiles of the data's activations."""
    unit: str = ""
    """Address of the unit that answered, where it is another than the one that is asked about or
    stands beside others; :attr:`condition` and :attr:`control` then end with it."""

    @property
    def n(self) -> int:
        """How many images were measured."""
        return len(self.values)

    def by(self, unit: str) -> Measurement:
        """The same, said of a unit by its address."""
        control = of_unit(self.control, unit) if self.control else ""
        return replace(self, condition=of_unit(self.condition, unit), control=control, unit=unit)

    @property
    def plain(self) -> str:
        """The condition without the unit's address."""
        return self.condition.removesuffix(of_unit("", self.unit)) if self.unit else self.condition


@dataclass(frozen=True, slots=True)
class Trial:
    """How a unit answered images that were drawn to what a description predicts of them."""

    high: tuple[float, ...] = ()
    """Activations of images that hold a label …"""
    neutral: tuple[float, ...] = ()
    """… of images of anything else …"""
    near: tuple[float, ...] = ()
    """… and of near misses, which share all but one word with a label."""
    drawn_by: str = ""
    """The generator's name."""
    note: str = ""
    """Why there is none, where there is none: the end of "not drawn, because …"."""

    @property
    def predicted(self) -> tuple[bool, ...]:
        """Of each of :attr:`values`, whether it was predicted high."""
        return (True,) * len(self.high) + (False,) * (len(self.neutral) + len(self.near))

    @property
    def values(self) -> tuple[float, ...]:
        """All activations: high, neutral, near."""
        return self.high + self.neutral + self.near

    def __getitem__(self, metric: str) -> float | None:
        """One of :data:`maia_lab.scoring.metrics.METRICS` by name; None where it is not defined."""
        return METRICS[metric](self.predicted, self.values)


@dataclass(frozen=True, slots=True)
class Score:
    """How well labels tell a unit's active images from the rest, on held-out images."""

    of: str
    """Whose labels: ``this description``, or a baseline's name."""
    labels: tuple[str, ...]
    precision: float | None
    """Share of the images that hold a label in which the unit is active; None: no image does, or
    the unit is active in none at all."""
    recall: float | None
    """Share of the images in which the unit is active that hold a label; None: no image is."""
    predicted: int
    """Images that hold a label (and nothing that suppresses)."""
    positives: int
    """Images in which the unit is active: above its 0.95 quantile over the data, or as
    :attr:`topped` says."""
    n: int
    """Held-out images looked at."""
    note: str = ""
    """Why there is no score, where there is none: the end of "not scored, because …"."""
    correlation: float | None = None
    """Pearson's r between holding a label (0 or 1) and the activation: it needs no threshold. None:
    all images hold one, or none does, or the unit never varies."""
    suppressed_by: tuple[str, ...] = ()
    auprc: float | None = None
    """Area under precision and recall when activation ranks the images that hold a label; by chance
    it is their share. None as for the correlation."""
    shares: tuple[float, ...] = ()
    """For each label, the share of the active images that hold it: several may hold several."""
    rater: str = ""
    """Who said which images hold a label, where it was not the world's own words."""
    trial: Trial | None = None
    """The same description on images drawn for it."""
    topped: bool = False
    """Whether more of the data than a twentieth answer with the unit's very maximum, as where a
    unit is clipped: an image is then active where it does, too."""

    @property
    def ceiling(self) -> float:
        """The best precision that labels true of so many images could have.

        It is below 1 where more images hold a label than count as active.
        """
        return min(1.0, self.positives / self.predicted) if self.predicted else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Of the correlation, 95 %: by Fisher's transform, from the number of images.

        As if of four images more, without any correlation: of a few, r may be 1 by chance.
        """
        r = self.correlation
        if r is None or self.n <= 3:
            return -1.0, 1.0
        at, half = atanh(r * self.n / (self.n + 4)), 1.96 / (self.n - 3) ** 0.5
        return min(r, tanh(at - half)), max(r, tanh(at + half))

    @property
    def said(self) -> str:
        """Its labels in a line: ``red, or a star; not with grass``."""
        wanted, unwanted = ", or ".join(self.labels), ", or ".join(self.suppressed_by)
        return wanted + (f"; not with {unwanted}" if wanted and unwanted else "")


@dataclass(frozen=True, slots=True)
class Table:
    """What a task hands over at its end, as a table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """As many texts each as there are columns; numbers as they are to be read."""
    note: str = ""
    """What a reader must know to read it."""

    @property
    def right(self) -> tuple[bool, ...]:
        """Which columns hold numbers only, and stand to the right."""
        return tuple(
            all(row[i][:1] in "+-−–—0123456789" for row in self.rows if row[i])
            for i in range(len(self.columns))
        )

    def __str__(self) -> str:
        """As aligned text."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        told = [
            "  ".join(
                text.rjust(width) if to_right else text.ljust(width)
                for text, width, to_right in zip(line, widths, self.right, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *told, *([self.note] if self.note else [])])


@dataclass(frozen=True, slots=True)
class Observation:
    """The outcome of one approved run."""

    parts: tuple[Text | Picture, ...] = ()
    """In the order in which they appeared."""
    measurements: tuple[Measurement, ...] = ()
    scores: tuple[Score, ...] = ()
    """Of a conclusion's step only: the description's, then its baselines'."""
    outcome: Outcome = "done"
    error: str = ""
    """The traceback's text, without frames of this package."""
    seconds: float = 0.0
    looked: tuple[str, ...] = ()
    """Bases (pixel hashes) whose activation the step saw before it compared them, if it did: images
    that were chosen by their activation confirm nothing."""
    remarks: tuple[str, ...] = ()
    """What the tools noticed, one sentence each: an edit that changed nothing, an image twice."""
    tables: tuple[Table, ...] = ()
    """Of a conclusion's step only: what its task hands over."""

    @property
    def closed(self) -> bool:
        """Whether a conclusion's step came to what its task is to hand over."""
        return bool(self.scores or self.tables)

    @property
    def text(self) -> str:
        """All printed text, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))
