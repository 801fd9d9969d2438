"""What an agent's words cost: tokens, and money where the model's price is known."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from maia_lab.errors import ConfigError

if TYPE_CHECKING:
    from maia_lab.session import Session

TABLE = "MAIA_PRICES"
"""The variable that names another price table; without it, ``prices.toml`` beside this file."""


@runtime_checkable
class Billed(Protocol):
    """Asks a model for money: a captioner, a rater.

    Only this method is asked for: ``isinstance`` reads every attribute that a protocol names, and
    a name may be one that costs something to find.
    """

    def paid_by(self, session: Session) -> None:
        """Count what it costs in a session, and stop where that session's budget does."""


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


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, by what is done with them: the fields of :class:`Usage`."""

    input: float
    cache_read: float
    cache_write: float
    cache_write_1h: float
    output: float
    date: str = ""
    """When it was looked up."""

    @classmethod
    def of(cls, model: str) -> Price | None:
        """What a model costs by the table; None where it is not in it.

        Raises:
            ConfigError: the user's own table cannot be read.
        """
        path = Path(os.environ.get(TABLE) or Path(__file__).with_name("prices.toml"))
        try:
            table = tomllib.loads(path.read_text("utf-8"))
            # A model's name may end in the day it was made.
            row = table["models"].get(re.sub(r"-\d{8}$", "", model))
            if row is None:
                return None
            return cls(**{k: float(v) for k, v in row.items()}, date=str(table["date"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                str(path), f"is no price table ({error})", f"see prices.toml, or unset {TABLE}"
            ) from error

    def cost(self, usage: Usage) -> float:
        """US dollars for one request."""
        rates = (getattr(self, f.name) * getattr(usage, f.name) for f in fields(usage))
        return float(sum(rates)) / 1e6
