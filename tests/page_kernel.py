"""An IPython extension that says to the page what a test tells it to, and keeps what it answers.

``%load_ext page_kernel`` opens the comm; ``kernel`` is then the :class:`PageKernel`.
"""

from __future__ import annotations

import hashlib
from typing import Any

from comm import create_comm

from maia_lab.notebook import wire

CODE = "values, masks = system(images)\nprint(values)"

CLAIMS = [
    {
        "id": "H1",
        "text": "it fires for red things, whatever their shape",
        "status": "supported",
        "speaks_for": ["red circle above blue circle, +2.1"],
        "speaks_against": [],
        "pinned": False,
    },
    {
        "id": "H2",
        "text": "it fires for round things",
        "status": "untested",
        "speaks_for": [],
        "speaks_against": [],
        "pinned": False,
    },
]


class PageKernel:
    """Offers steps, acknowledges every verdict, and lets no journal or agent be needed."""

    def __init__(self, shell: Any) -> None:
        self.shell, self.heard, self.refuse = shell, [], ""
        self.owner, self.phase, self.lines, self.open, self.steps = "", "thinking", [], {}, []
        self.conclusions: list[dict[str, Any]] = []
        self.magic: str | None = None
        self.comm = create_comm(
            target_name=wire.TARGET,
            data={
                "type": "hello",
                "protocol": wire.PROTOCOL,
                "version": self.version,
                "epoch": "e1",
            },
        )
        self.comm.on_msg(lambda message: self.hear(message["content"]["data"]))

    version = "0.1.0"

    def hear(self, said: dict[str, Any]) -> None:
        self.heard.append(said)
        if said["type"] == "hello":
            self.owner = said["client"]
            self.comm.send(self.everything())
        elif "id" in said:
            self.comm.send(
                {"type": "answer", "re": said["id"], "ok": not self.refuse, "why": self.refuse}
            )
            if not self.refuse and said["type"] in ("approve", "reject"):
                self.open = {}
                state = "approved" if said["type"] == "approve" else "rejected"
                self.say_step(said["ticket"]["step"], state, said["note"])

    def everything(self) -> dict[str, Any]:
        proposals = [self.open] if self.open else []
        return {
            "type": "state",
            "epoch": "e1",
            "version": self.version,
            "owner": self.owner,
            "sessions": [self.session()] if self.lines else [],
            "proposals": proposals,
            "steps": self.steps,
            "conclusions": self.conclusions,
        }

    def session(self) -> dict[str, Any]:
        return {
            "type": "session",
            "session": "amber-fox",
            "unit": "scenes/layer4/31",
            "phase": self.phase,
            "words": f"step {len(self.lines)}, {self.phase}",
            "active": True,
            "magic_cell_id": self.magic,
            "agent": "offline",
            "world": "scenes",
            "policy": "ask",
            "auto_left": 0,
            "steps": self.lines,
            "hypotheses": CLAIMS,
            "budget": f"step {len(self.lines)} of 25, 1 of 30 min",
        }

    def propose(self, code: str = CODE, *, after: str | None = None, **changes: Any) -> None:
        step = len(self.lines) + 1
        source = f"# maia: amber-fox/{step} · tests: fires for red things\n{code}"
        cell = f"amber-fox-{step}"
        metadata = {
            "session": "amber-fox",
            "step": step,
            "revision": 1,
            "sha": hashlib.sha256(source.encode()).hexdigest(),
            "state": "waiting",
            "agent": "offline",
        }
        proposal = {
            "type": "proposal",
            "owner": self.owner,
            "session": "amber-fox",
            "step": step,
            "revision": 1,
            "epoch": "e1",
            "kind": "experiment",
            "cell_id": cell,
            "after_cell_id": after or self.after(),
            "source": source,
            "metadata": metadata,
            "agent": "offline",
            "why": "Compares colours on the same shapes.",
            "hypotheses": CLAIMS,
            "predictions": [
                {"hypothesis": "H1", "text": "red circle above blue circle"},
                {"hypothesis": "H2", "text": "no difference"},
            ],
            "flags": [
                {"kind": "risk", "text": "opens a file for writing", "line": 3},
                {"kind": "method", "text": "a single image per condition", "line": 0},
            ],
            "estimate": "similar steps took 4 s",
            "run": False,
            **changes,
        }
        self.open = proposal
        self.phase = "waiting"
        self.lines.append(
            {
                "step": step,
                "cell_id": cell,
                "state": "waiting",
                "why": proposal["why"],
                "by": "offline",
            }
        )
        self.comm.send(proposal)
        self.comm.send(self.session())

    def after(self) -> str | None:
        return self.lines[-1]["cell_id"] if self.lines else self.magic

    def say_step(self, step: int, state: str, words: str = "", **more: Any) -> None:
        said = {
            "type": "step",
            "session": "amber-fox",
            "step": step,
            "revision": 1,
            "cell_id": f"amber-fox-{step}",
            "state": state,
            "words": words,
        }
        self.steps = [item for item in self.steps if item["step"] != step] + [said]
        self.lines[step - 1]["state"] = state
        self.comm.send({**said, **more})

    def say_session(self, phase: str) -> None:
        self.phase = phase
        self.comm.send(self.session())

    def ran(self, result: Any) -> None:
        """Settle the step whose cell just ran."""
        for line in self.lines:
            if line["cell_id"] == result.info.cell_id and line["state"] == "approved":
                self.say_step(line["step"], "done" if result.success else "error", "0.1 s")


def load_ipython_extension(shell: Any) -> None:
    """Bind ``kernel`` and open its comm."""
    kernel = PageKernel(shell)
    shell.user_ns["kernel"] = kernel
    shell.events.register("post_run_cell", kernel.ran)
    kernel.magic = shell.kernel.get_parent()["metadata"].get("cellId")
