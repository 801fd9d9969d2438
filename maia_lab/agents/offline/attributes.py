"""What the strongest images need: each attribute is taken away by an edit that needs no model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from maia_lab.agents.offline import cells
from maia_lab.agents.offline.judgement import KEPT, LOST
from maia_lab.agents.offline.notes import Notes
from maia_lab.agents.offline.question import TAKEN, Asked
from maia_lab.comparison import difference
from maia_lab.ledger import Finding, Ledger
from maia_lab.observation import Measurement
from maia_lab.proposal import Answer, Conclusion, Hypothesis, Prediction, Proposal

AS_IT_WAS = "as it was"
CAVEAT = (
    "images that were not chosen by their activation (any strong change takes something from those"
    " that were); what else these edits change: patches get new borders, what is covered gets flat,"
    " a drawing has no light and shade, and what lies in the centre need not be the object"
)
SCALE = (
    "(The answer is how far these strong images lie above the median image. They were chosen by"
    " it; each experiment changed others of them. What an edit changes besides may be what"
    " matters.)"
)
CODE = """\
# {kind}: without {attributes}, how much of the answer is left?
count = max(8, min(40, len(system.reference.values) // 8))
# Every second one of the strongest: the others are for another step.
strongest = [image for _, image in tools.dataset_exemplars(system, count)][{start}::2]
conditions = {{"{as_it_was}": strongest}} | {{
    # edit_images returns originals and edits interleaved: every second one is an edit.
    edit: tools.edit_images(strongest, edit)[0][1::2]
    for edit in {edits}
}}
comparison = tools.compare(conditions, control="{as_it_was}")
print(comparison)
for measured in comparison.conditions:
    shown = list(zip(measured.values, conditions[measured.condition]))
    tools.display(measured.condition, shown[:6])
"""


def experiment(kind: str, attributes: Iterable[str], notes: Notes) -> Proposal:
    """Take each attribute away from the same images, others of them where ``kind`` is Fresh."""
    edits = {a: TAKEN[a] for a in attributes}
    needs = {a: needed(a, notes) for a in edits}
    fresh = kind == "Fresh"
    return Proposal(
        "Once more, on strong images that were not changed before."
        if fresh
        else "Take away what the question asks about, from the strongest images: what is left?",
        CODE.format(
            kind=kind,
            attributes=" or ".join(edits),
            start=int(fresh),
            edits=cells.listed(dict.fromkeys(e for pair in edits.values() for e in pair[::-1])),
            as_it_was=AS_IT_WAS,
        ),
        tuple(needs.values()),
        tuple(Prediction(needs[a].id, (other,), (edit,)) for a, (edit, other) in edits.items()),
    )


def needed(attribute: str, notes: Notes) -> Hypothesis:
    """That the unit answers less without an attribute."""
    edit, other = TAKEN[attribute]
    return notes.hypothesis(f"It needs {attribute}: {edit!r} takes more than {other!r} does.")


def conclusion(about: Asked, notes: Notes, ledger: Ledger) -> Conclusion:
    """What each edit left of the answer, and what that does not tell."""
    claims = {a: needed(a, notes) for a in about.kinds}
    findings = {a: ledger.findings.get(h.id, Finding(h)) for a, h in claims.items()}
    found = {a: _found(a, ledger, finding) for a, finding in findings.items()}
    others = [*about.unknown, *(notes.language.say(claim) for claim in about.claims)]
    if about.among is not None:
        others.append(f"{notes.language.say(about.among)} alone")
    strange = f"; nothing of {', '.join(others)}" if others else ""
    return Conclusion(
        f"{' '.join(dict.fromkeys(found.values()))} {SCALE}",
        (),
        not_tested=f"{CAVEAT}{strange}.",
        answers=tuple(Answer(attribute, says) for attribute, says in found.items()),
    )


def _found(attribute: str, ledger: Ledger, finding: Finding) -> str:
    """What was found of an attribute, with the figures of all images together."""
    base, edit, other = (_all(name, ledger) for name in (AS_IT_WAS, *TAKEN[attribute]))
    usual = base.usual[2] if base is not None and base.usual else 0.0
    if base is None or edit is None or other is None or base.mean <= usual:
        return "Not answered: nothing was measured that drives the unit above the median image."
    rise = base.mean - usual
    takes, takes_too = ((base.mean - m.mean) / rise for m in (edit, other))
    more, low, high = (x / rise for x in difference(other, edit)[:3])
    steps = {check.step for check in finding.speaking("for")}
    if len(steps) > 1 and finding.status != "contradicted":
        verdict = "matters" if takes > 1 - KEPT else "matters in part"
    elif takes_too >= 1 - LOST:
        verdict = f"cannot be told, for {other.condition!r} alone takes the answer"
    elif steps or low > 0:
        verdict = "may matter, and that was not clear twice"
    else:
        verdict = "was not found to matter"
    return (
        f"{attribute.capitalize()} {verdict}: {edit.condition!r} takes {takes:.0%} of the answer,"
        f" and {other.condition!r} {takes_too:.0%}; the difference is {more:.0%} [{low:.0%},"
        f" {high:.0%}] over {edit.n} images."
    )


def _all(condition: str, ledger: Ledger) -> Measurement | None:
    """A condition over every step that measured it."""
    rows = [m for _, m in ledger.measurements if m.condition == condition and not m.unit]
    if not rows:
        return None
    values = tuple(value for m in rows for value in m.values)
    bases = tuple(base for m in rows for base in m.bases)
    return replace(rows[0], values=values, bases=bases, mean=sum(values) / len(values))
