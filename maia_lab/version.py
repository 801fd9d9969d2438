"""One version number, read from the installed package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("maia-lab")
except PackageNotFoundError:  # A checkout that was never installed.
    __version__ = "0.0.0"
