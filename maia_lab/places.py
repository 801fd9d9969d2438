"""Where things are kept: sessions, what the user configured, and indexes in the cache folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

APP = "maia-lab"


def sessions() -> Path:
    """The folder of sessions: ``$MAIA_HOME/sessions``, or the platform's data folder."""
    home = os.environ.get("MAIA_HOME")
    return (Path(home) if home else platformdirs.user_data_path(APP)) / "sessions"


def config() -> Path:
    """What the user configured: ``$MAIA_HOME/config.toml``, or in the platform's folder for it."""
    home = os.environ.get("MAIA_HOME")
    return (Path(home) if home else platformdirs.user_config_path(APP)) / "config.toml"


def cache() -> Path:
    """The folder of exemplar indexes: ``$MAIA_CACHE``, or the platform's cache folder."""
    folder = os.environ.get("MAIA_CACHE")
    return Path(folder) if folder else platformdirs.user_cache_path(APP)
