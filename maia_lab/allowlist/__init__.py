"""What may run when nobody looks."""

from __future__ import annotations

from maia_lab.allowlist.allowlist import refusals

__all__ = ["refusals"]
