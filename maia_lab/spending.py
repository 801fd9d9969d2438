"""What an agent's words cost: tokens, and money where the model's price is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What one request is billed for, in tokens."""

    input: int = 0
    """Read anew."""
    cache_read: int = 0
    """Read from the server's cache."""
    cache_write: int = 0
    """Read anew, and kept in the cache for five minutes …"""
    cache_write_1h: int = 0
    """… or for an hour."""
    output: int = 0
    """Written, thinking included."""

    @property
    def sent(self) -> int:
        """All input, however it was billed."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h

    @property
    def tokens(self) -> int:
        """Everything sent and written."""
        return self.sent + self.output


@dataclass(frozen=True, slots=True)
class Spent:
    """All that a session has used up so far."""

    tokens: int = 0
    money: float = 0.0
    """US dollars, for the requests whose price is known."""
    requests: int = 0
    unpriced: int = 0
    """Requests to models without a known price: their tokens are counted, their money is not."""

    def plus(self, usage: Usage, cost: float | None) -> Spent:
        """One more request, failed or not; ``cost`` is None where its price is not known."""
        return Spent(
            self.tokens + usage.tokens,
            self.money + (cost or 0.0),
            self.requests + 1,
            self.unpriced + (cost is None),
        )

    def __str__(self) -> str:
        """In words: ``12,400 tokens, $0.08``."""
        if not self.requests:
            return "nothing"
        tokens = f"{self.tokens:,} tokens"
        if self.unpriced == self.requests:
            return f"{tokens}, price unknown"
        some = f" and {self.unpriced} requests of unknown price" if self.unpriced else ""
        return f"{tokens}, ${self.money:.2f}{some}"


NOTHING = Spent()
"""What a session has used up before its first request."""
