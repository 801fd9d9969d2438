"""What a step's threads print after its cell has ended: told as that step's, a while at a time."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Iterable

from maia_lab.notebook.capture import replace

PAUSE = 0.5
"""Seconds within which what is printed is told together."""
MOST = 5_000
"""Characters of one step that are told at most."""
LATE = "Printed by step {} after its cell had ended: {}"

Tell = Callable[[str], None]


class Late:
    """Listens to threads that outlive their cells; to nothing while there are none."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tells: dict[threading.Thread, Tell] = {}
        self._said: dict[Tell, str] = {}
        self._left: dict[Tell, int] = {}
        self._undo: list[Callable[[], None]] = []
        self._guard = threading.Lock()

    def listen(self, threads: Iterable[threading.Thread], tell: Tell) -> None:
        """Have ``tell`` told what these threads print from the end of this cell on."""
        self._tells.update(dict.fromkeys(threads, tell))
        self._left[tell] = MOST
        # The shell puts the streams back as the cell found them, once the cell has ended. Where no
        # event loop goes on after it, in a terminal, nobody listens.
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().call_soon(self._settle)

    def _settle(self) -> None:
        """Stand at the streams as long as there is anyone to listen to."""
        self._tells = {t: tell for t, tell in self._tells.items() if t.is_alive()}
        self._left = {tell: self._left[tell] for tell in self._tells.values()}
        if self._tells and not self._undo:
            for stream in {id(s): s for s in (sys.stdout, sys.stderr)}.values():
                self._undo.append(replace(stream, "write", self._writing))
        while self._undo and not self._tells:
            self._undo.pop()()

    def _writing(self, write: Callable[[str], int]) -> Callable[[str], int]:
        def both(text: str) -> int:
            tell = self._tells.get(threading.current_thread())
            if tell is not None and text:
                self._take(tell, text)
            return write(text)

        return both

    def _take(self, tell: Tell, text: str) -> None:
        with self._guard:
            kept = text[: self._left.get(tell, 0)]
            self._left[tell] = self._left.get(tell, 0) - len(kept)
            if kept and tell not in self._said:
                self._said[tell] = ""
                timer = threading.Timer(PAUSE, self._tell, [tell])
                timer.daemon = True
                timer.start()
            if kept:
                self._said[tell] += kept

    def _tell(self, tell: Tell) -> None:
        with self._guard:
            said = self._said.pop(tell)
        tell(said)
