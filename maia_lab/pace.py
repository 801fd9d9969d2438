"""How fast something long goes on, and how much longer it will take."""

from __future__ import annotations

import time


class Pace:
    """Told how many of how many are done; says it in words."""

    def __init__(self) -> None:
        """Begin when first told."""
        self._began, self._first, self._last = 0.0, 0, -1

    def __call__(self, done: int, total: int) -> str:
        """``83 images/s, 12 s left``; empty until that can be said."""
        now = time.monotonic()
        if self._last < 0 or done < self._last:  # Also where another pass begins.
            self._began, self._first = now, done
        self._last = done
        if now - self._began < 0.5 or done == self._first:
            return ""
        rate = (done - self._first) / (now - self._began)
        left = (total - done) / rate
        rest = f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min"
        return f"{rate:.0f} images/s, {rest} left"
