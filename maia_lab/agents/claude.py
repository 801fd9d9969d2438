"""A language model at the bench, through the Messages API: Claude, or an open model behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from maia_lab import access
from maia_lab.agents.messages import Conversation, Pixels, conversation
from maia_lab.agents.server import AgentError, Asked, Failures, NoSignature, Server, TooLong
from maia_lab.agents.tools import TOOLS, Unusable, proposal
from maia_lab.brief import brief
from maia_lab.briefing import Briefing
from maia_lab.errors import BudgetError
from maia_lab.events import Answered, Budgeted, Event, Noted, Opened, Repaired, Resumed
from maia_lab.journal.codec import redactor
from maia_lab.loop import Watch
from maia_lab.proposal import Conclusion, Proposal
from maia_lab.spending import Price, Usage

MODEL = "claude-opus-5-5"
"""Where none is configured."""
THINKING = {"type": "adaptive", "display": "summarized"}
REPAIRS = 2
"""Times in a row that the model is told what was wrong before people are."""
PAUSES = 5
"""Times in a row that a server may pause in the middle of an answer."""
MOST_OUTPUT = 16_000
"""Tokens of an answer, thinking included."""
LEAST_OUTPUT = 2_000
"""Tokens within which an answer can be whole."""
NOW = "The budget is used up: call conclude now, with what has been measured."


class ClaudeAgent:
    """Proposes experiments by asking a language model; the journal is all it remembers.

    Attributes:
        name: as it is shown to people.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, tuple[str, ...]] | None = None,
        *,
        pixels: Pixels,
        model: str = "",
        base_url: str = "",
        seed: int = 0,
        server: Server | None = None,
    ) -> None:
        """Name the model and its server; nothing is sent yet.

        Args:
            vocabulary: words by kind that the generator can draw, where it is that limited.
            pixels: finds the session's pictures by hash.
            model: its name; empty for :data:`MODEL`.
            base_url: its server; empty for the vendor's.
            seed: not used: a language model has no seed, and is replayed from the journal.
            server: in place of the model and its address.
        """
        del seed
        self._server = server or Server(model or MODEL, base_url, access.key(base_url))
        self._system, self._pixels = brief(vocabulary), pixels
        self.name = self._server.model

    async def propose(self, briefing: Briefing, watch: Watch) -> Proposal | Conclusion:  # noqa: ARG002
        """Ask for the next step until there is one that can be reviewed."""
        if not (await self._server.abilities()).images:
            raise AgentError(
                self._server.by, "cannot see images", "choose a model with vision, then resume"
            )
        wrong: list[str] = []
        pauses = 0
        while len(wrong) <= REPAIRS:
            answered = await self._answer(watch)
            if answered.answer.stop == "pause_turn" and pauses < PAUSES:
                pauses += 1
                continue
            try:
                reply = _read(answered)
                if isinstance(reply, Proposal) and _told(watch.briefing()):
                    raise Unusable(NOW)
            except Unusable as error:
                wrong.append(str(error))
                watch.keep(Repaired(f"an answer that is no proposal: {error}", str(error)))
            else:
                return reply
        raise AgentError(
            self._server.by,
            f"gave no usable answer {len(wrong)} times ({wrong[-1]})",
            "tell it what to do with a note, then resume",
        )

    async def _answer(self, watch: Watch) -> Asked:
        """One whole answer, kept in the journal; what stands in its way is mended once."""
        mended = False
        while True:
            briefing = watch.briefing()
            said = conversation(briefing.events, self._pixels, self._server.by)
            if surplus := said.surplus:
                watch.keep(Repaired(_dropped(surplus, "to keep requests small"), images=surplus))
                continue
            output, last = self._room(briefing, said)
            if (last or briefing.must_conclude) and not _told(briefing):
                watch.keep(Noted(NOW, by="budget"))
                continue
            body = request(briefing.events, self._system, self._server.model, said, output)
            failed = Failures()
            try:
                asked = await self._server.ask(body, watch.tell, failed)
            except (TooLong, NoSignature) as error:
                fix = _fix(error, said)
                if mended or fix is None:
                    raise AgentError(
                        self._server.by,
                        f"does not take the session's history ({error})",
                        "choose a model with a larger context, or conclude",
                    ) from None
                mended = True
                watch.keep(fix)
                continue
            finally:
                for attempt, why in failed.tries:
                    if attempt.answer.usage.tokens:
                        watch.keep(self._answered(attempt, briefing, why, ""))
            return self._keep(asked, briefing, watch)

    def _keep(self, asked: Asked, briefing: Briefing, watch: Watch) -> Asked:
        """Remember an answer; raises AgentError for those after which the model cannot go on."""
        answer, content = asked.answer, asked.answer.content
        if answer.stop not in ("tool_use", "end_turn", "pause_turn"):
            content = ""
        if redactor()(content) != content:
            # Thinking counts as it was, or not at all; a key in it must not be kept.
            blocks = [b for b in json.loads(content) if "thinking" not in b["type"]]
            content = json.dumps(blocks)
            watch.keep(Repaired("thinking that holds a secret was left out"))
        watch.keep(self._answered(asked, briefing, answer.stop, content))
        by = self._server.by
        match answer.stop:
            case "tool_use" | "end_turn" | "pause_turn" | "max_tokens" | "stop_sequence":
                return asked
            case "refusal":
                why = answer.why or "no reason given"
                raise AgentError(by, f"refuses to go on ({why})", "say more with a note, resume")
            case "model_context_window_exceeded":
                raise AgentError(
                    by, "has no room left in its context", "conclude, or take a larger model"
                )
        raise AgentError(by, f"stopped in a way not known here ({answer.stop})", "try resume")

    def _answered(self, asked: Asked, briefing: Briefing, stop: str, content: str) -> Answered:
        usage, model = asked.answer.usage, asked.answer.model or self._server.model
        price = Price.of(model) or Price.of(self._server.model)
        return Answered(
            model,
            self._server.by,
            content,
            stop,
            usage,
            price.cost(usage) if price else None,
            round(asked.seconds, 3),
            request=asked.request,
            seen=len(briefing.events),
        )

    def _room(self, briefing: Briefing, said: Conversation) -> tuple[int, bool]:
        """How many tokens an answer may have, and whether it has to be the conclusion.

        Every figure is the most that it can be: what is sent is read anew and kept for an hour.

        Raises:
            BudgetError: not even a conclusion can be paid.
        """
        sent, price = _most_tokens(self._system, said), Price.of(self._server.model)
        # What one answer may have, and what a conclusion after it would take: in tokens written.
        rooms = [(MOST_OUTPUT + LEAST_OUTPUT, LEAST_OUTPUT)]
        if (tokens := briefing.tokens_left) is not None:
            rooms.append((tokens - sent, sent + 2 * LEAST_OUTPUT))
        if (money := briefing.money_left) is not None and price is not None:
            once = price.cost(Usage(cache_write_1h=sent))
            again = price.cost(Usage(cache_read=sent, cache_write_1h=2 * LEAST_OUTPUT))
            one = price.output / 1e6
            rooms.append((int((money - once) / one), int(again / one) + LEAST_OUTPUT))
        spare = min(room - reserve for room, reserve in rooms)
        if spare >= LEAST_OUTPUT:
            return min(spare, MOST_OUTPUT), False
        if (least := min(room for room, _ in rooms)) < LEAST_OUTPUT // 2:
            raise BudgetError(
                f"the budget ({briefing.tokens_left or 'no limit of'} tokens,"
                f" ${briefing.money_left or 0:.2f} left)",
                f"does not pay for another request of {sent:,} tokens",
                "raise it, or begin with a larger one",
            )
        return min(least, MOST_OUTPUT), True


def request(
    events: Sequence[Event], system: str, model: str, said: Conversation, most: int = MOST_OUTPUT
) -> dict[str, Any]:
    """The body of a request: what never changes first, then what happened, in order."""
    # A human takes longer over a step than the five minutes that a server keeps what it read.
    keep = {"type": "ephemeral", "ttl": "1h" if _reviewed(events) else "5m"}
    messages = [dict(message) for message in said.messages]
    last = [m for m in messages if m["role"] == "user"][-2:]
    for message in last:
        *before, end = message["content"]
        message["content"] = [*before, end | {"cache_control": keep}]
    return {
        "model": model,
        "max_tokens": most,
        "system": [{"type": "text", "text": system, "cache_control": keep}],
        "tools": TOOLS,
        # Some models take no other choice than "auto".
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        # Only the vendor's models are known to take it; others answer the same request without.
        **({"thinking": THINKING} if model.startswith("claude") else {}),
        "messages": messages,
    }


def _reviewed(events: Sequence[Event]) -> bool:
    policy = "ask"
    for event in events:
        if isinstance(event, Opened):
            policy = event.setting.policy
        elif isinstance(event, Resumed):
            policy = event.policy
    return policy == "ask"


def _told(briefing: Briefing) -> bool:
    """Whether it was told to conclude, and the budget was not raised since."""
    told = False
    for event in briefing.events:
        if isinstance(event, Noted) and event.by == "budget":
            told = True
        elif isinstance(event, Budgeted):
            told = False
    return told


def _read(asked: Asked) -> Proposal | Conclusion:
    if asked.answer.stop == "max_tokens":
        raise Unusable("Your answer was cut off: it was too long. Be brief, and call one tool.")
    name, said = asked.answer.call()
    return proposal(name, said)


def _fix(error: TooLong | NoSignature, said: Conversation) -> Repaired | None:
    if isinstance(error, NoSignature):
        return Repaired("earlier thinking is left out: the server does not know it", thinking=True)
    if not said.images:
        return None
    images = said.oldest_half
    return Repaired(_dropped(images, "the model's context is full"), images=images)


def _dropped(images: Sequence[str], why: str) -> str:
    return f"the {len(images)} oldest pictures are no longer shown to the model: {why}"


def _most_tokens(system: str, said: Conversation) -> int:
    """No fewer tokens than a request has: text at three bytes a token, pictures by their area."""
    words = len(system) + sum(
        len(block["text"].encode()) if block["type"] == "text" else len(json.dumps(block))
        for message in said.messages
        for block in _flat(message["content"])
        if block["type"] != "image"
    )
    return (words + len(json.dumps(TOOLS))) // 3 + said.pixels // 700 + 500


def _flat(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for block in blocks:
        inner = block.get("content") if block["type"] == "tool_result" else None
        found += inner if isinstance(inner, list) else [block]
    return found
