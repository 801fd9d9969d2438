"""A real kernel, and a front end that does no more than it is asked to.

It sends cells and, where it has the labextension, speaks on the comm as the page does.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from maia_lab.notebook.wire import PROTOCOL, TARGET
from maia_lab.version import __version__

Message = dict[str, Any]
"""Of the comm, as a dictionary: see :mod:`maia_lab.notebook.wire`."""
Outputs = list[tuple[str, dict[str, Any]]]
"""What a cell put out, in order: (message type, content)."""
SHOWN = ("stream", "display_data", "execute_result", "error")


def start(environment: Mapping[str, str] | None = None) -> KernelManager:
    """Start a kernel in a process of its own, as this process is set up."""
    manager = KernelManager(kernel_name="python3")
    own = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    quiet = ["--log-level=40"]  # It would warn that its sockets are not encrypted.
    here = str(Path(__file__).parents[2])
    manager.start_kernel(cwd=here, env=own, extra_arguments=quiet)
    return manager


class FrontEnd:
    """One client of a kernel.

    Attributes:
        id: by which the kernel knows it.
        about: the session whose messages are waited for; empty: of any.
        comm: the comm's id, once the kernel has opened it.
        told: messages on the comm that nobody has looked at yet.
        labextension: whether it answers the comm; else it hangs up, as JupyterLab does.
        ignored: it does neither, as a front end that knows no comms.
    """

    def __init__(self, manager: KernelManager, labextension: bool = False) -> None:
        """Connect, and wait until the kernel answers."""
        self.manager, self.labextension, self.ignored = manager, labextension, False
        self.about, self.comm = "", ""
        self.told: list[Message] = []
        # The manager's own client would share one identity. Only by the manager is it known, on a
        # busy machine, that a kernel which does not answer yet is alive.
        self.client: Any = BlockingKernelClient(parent=manager)
        self.client.load_connection_file(manager.connection_file)
        self.client.start_channels()
        self.client.wait_for_ready(60)
        self.id = str(self.client.session.session)

    def run(
        self, code: str, cell_id: str | None = None, timeout: float = 60
    ) -> tuple[dict[str, Any], Outputs]:
        """Run a cell; returns the reply's content, and everything that it put out."""
        return self.outcome(self.begin(code, cell_id), timeout)

    def begin(self, code: str, cell_id: str | None = None) -> str:
        """Have a cell run; returns what :meth:`outcome` waits for."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": False}
        message = self.client.session.msg("execute_request", content)
        if cell_id:
            message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def outcome(self, sent: str, timeout: float = 60) -> tuple[dict[str, Any], Outputs]:
        """Wait until a cell has run."""
        outputs: Outputs = []
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            message = self._next(0.5)
            if message is None or message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind in SHOWN:
                outputs.append((kind, content))
        else:
            raise TimeoutError(f"the cell did not end: {outputs}")
        while True:
            reply = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == sent:
                return reply["content"], outputs

    def heard(self, text: str) -> None:
        """Wait until a cell prints this."""
        while True:
            message = self._next(60)
            if message is None:
                raise TimeoutError(f"nothing printed {text!r}")
            if message["msg_type"] == "stream" and text in message["content"]["text"]:
                return

    # What the page does.

    def hello(self, **changed: object) -> None:
        """Say that a page is there."""
        said = {"type": "hello", "protocol": PROTOCOL, "version": __version__, "client": self.id}
        self.send({**said, "sessions": {}, **changed})

    def send(self, message: Message) -> None:
        """Send a message on the comm."""
        content = {"comm_id": self.comm, "data": message}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def ask(self, message: Message, timeout: float = 60) -> Message:
        """Send a message, and return the kernel's answer to it."""
        message = {"id": os.urandom(4).hex(), **message}
        self.send(message)
        return self.until(lambda m: m["type"] == "answer" and m["re"] == message["id"], timeout)

    def until(self, wanted: Callable[[Message], bool], timeout: float = 60) -> Message:
        """The first message on the comm that is wanted, of those not looked at yet."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for index, message in enumerate(self.told):
                if wanted(message):
                    return self.told.pop(index)
            self._next(min(0.2, timeout))
        told = [{k: m.get(k) for k in ("type", "session", "step", "words")} for m in self.told]
        raise TimeoutError(f"not among {told[-6:]}")

    def proposal(self, timeout: float = 60) -> Message:
        """The next proposal."""
        return self.until(lambda m: m["type"] == "proposal" and self._minds(m), timeout)

    def step(self, step: int, *states: str, timeout: float = 60) -> Message:
        """Wait until a step is in one of these states."""
        return self.until(
            lambda m: (
                m["type"] == "step"
                and m["step"] == step
                and m["state"] in states
                and self._minds(m)
            ),
            timeout,
        )

    def ticket(self, proposal: Message, source: str | None = None) -> Message:
        """The right to decide a proposal, for this text."""
        source = proposal["source"] if source is None else source
        return {
            **{k: proposal[k] for k in ("session", "step", "revision", "epoch")},
            "sha256": hashlib.sha256(str(source).encode()).hexdigest(),
        }

    def approve(self, proposal: Message, source: str | None = None, **changed: object) -> Message:
        """Ask for a text to be let through as the open step."""
        source = proposal["source"] if source is None else source
        message = {
            "type": "approve",
            "ticket": self.ticket(proposal, source),
            "cell_id": proposal["cell_id"],
            "source": source,
            "note": "",
        }
        return self.ask({**message, **changed})

    def approve_and_run(
        self, proposal: Message, source: str | None = None
    ) -> tuple[dict[str, Any], Outputs]:
        """Approve a proposal, perhaps edited, and run its cell."""
        answer = self.approve(proposal, source)
        assert answer["ok"], answer
        return self.run(source or proposal["source"], proposal["cell_id"])

    def close(self) -> None:
        """Disconnect."""
        self.client.stop_channels()
        self.client.context.destroy(0)

    def _minds(self, message: Message) -> bool:
        return self.about in ("", message["session"])

    def _next(self, timeout: float) -> Mapping[str, Any] | None:
        try:
            message: Mapping[str, Any] = self.client.get_iopub_msg(timeout=timeout)
        except Empty:
            return None
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open" and content["target_name"] == TARGET and not self.ignored:
            self.comm = content["comm_id"]
            if self.labextension:
                self.hello()
            else:
                closing = {"comm_id": self.comm, "data": {}}
                self.client.shell_channel.send(self.client.session.msg("comm_close", closing))
        elif kind == "comm_msg" and content["comm_id"] == self.comm:
            self.told.append(content["data"])
        return message


def text(outputs: Outputs) -> str:
    """All text of a cell's outputs, without colours."""
    parts = []
    for kind, content in outputs:
        if kind == "stream":
            parts.append(content["text"])
        elif kind == "error":
            parts.append("\n".join(content["traceback"]))
        else:
            parts.append(content["data"].get("text/plain", ""))
    return re.sub(r"\x1b\[[\d;]*m", "", "".join(parts))
