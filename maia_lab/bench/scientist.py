"""Words for the loopback server: a scientist who looks, tests what it saw, and concludes.

It reads nothing but the request, as a model would: captions and the ledger's lines.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from maia_lab.bench.loopback import Block, Reply, call

LOOK = """\
strong = tools.dataset_exemplars(system, count=8)
weak = tools.dataset_exemplars(system, count=8, stratum="bottom")
tools.display(strong)
for name, group in (("strong", strong), ("weak", weak)):
    for text in tools.describe_images([image for _, image in group]):
        print(name + ":", text)
"""
COMPARE = """\
words = {words}
print(tools.compare({{word: tools.text2image(word, per_prompt=5, seed={seed}) for word in words}}))
"""
LEFT_OUT = {"a", "an", "and", "the", "on", "in", "of", "with", "is", "at", "to"}


def scientist(body: Block, number: int) -> Reply:
    """What to say next, given everything said so far."""
    told = [_text(message) for message in body["messages"] if message["role"] == "user"]
    turn = sum(message["role"] == "assistant" for message in body["messages"])
    id = f"toolu_{number:03d}"
    words = _candidates("\n".join(told))
    best = _best("\n".join(told))
    now = "call conclude now" in told[-1]
    if turn == 0 and not now:
        said: dict[str, Any] = {
            "why": "See what drives the unit most and least, before any hypothesis.",
            "hypotheses": [],
            "predicts": [],
            "code": LOOK,
        }
        return Reply(call("run_experiment", said, id, "First I look at both ends."))
    if turn <= 2 and words and not now:
        tested = words[:3] if turn == 1 else [best or words[0], *words[3:5]]
        hypotheses = [{"id": f"H{i + 1}", "text": f"fires for {w}"} for i, w in enumerate(tested)]
        lower = tested[1:]
        said = {
            "why": f"If {tested[0]} does not beat the others, H1 falls.",
            "hypotheses": hypotheses,
            "predicts": [{"hypothesis": "H1", "higher": tested[:1], "lower": lower}],
            "code": COMPARE.format(words=tested, seed=turn),
        }
        return Reply(call("run_experiment", said, id, "Which of these words matters?"))
    label = best or (words[0] if words else "")
    said = {
        "description": f"It is active when there is {label}." if label else "Nothing nameable.",
        "labels": [label] if label else [],
        "suppressed_by": [],
        "evidence": [{"hypothesis": "H1", "steps": [2, 3]}] if best else [],
        "not_tested": "positions, sizes and combinations of three things",
        "answers": [],
    }
    return Reply(call("conclude", said, id, "That is enough."))


def _text(message: Block) -> str:
    parts = []
    for block in message["content"]:
        inner = block["content"] if block["type"] == "tool_result" else [block]
        parts += [b["text"] for b in inner if b["type"] == "text"]
    return "\n".join(parts)


def _candidates(told: str) -> list[str]:
    """Words of the strong captions, by how much more often they stand there."""
    counts: Counter[str] = Counter()
    for kind, caption in re.findall(r"^(strong|weak): (.*)$", told, re.MULTILINE):
        for word in set(re.findall(r"[a-z]+", caption.lower())) - LEFT_OUT:
            counts[word] += 1 if kind == "strong" else -1
    return [word for word, n in counts.most_common() if n > 0]


def _best(told: str) -> str:
    """The condition that stood highest above the control, by the ledger's lines."""
    lines = re.findall(r"^- (.+?): n=\d+, mean [^,]+, sd [^,]+, ([+-][\d.e-]+) against", told, re.M)
    return max(lines, key=lambda line: float(line[1]))[0] if lines else ""
