"""What is known of a unit so far: a fold over the session's events, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from maia_lab.agents.offline.claims import Claim, Language
from maia_lab.agents.offline.survey import Seen
from maia_lab.events import Decided, Event, Noted, Observed, Offered, Opened
from maia_lab.observation import Measurement, Observation
from maia_lab.proposal import Conclusion, Hypothesis, Prediction, Proposal
from maia_lab.review import SET_ASIDE, Approve, Edit, Reject

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
USUAL = "activation at every hundredth of the data:"
LEVEL = "of the data from {low:g} to {high:g}:"
MADE = "made for"
"""Headings under which experiments print what is read here."""
UNCHANGED = ", unchanged"
STRONGEST = f"the strongest{UNCHANGED}"
"""The condition of the data's strongest images as they are …"""
CHANGED = "the strongest, "
"""… and how the names of those begin in which something was changed."""


@dataclass(frozen=True, slots=True)
class Row:
    """All that was measured of one condition, over every step that had it."""

    values: tuple[float, ...]
    steps: tuple[int, ...]

    @property
    def mean(self) -> float:
        """Of all images."""
        return sum(self.values) / len(self.values)

    def share(self, threshold: float) -> float:
        """Share of the images above a threshold."""
        return sum(value > threshold for value in self.values) / len(self.values)


@dataclass(slots=True)
class Notes:
    """The session as its experimenter remembers it."""

    language: Language
    usual: tuple[float, ...] = ()
    """The activations at every hundredth of the data, lowest first."""
    exemplars: tuple[Claim, ...] = ()
    """What the strongest images show, strongest first."""
    seen: list[Seen] = field(default_factory=list)
    """Images of the data, each standing for a share of it."""
    made: list[Seen] = field(default_factory=list)
    """Images that were drawn or edited: what the data tie together, these may not."""
    generator: bool = True
    finds: bool = False
    """Whether that finds photographs, of one label each, and draws nothing."""
    editor: bool = True
    rows: dict[str, Row] = field(default_factory=dict)
    """By condition."""
    tried: dict[str, list[str]] = field(default_factory=dict)
    """What became of each kind of experiment, each time it was proposed."""
    course: list[str] = field(default_factory=list)
    """Kinds of what was proposed, conclusions among them, in order."""
    hypotheses: dict[str, Hypothesis] = field(default_factory=dict)
    """By text."""
    predicted: dict[int, tuple[Prediction, ...]] = field(default_factory=dict)
    remarks: list[Claim] = field(default_factory=list)
    """What people's remarks name, in the order in which they spoke."""
    confirmed: set[str] = field(default_factory=set)
    """Conditions that were predicted once more, on fresh images."""

    @property
    def to_order(self) -> bool:
        """Whether images can be drawn of whatever is asked for."""
        return self.generator and not self.finds

    @property
    def high(self) -> float:
        """The 0.95 quantile over the data; infinite while it is not known."""
        return self.usual[95] if len(self.usual) == 101 else float("inf")

    @property
    def median(self) -> float:
        """Over the data; 0.0 while it is not known."""
        return self.usual[50] if len(self.usual) == 101 else 0.0

    def row(self, condition: str) -> Row | None:
        """What was measured of a condition, if anything."""
        return self.rows.get(condition)

    def hypothesis(self, text: str) -> Hypothesis:
        """A claim under the id it had before, or a new one."""
        known = self.hypotheses.get(text)
        if known is None:
            number = 1 + max((int(h.id[1:]) for h in self.hypotheses.values()), default=0)
            known = self.hypotheses[text] = Hypothesis(f"H{number}", text)
        return known

    def active(self, claim: Claim) -> Hypothesis:
        """That a claim drives the unit."""
        said = self.language.say(claim, article=True)
        return self.hypothesis(f"It is active when there is {said}.")

    def silent(self, claim: Claim) -> Hypothesis:
        """That a claim silences the unit."""
        said = self.language.say(claim, article=True)
        return self.hypothesis(f"It is less active beside {said}.")


def fold(events: Iterable[Event], language: Language) -> Notes:
    """Remember a session."""
    notes = Notes(language)
    kinds: dict[int, str] = {}
    for event in events:
        match event:
            case Opened(setting=setting):
                notes.generator, notes.editor = bool(setting.generator), bool(setting.editor)
                named = dict(setting.options).get("generator", "")
                notes.finds = named.startswith("retrieve:")
            case Offered(by="human"):
                continue
            case Offered(step=step, revision=1, proposal=Proposal() as proposal):
                kinds[step] = kind_of(proposal.code)
                notes.tried.setdefault(kinds[step], []).append("open")
                notes.course.append(kinds[step])
                notes.predicted[step] = proposal.predicts
                for hypothesis in proposal.hypotheses:
                    if re.fullmatch(r"H\d+", hypothesis.id):
                        notes.hypotheses.setdefault(hypothesis.text, hypothesis)
            case Offered(step=step, revision=1, proposal=Conclusion()):
                kinds[step] = "Conclusion"
                notes.tried.setdefault("Conclusion", []).append("open")
                notes.course.append("Conclusion")
            case Decided(step=step, verdict=verdict, by=by):
                if verdict == SET_ASIDE and step in kinds:
                    notes.tried[kinds[step]].pop()
                    continue
                if isinstance(verdict, Reject):
                    _became(notes, kinds.get(step), "rejected")
                if isinstance(verdict, Approve | Edit | Reject) and by == "human":
                    _heard(notes, verdict.note)
            case Noted(text=text, by="human"):
                _heard(notes, text)
            case Observed(step=step, observation=observation):
                _became(notes, kinds.get(step), observation.outcome)
                _measured(notes, step, observation.measurements)
                if kinds.get(step) == "Fresh":
                    notes.confirmed |= {m.condition for m in observation.measurements}
                _read(notes, observation)
            case _:
                continue
    return notes


def kind_of(code: str) -> str:
    """The kind of experiment that a cell is: the first word of its first comment."""
    match = re.match(r"#\s*(\w+)", code)
    return match[1] if match else ""


def _became(notes: Notes, kind: str | None, outcome: str) -> None:
    if kind is not None and kind in notes.tried:
        notes.tried[kind][-1] = outcome


def _heard(notes: Notes, text: str) -> None:
    for part in re.split(r"[,;.]|\bor\b|\bversus\b|\bbut\b", text):
        claim = notes.language.read(part)
        if claim.words and claim.words <= 4 and all(claim.things) and claim not in notes.remarks:
            notes.remarks.append(claim)


def _measured(notes: Notes, step: int, measurements: Sequence[Measurement]) -> None:
    for m in measurements:
        before = notes.rows.get(m.condition, Row((), ()))
        steps = before.steps if step in before.steps else (*before.steps, step)
        notes.rows[m.condition] = Row(before.values + m.values, steps)


def _read(notes: Notes, observation: Observation) -> None:
    """Take what experiments printed of images and their captions, line by line."""
    where, lines = "", observation.text.splitlines()
    bands: dict[tuple[str, float], list[tuple[float, Claim]]] = {}
    width = 0.0
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        if line.startswith(USUAL):
            values = tuple(float(v) for v in re.findall(NUMBER, following))
            notes.usual = values if len(values) == 101 else notes.usual
        elif match := re.match(rf"of the data from ({NUMBER}) to ({NUMBER}):", line):
            where, width = line, float(match[2]) - float(match[1])
        elif line.startswith(("strongest:", "weakest:", MADE)):
            where, width = line, 0.0
        elif where and (match := re.match(rf"\s*({NUMBER}): (\S.*)", line)):
            if not match[2].startswith("("):  # There stands that nobody knows what it shows.
                content = notes.language.read(match[2])
                bands.setdefault((where, width), []).append((float(match[1]), content))
        else:
            where = ""
    ends = {where.partition(":")[0]: band for (where, width), band in bands.items() if not width}
    for (where, width), band in bands.items():
        if width:
            notes.seen += [Seen(content, value, width / len(band)) for value, content in band]
        elif where.startswith("strongest:"):
            notes.exemplars = tuple(_strong(band, ends.get("weakest", [])))
        elif where.startswith(MADE) and not where.endswith(UNCHANGED):
            notes.made += [Seen(content, value, 1.0) for value, content in band]


def _strong(
    strongest: Sequence[tuple[float, Claim]], weakest: Sequence[tuple[float, Claim]]
) -> Iterator[Claim]:
    """What the strongest images show; of so few that they are the weakest, too, only the upper."""
    highest, lowest = ([value for value, _ in band] for band in (strongest, weakest))
    both = len({*highest} & {*lowest}) > 1
    edge = (max(highest) + min(lowest)) / 2 if both else float("-inf")
    return (content for value, content in strongest if value >= edge)
