"""A real kernel, and a front end that does no more than a test asks of it."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path
from queue import Empty

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]


class FrontEnd:
    """Sends cells and, where it has the labextension, speaks on the comm."""

    def __init__(self, manager, labextension=False):
        self.manager, self.labextension = manager, labextension
        self.client = BlockingKernelClient()  # The manager's own would share one identity.
        self.client.load_connection_file(manager.connection_file)
        self.client.start_channels()
        self.client.wait_for_ready(60)
        self.comm, self.told, self.ignored = None, [], False

    @property
    def id(self):
        return self.client.session.session

    def run(self, code, cell_id=None, wait=True, timeout=60):
        """Run a cell; returns (reply content, everything it put out as (kind, content))."""
        message = self.client.session.msg(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": False,
            },
        )
        if cell_id:
            message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        sent = message["header"]["msg_id"]
        return self.outcome(sent, timeout) if wait else sent

    def outcome(self, sent, timeout=60):
        outputs, end = [], time.monotonic() + timeout
        while time.monotonic() < end:
            message = self._next(0.5)
            if message is None:
                continue
            own = message["parent_header"].get("msg_id") == sent
            kind = message["msg_type"]
            if own and kind == "status" and message["content"]["execution_state"] == "idle":
                break
            if own and kind in ("stream", "display_data", "execute_result", "error"):
                outputs.append((kind, message["content"]))
        else:
            raise TimeoutError(f"the cell did not end: {outputs}")
        while True:
            reply = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == sent:
                return reply["content"], outputs

    def heard(self, text):
        """Wait until a cell prints this."""
        while True:
            message = self._next(10)
            if message["msg_type"] == "stream" and text in message["content"]["text"]:
                return

    def send(self, message):
        self.client.shell_channel.send(
            self.client.session.msg("comm_msg", {"comm_id": self.comm, "data": message})
        )

    def ask(self, message, timeout=20):
        """Send a message, and return the kernel's answer to it."""
        message = {"id": os.urandom(4).hex(), **message}
        self.send(message)
        return self.until(lambda m: m["type"] == "answer" and m["re"] == message["id"], timeout)

    def until(self, wanted, timeout=60):
        """The first message on the comm that is wanted, of those not looked at yet."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for index, message in enumerate(self.told):
                if wanted(message):
                    return self.told.pop(index)
            self._next(min(0.2, timeout))
        raise TimeoutError(f"not among {[(m['type'], m) for m in self.told][-6:]}")

    def proposal(self, timeout=60):
        return self.until(lambda m: m["type"] == "proposal", timeout)

    def step(self, step, *states, timeout=60):
        return self.until(
            lambda m: m["type"] == "step" and m["step"] == step and m["state"] in states, timeout
        )

    def ticket(self, proposal, source=None):
        source = proposal["source"] if source is None else source
        return {
            **{k: proposal[k] for k in ("session", "step", "revision", "epoch")},
            "sha256": hashlib.sha256(source.encode()).hexdigest(),
        }

    def approve(self, proposal, source=None, **changed):
        source = proposal["source"] if source is None else source
        message = {
            "type": "approve",
            "ticket": self.ticket(proposal, source),
            "cell_id": proposal["cell_id"],
            "source": source,
            "note": "",
        }
        return self.ask({**message, **changed})

    def approve_and_run(self, proposal, source=None):
        answer = self.approve(proposal, source)
        assert answer["ok"], answer
        return self.run(source or proposal["source"], proposal["cell_id"])

    def hello(self, **changed):
        self.send(
            {
                "type": "hello",
                "protocol": 1,
                "version": "0.0.0",
                "client": self.id,
                "sessions": {},
                **changed,
            }
        )

    def close(self):
        self.client.stop_channels()
        self.client.context.destroy(0)

    def _next(self, timeout):
        try:
            message = self.client.get_iopub_msg(timeout=timeout)
        except Empty:
            return None
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open" and content["target_name"] == "maia-lab" and not self.ignored:
            self.comm = content["comm_id"]
            if self.labextension:
                self.hello()
            else:
                self.client.shell_channel.send(
                    self.client.session.msg("comm_close", {"comm_id": self.comm, "data": {}})
                )
        elif kind == "comm_msg" and content["comm_id"] == self.comm:
            self.told.append(content["data"])
        return message


def start():
    """A kernel in a process of its own, in the repository."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(ROOT), env={**os.environ, "OMP_NUM_THREADS": "1"})
    return manager


def text(outputs):
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
