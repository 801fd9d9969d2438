"""One version number: of the installed package, which is that of the page it comes with."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PAGE = Path(__file__).parent / "labextension" / "package.json"
"""The page's part, as it is installed into JupyterLab."""

try:
    __version__ = version("maia-lab")
except PackageNotFoundError:  # A checkout that was never installed.
    __version__ = str(json.loads(PAGE.read_text("utf-8"))["version"])
