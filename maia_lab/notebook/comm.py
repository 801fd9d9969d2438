"""The line to the page: who is there, what may be said, and why nobody answers."""

from __future__ import annotations

import json
import logging
import threading
import types
from collections.abc import Callable, Mapping
from typing import (
    Any,
    Literal,
    NotRequired,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from maia_lab.errors import MaiaError
from maia_lab.notebook import wire
from maia_lab.version import __version__

log = logging.getLogger(__name__)
MESSAGES = {get_args(get_type_hints(kind)["type"])[0]: kind for kind in get_args(wire.FromPage)}
LACKING = "no labextension: pip install maia-lab where jupyter lab runs, then reload"
ABSENCE = 2.0
"""Seconds a page has to say that it is still there."""


class Malformed(MaiaError):
    """A message that is not one of :data:`wire.FromPage`."""


class Link:
    """One comm to all pages of the notebook, and who of them owns it.

    Its handlers run on whatever thread the kernel takes messages on, also while a cell runs.

    Attributes:
        epoch: of this kernel: tickets and pages of another are void.
        owner: the page that inserts and runs cells; empty: none yet.
        why: which page is there; else why none is, and what to do.
        sessions: cell id → session, as the notebook's cells say.
    """

    def __init__(
        self,
        epoch: str,
        receive: Callable[[wire.FromPage], None],
        joined: Callable[[], None],
    ) -> None:
        """Prepare; :meth:`open` begins.

        Args:
            epoch: of this kernel.
            receive: takes each message; what it raises is answered.
            joined: called when a page said hello, and when the owner changed.
        """
        self.epoch, self.owner, self.sessions = epoch, "", dict[str, str]()
        self.why = "nobody answered yet: the front end has no labextension, or there is none"
        self._receive, self._joined = receive, joined
        self._comm: Any = None
        self._lacking = self._expected = False
        self._pages: set[str] = set()
        self._settled = threading.Event()
        self._guard = threading.RLock()
        self._absence: threading.Timer | None = None

    @property
    def mode(self) -> str:
        """How cells are reviewed here, why, and what would change it."""
        if self.connected:
            others = f"; another front end here has {LACKING} that page" if self._lacking else ""
            return f"cells are reviewed on the page ({self.why}{others})"
        return f"running a cell approves it: there are no buttons ({self.why})"

    @property
    def connected(self) -> bool:
        """Whether a page that speaks this protocol is there, or on its way."""
        return (bool(self.owner) or self._expected) and self._comm is not None

    def open(self) -> None:
        """Call out; does nothing outside a kernel."""
        kind = _channel()
        if kind is None:
            self.why = "there is no notebook: this is a terminal"
            self._settled.set()
            return
        hello: wire.Hello = {
            "type": "hello",
            "protocol": wire.PROTOCOL,
            "version": __version__,
            "epoch": self.epoch,
        }
        self._comm = kind(target_name=wire.TARGET, data=hello)
        self._comm.on_msg(self._message)
        self._comm.on_close(self._closed)

    def close(self) -> None:
        """Hang up."""
        if self._absence is not None:
            self._absence.cancel()
        if self._comm is not None:
            self._comm.close()
            self._comm = None

    def settle(self, seconds: float) -> None:
        """Give the front end a moment to answer the call."""
        self._settled.wait(seconds)

    def expect(self) -> bool:
        """Count on a page: its answer waits behind the cells that were sent with this one.

        Returns:
            Whether it had to be counted on.
        """
        self._expected = not self._settled.is_set() and self._comm is not None
        return self._expected

    def own(self, client: str | None) -> None:
        """Make the page with this id the owner, if it is one that said hello."""
        if client and client != self.owner and client in self._pages:
            self.owner = client
            self._joined()

    def send(self, message: wire.FromKernel) -> None:
        """Tell every page; whoever is not there misses nothing, since it is told all on return."""
        if self._comm is None:
            return
        try:
            self._comm.send(dict(message))
        except Exception:  # A dead connection is no reason for a cell to fail.
            log.exception("a message to the page was not sent")

    # What comes in.

    def _message(self, message: Mapping[str, Any]) -> None:
        client = str(message.get("header", {}).get("session", ""))
        data = message["content"]["data"]
        sent = data.get("id") if isinstance(data, dict) else None
        why = ""
        try:
            checked = check(data)
            if checked["type"] == "hello":
                self._hello(checked)
                return
            if checked["type"] == "present":
                self._present(checked["client"])
                return
            if client not in self._pages:
                raise Malformed(client, "did not say hello", "reload the page")
            self._receive(checked)
            if checked["type"] == "approve":
                self.own(client)
        except MaiaError as error:
            why = str(error)
        except Exception as error:
            log.exception("a message of the page could not be handled")
            why = f"maia_lab failed: {error}"
        if isinstance(sent, str):
            self.send({"type": "answer", "re": sent, "ok": not why, "why": why})

    def _hello(self, hello: wire.PageHello) -> None:
        with self._guard:
            self._settled.set()
            self._expected = False
            if hello["protocol"] != wire.PROTOCOL:
                self.why = (
                    f"the labextension is version {hello['version']} and the kernel's maia_lab is"
                    f" {__version__}: install the same in both environments, and reload the page"
                )
                return
            client = hello["client"]
            self._pages.add(client)
            self.sessions.update(hello["sessions"])
            self.why = f"labextension {hello['version']}"
            if hello["version"] != __version__:
                self.why += (
                    f"; the kernel's maia_lab is {__version__}: install the same in both"
                    " environments when you can"
                )
            if self.owner and client != self.owner:
                self.send({"type": "who", "client": self.owner})
                self._wait_for_owner(client)
            else:
                self.owner = client
            self._joined()

    def _wait_for_owner(self, heir: str) -> None:
        if self._absence is not None:
            self._absence.cancel()
        self._absence = threading.Timer(ABSENCE, self.own, [heir])
        self._absence.daemon = True
        self._absence.start()

    def _present(self, client: str) -> None:
        with self._guard:
            if client == self.owner and self._absence is not None:
                self._absence.cancel()

    def _closed(self, message: Mapping[str, Any]) -> None:
        """A front end hung up: it has no labextension, or no longer. Another may have it."""
        client = str(message.get("header", {}).get("session", ""))
        with self._guard:
            self._expected = False
            self._lacking |= client not in self._pages
            self._pages.discard(client)
            if client == self.owner:
                self.owner = ""
            if not self.owner:
                self.why = f"the front end has {LACKING} the page"
            self._settled.set()


def check(data: object) -> wire.FromPage:
    """Read a message.

    Raises:
        Malformed: it is none, or lacks something, or something is of another type.
    """
    kind = MESSAGES.get(data.get("type", "")) if isinstance(data, dict) else None
    if kind is None or not _fits(data, kind):
        raise Malformed(json.dumps(data, default=str)[:200], "is not a message", "reload the page")
    return cast(wire.FromPage, data)


def _fits(value: object, kind: Any) -> bool:
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        return isinstance(value, dict) and all(
            key in value and _fits(value[key], hint)
            for key, hint in hints.items()
            if get_origin(hint) is not NotRequired
        )
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in parts
    if origin is types.UnionType:
        return any(_fits(value, part) for part in parts)
    if origin is list:
        return isinstance(value, list) and all(_fits(item, parts[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            _fits(k, parts[0]) and _fits(v, parts[1]) for k, v in value.items()
        )
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _channel() -> type[Any] | None:
    """A comm whose messages touch nothing but their handler; None outside a kernel."""
    try:
        from comm import get_comm_manager
        from ipykernel.comm.comm import BaseComm
        from ipykernel.kernelbase import Kernel
    except ImportError:
        return None
    if not Kernel.initialized():
        return None

    class Channel(BaseComm):
        # The library's own fires the shell's events, which flush a running cell's figures.
        def handle_msg(self, msg: dict[str, Any]) -> None:
            if self._msg_callback is not None:
                self._msg_callback(msg)

        # One front end without the labextension would hang up for all of them.
        def handle_close(self, msg: dict[str, Any]) -> None:
            get_comm_manager().register_comm(self)
            self._closed = False
            super().handle_close(msg)

    return Channel
