"""A session as the page is told it: every message is read off the journal."""

from __future__ import annotations

from statistics import median

from maia_lab.events import Answered, Noted, Offered
from maia_lab.ledger import Finding
from maia_lab.notebook import wire
from maia_lab.notebook.live import PINNED, STRUCK, Live
from maia_lab.observation import Observation
from maia_lab.proposal import Conclusion
from maia_lab.report.story import Step, Story, predicted
from maia_lab.session import sha256
from maia_lab.state import Phase

_PHASES: dict[Phase, wire.SessionPhase] = {
    Phase.NEW: "thinking",
    Phase.THINKING: "thinking",
    Phase.WAITING: "waiting",
    Phase.APPROVED: "running",
    Phase.RUNNING: "running",
    Phase.SCORED: "scored",
    Phase.PAUSED: "paused",
    Phase.CONCLUDED: "concluded",
    Phase.STOPPED: "stopped",
}
_OUTCOMES: dict[str, wire.StepState] = {
    "done": "done",
    "error": "error",
    "interrupted": "interrupted",
    "limit": "interrupted",
    "unknown": "error",
}


class Told:
    """One session's messages at one moment."""

    def __init__(self, live: Live, active: bool, owner: str) -> None:
        """Read the session as it stands now."""
        self._live, self._active, self._owner = live, active, owner
        # The state first: what happens meanwhile, on another thread, is in the story then.
        self._state = live.session.state
        self._story = Story.read(live.session.journal)
        self._hypotheses = self._standing()
        self._speakers = {e.by for e in live.session.journal.events if isinstance(e, Noted)}

    def steps(self) -> dict[int, wire.Step]:
        """Every step's state."""
        told = {}
        for step in self._story.steps:
            state, words = self._standing_of(step)
            told[step.number] = wire.Step(
                type="step",
                session=self._live.name,
                step=step.number,
                revision=step.offered.revision,
                cell_id=self._live.cell(step.number),
                state=state,
                words=words,
            )
        return told

    def proposal(self) -> wire.Proposal | None:
        """The open proposal, or one that a policy has just approved."""
        state, live = self._live.session.state, self._live
        offered = state.offered
        if offered is None or state.phase not in (Phase.WAITING, Phase.APPROVED):
            return None
        source, proposal = live.source(offered), offered.proposal
        own = offered.step in live.elsewhere
        if own:
            return None
        metadata = wire.CellMetadata(
            session=live.name,
            step=offered.step,
            revision=offered.revision,
            sha=sha256(source),
            state="waiting" if state.phase is Phase.WAITING else "approved",
            agent=offered.by,
        )
        if tokens := self._tokens(offered.step):
            metadata["tokens"] = tokens
        return wire.Proposal(
            type="proposal",
            owner=self._owner,
            session=live.name,
            step=offered.step,
            revision=offered.revision,
            epoch=live.session.journal.epoch,
            kind="conclusion" if isinstance(proposal, Conclusion) else "experiment",
            cell_id=live.cell(offered.step),
            after_cell_id=live.below,
            source=source,
            metadata=metadata,
            agent=offered.by,
            why=proposal.why,
            hypotheses=self._named(offered),
            predictions=[]
            if isinstance(proposal, Conclusion)
            else [{"hypothesis": p.hypothesis, "text": predicted(p)} for p in proposal.predicts],
            # The comment at the head is line 1 of the cell.
            flags=[
                {"kind": f.kind, "text": f.text, "line": f.line + 1 if f.line else 0}
                for f in offered.flags
            ],
            estimate=self._estimate(proposal, tokens),
            run=False,
        )

    def session(self) -> wire.SessionState:
        """The session in full."""
        live, state = self._live, self._live.session.state
        opened, setting = live.session.opened, live.session.opened.setting
        made = [f"drawn by {setting.generator}" if setting.generator else "nothing is drawn"]
        made += [f"edited by {setting.editor}"] if setting.editor else []
        steps = self.steps()
        minutes = live.session.seconds / 60
        return wire.SessionState(
            type="session",
            session=live.name,
            unit=str(opened.question.unit),
            phase=_PHASES[state.phase],
            words=str(state),
            active=self._active,
            magic_cell_id=live.magic,
            agent=setting.agent,
            world=", ".join([setting.data, *made]),
            policy=live.policy,
            auto_left=live.auto_left,
            steps=[
                {
                    "step": step.number,
                    "cell_id": live.cell(step.number),
                    "state": steps[step.number]["state"],
                    "why": step.offered.proposal.why,
                    "by": step.offered.by,
                }
                for step in self._story.steps
            ],
            hypotheses=list(self._hypotheses.values()),
            budget=f"step {state.step} of {setting.max_steps},"
            f" {minutes:.0f} of {setting.max_seconds / 60:.0f} min{self._spent()}",
        )

    def _standing_of(self, step: Step) -> tuple[wire.StepState, str]:
        live, state = self._live, self._state
        seen, last = step.observation, step.number == state.step
        if seen is None:
            phase = state.paused_in if state.phase is Phase.PAUSED else state.phase
            if step.sent_back:
                return "rejected", step.decisions[-1][1]
            if last and phase is Phase.RUNNING:
                return "running", ""
            if last and phase is Phase.APPROVED:
                return "approved", "not yet run"
            if last and phase is Phase.WAITING:
                paused = state.phase is Phase.PAUSED
                return "waiting", "paused; go on with %maia resume" if paused else "waits for you"
            if step.number in live.session.ran:
                return "interrupted", "the session ended while it ran"
            return "rejected", "never ran"
        took = f"{seen.seconds:.1f} s"
        if step.accepted is not None:
            return "accepted", "the description stands"
        if step.number in live.rerun:
            return "edited-after", "changed after it was done; the session goes by what ran first"
        if isinstance(step.offered.proposal, Conclusion) and seen.outcome == "done":
            if step.sent_back:
                return "done", f"not yet: {step.decisions[-1][1]}"
            return "scored", "; ".join([f"took {took}", *(f.text for f in step.offered.flags)])
        words = _came_out(seen, took)
        if step.edited:
            words += ", as edited"
        if f"step {step.number}" in self._speakers:
            words += "; its threads printed more after it had ended"
        return _OUTCOMES[seen.outcome], words

    def _standing(self) -> dict[str, wire.Hypothesis]:
        notes = [e.text for e in self._live.session.journal.events if isinstance(e, Noted)]
        pinned = {found[1] for text in notes if (found := PINNED.fullmatch(text))}
        struck = {found[1] for text in notes if (found := STRUCK.fullmatch(text))}
        findings = self._story.ledger.findings
        return {
            name: _hypothesis(name, text, findings.get(name), name in pinned, name in struck)
            for name, text in self._live.hypotheses.items()
        }

    def _named(self, offered: Offered) -> list[wire.Hypothesis]:
        proposal = offered.proposal
        if isinstance(proposal, Conclusion):
            names = [e.hypothesis for e in proposal.evidence]
        else:
            names = [p.hypothesis for p in proposal.predicts]
            names = names or [h.id for h in proposal.hypotheses]
        return [self._hypotheses[n] for n in dict.fromkeys(names) if n in self._hypotheses]

    def _estimate(self, proposal: object, tokens: int) -> str:
        took = self._live.seconds
        words = [f"similar steps took {median(took):.1f} s"] if took else []
        if isinstance(proposal, Conclusion):
            words = ["scores it on held-out images"]
        return ", ".join(words + ([f"{tokens:,} tokens to write"] if tokens else []))

    def _spent(self) -> str:
        """What a language model's words have cost, and may."""
        spent, setting = self._live.session.spent, self._live.session.opened.setting
        if not spent.requests:
            return ""
        limits = [f"{setting.max_tokens:,} tokens"] if setting.max_tokens else []
        limits += [f"${setting.max_money:.2f}"] if setting.max_money else []
        return f", {spent}" + (f" (at most {' and '.join(limits)})" if limits else "")

    def _tokens(self, step: int) -> int:
        """Tokens of the requests that came to a step's proposal: captions and ratings are none."""
        tokens = 0
        for event in self._live.session.journal.events:
            match event:
                case Answered(usage=usage, purpose="step"):
                    tokens += usage.tokens
                case Offered(step=number, revision=1) if number < step:
                    tokens = 0
                case Offered(step=number) if number == step:
                    break
                case _:
                    continue
        return tokens


def _came_out(seen: Observation, took: str) -> str:
    if seen.outcome == "done":
        return f"took {took}"
    last = seen.error.strip().splitlines() or [seen.outcome]
    return f"after {took}: {last[-1]}"


def _hypothesis(
    name: str, text: str, finding: Finding | None, pinned: bool, struck: bool
) -> wire.Hypothesis:
    return wire.Hypothesis(
        id=name,
        text=text,
        status="struck" if struck else finding.status if finding else "untested",
        speaks_for=[str(c) for c in finding.speaking("for")] if finding else [],
        speaks_against=[str(c) for c in finding.speaking("against")] if finding else [],
        pinned=pinned,
    )
