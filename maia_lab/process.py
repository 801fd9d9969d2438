"""How a session went about it: what it tried to refute, controlled, repeated, and spent late."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from maia_lab.events import Event, Observed, Offered
from maia_lab.ledger import Ledger
from maia_lab.proposal import Conclusion, Proposal


def measures(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Each under its name, in words; none where nothing was measured."""
    events = list(events)
    ledger = Ledger.fold(events)
    rows = [m for _, m in ledger.measurements]
    if not rows:
        return []
    checks = [check for finding in ledger.findings.values() for check in finding.checks]
    against = [check for check in checks if check.lower not in ("control", "")]
    compared = {(step, m.comparison) for step, m in ledger.measurements}
    controlled = {
        (step, m.comparison)
        for step, m in ledger.measurements
        if not m.control and not m.prompts and m.plain == "control"
    }
    sizes = [len(set(m.bases)) for m in rows]
    failed = sum(check.speaks == "against" for check in checks)
    confirmed = sum(f.confirmed_in is not None for f in ledger.findings.values())
    told = [
        ("attempts to refute", f"{len(against)} predicted differences from a rival condition"),
        ("came out against", f"{failed} of {len(checks)} predicted differences"),
        ("controls", f"{len(controlled)} of {len(compared)} comparisons beside random data"),
        ("replicates", f"{median(sizes):g} images a condition, {sizes.count(1)} with one alone"),
        ("confirmed on fresh images", f"{confirmed} of {len(ledger.findings)} hypotheses"),
    ]
    if spent := after_the_answer(events):
        told.append(("spent after the answer", f"{spent[0]} of {spent[1]} steps"))
    return told


def after_the_answer(events: Iterable[Event]) -> tuple[int, int] | None:
    """Experiments that ran after the last concluded hypothesis was first stated, and all that ran.

    None where nothing was concluded, or no hypothesis cited.
    """
    first: dict[str, int] = {}
    offered: set[int] = set()
    ran: list[int] = []
    cited: tuple[str, ...] = ()
    for event in events:
        match event:
            case Offered(step=step, proposal=Proposal() as proposal):
                offered.add(step)
                for h in proposal.hypotheses:
                    first.setdefault(h.id, step)
            case Offered(proposal=Conclusion() as conclusion):
                cited = tuple(e.hypothesis for e in conclusion.evidence if e.hypothesis in first)
            case Observed(step=step) if step in offered:
                ran.append(step)
            case _:
                continue
    if not cited:
        return None
    stated = max(first[name] for name in cited)
    return sum(step > stated for step in ran), len(ran)
