"""What is remembered: an append-only list of events, each on disk before it takes effect."""

from __future__ import annotations

from maia_lab.journal.journal import Journal

__all__ = ["Journal"]
