"""A session in a terminal: told as it happens, and decided there."""

from __future__ import annotations

from maia_lab.console.narrator import Narrator, Retelling
from maia_lab.console.reviewers import ConsoleReviewer, PolicyReviewer

__all__ = ["ConsoleReviewer", "Narrator", "PolicyReviewer", "Retelling"]
