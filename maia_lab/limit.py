"""Stops an experiment from outside: when its time is over, or when someone presses Ctrl-C.

Both are raised inside the experiment's own code, at whatever depth, and never in the code that runs
it, which must restore what it changed. An experiment that catches them is stopped again and again.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

AGAIN = 0.5
"""Seconds after which an experiment that went on is stopped again."""
MARK = "<experiment "
"""How the file name of an experiment's code begins."""


class TimeLimit(BaseException):
    """The time of an experiment is over. Not an Exception: experiments often catch those."""


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TimeLimit` in the experiment that the block runs once its time is over.

    On the main thread this works by a signal, where the system has them; elsewhere from a watching
    thread, and then a single call into C (a long ``sleep``) is only stopped once it returns.

    Args:
        seconds: how long it may take; None for no limit.
    """
    if seconds is None:
        yield
        return
    on_main = threading.current_thread() is threading.main_thread()
    by = _alarm if on_main and hasattr(signal, "setitimer") else _watch
    # A timer of zero would mean no limit.
    with by(max(seconds, 1e-3), f"the experiment took longer than the {seconds:.3g} s it had"):
        yield


@contextlib.contextmanager
def interrupts_inside() -> Iterator[None]:
    """Raise KeyboardInterrupt in the experiment at once, and elsewhere once the block is over."""
    on_main = threading.current_thread() is threading.main_thread()
    # Another handler, a kernel's perhaps, stays in charge; other threads are never interrupted.
    if not on_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    late = False

    def interrupt(_number: int, frame: FrameType | None) -> None:
        nonlocal late
        if inside(frame):
            raise KeyboardInterrupt
        late = True

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if late:
        raise KeyboardInterrupt


def inside(frame: FrameType | None) -> bool:
    """Whether a frame belongs to an experiment, or was called by one."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(MARK):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _alarm(delay: float, why: str) -> Iterator[None]:
    def expire(_number: int, frame: FrameType | None) -> None:
        if inside(frame):
            raise TimeLimit(why)

    handler = signal.signal(signal.SIGALRM, expire)
    timer = signal.setitimer(signal.ITIMER_REAL, delay, AGAIN)
    try:
        yield
    finally:
        # An alarm that somebody else had set goes on.
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


@contextlib.contextmanager
def _watch(delay: float, why: str) -> Iterator[None]:
    me, over, guard = threading.get_ident(), threading.Event(), threading.Lock()

    class Over(TimeLimit):  # CPython raises a class in another thread, without arguments.
        def __init__(self) -> None:
            super().__init__(why)

    Over.__name__ = Over.__qualname__ = TimeLimit.__name__

    def watch() -> None:
        wait = delay
        while not over.wait(wait):
            wait = AGAIN
            with guard:
                if not over.is_set() and inside(sys._current_frames().get(me)):
                    _raise_in(me, Over)

    def finish() -> None:
        with guard:
            over.set()
        _raise_in(me, None)

    watcher = threading.Thread(target=watch, name="experiment's time", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        try:
            finish()
        except TimeLimit:  # Raised in the experiment's last moment, it arrived here.
            finish()
        watcher.join()


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raise in another thread at its next bytecode; None takes back what was not yet raised."""
    raised = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
