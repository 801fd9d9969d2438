"""Memory that large outputs leave, kept for the next ones while a network runs again and again."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# The parameters of glibc's mallopt, from malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_MIB = 1 << 20

_blocks = 0
"""How many there are at present, one in another or in other threads."""


@contextmanager
def held() -> Iterator[None]:
    """Let malloc keep what is freed until the block is left, and then give it back.

    glibc asks the system for every output above 32 MiB and returns it at once: the pages of each
    are then made and cleared anew, which can take longer than the network itself. Only the main
    thread gains, unless ``MALLOC_ARENA_MAX=1`` was set before the process began; with another
    malloc than glibc's nothing is done.
    """
    global _blocks
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    _blocks += 1
    try:
        yield
    finally:
        _blocks -= 1
        if not _blocks:
            # The thresholds glibc finds by itself, which it no longer does once it was told any.
            libc.mallopt(_MMAP_THRESHOLD, 32 * _MIB)
            libc.mallopt(_TRIM_THRESHOLD, 64 * _MIB)
            libc.mallopt(_MMAP_MAX, 65536)
            libc.malloc_trim(0)
