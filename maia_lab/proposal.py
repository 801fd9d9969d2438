"""What an agent says: one more experiment, or its conclusion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One claim about the unit that an experiment can contradict."""

    id: str
    """Short and stable over the session: ``H1``."""
    text: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a hypothesis says will be measured, written down before it is."""

    hypothesis: str
    """The hypothesis's id."""
    higher: tuple[str, ...]
    """Conditions, by the names given to ``tools.compare``, that will be higher …"""
    lower: tuple[str, ...] = ()
    """… than these; empty stands for the comparison's control."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An experiment someone would like to run."""

    why: str
    """What it tests, in one line a reviewer reads first."""
    code: str
    """Python over ``system`` and ``tools``; self-contained."""
    hypotheses: tuple[Hypothesis, ...] = ()
    """The claims as they now stand; new ids are added, known ids may be reworded."""
    predicts: tuple[Prediction, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The steps on which a conclusion rests one of its claims."""

    hypothesis: str
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One field of an answer, where a task asks for more than a description."""

    about: str
    """What it is about, in the task's own terms: a unit's address, a condition's name."""
    says: str


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The agent's answer. Its code scores it on images that nobody has looked at."""

    description: str
    """One sentence or two, for a person."""
    labels: tuple[str, ...]
    """What makes the unit active, each a phrase of its own; any one of them is enough. Empty when
    nothing nameable was found, which the description then says."""
    suppressed_by: tuple[str, ...] = ()
    """What lowers the unit although a label is there."""
    evidence: tuple[Evidence, ...] = ()
    not_tested: str = ""
    """What the claim covers and the experiments did not."""
    answers: tuple[Answer, ...] = ()
    """What the task asks for beside a description."""

    @property
    def why(self) -> str:
        """The line a reviewer reads first."""
        return f"concludes: {self.description}"

    @property
    def code(self) -> str:
        """The cell that scores it."""
        lines = [f"    description={self.description!r},", f"    labels={list(self.labels)!r},"]
        if self.suppressed_by:
            lines.append(f"    suppressed_by={list(self.suppressed_by)!r},")
        if self.answers:
            lines += ["    answers={"]
            lines += [f"        {answer.about!r}: {answer.says!r}," for answer in self.answers]
            lines += ["    },"]
        return "\n".join(["scores = tools.conclude(", *lines, ")"])
