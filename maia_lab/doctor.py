"""What is installed and what works here, found out by trying it."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from maia_lab import places
from maia_lab.errors import MaiaError
from maia_lab.version import PAGE, __version__

PACKAGES = ("torch", "jupyterlab", "ipywidgets", "diffusers", "transformers", "anthropic", "pillow")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    what: str
    fine: bool
    says: str


def findings() -> Iterator[Finding]:
    """Try one thing after another."""
    yield Finding("maia-lab", True, f"{__version__}, Python {platform.python_version()}")
    for package in PACKAGES:
        try:
            yield Finding(package, True, version(package))
        except PackageNotFoundError:
            yield Finding(package, False, f"not installed; pip install {package}")
    yield _page()
    yield _tried("compute", _devices)
    for what, folder in (("sessions", places.sessions()), ("cache", places.cache())):
        yield _tried(what, lambda folder=folder: _folder(folder))  # type: ignore[misc]
    yield _tried("shipped networks", _networks)
    yield Finding("diffusion models", True, _fetched())
    key = "is set" if os.environ.get("ANTHROPIC_API_KEY") else "is not set: the offline agent works"
    yield Finding("ANTHROPIC_API_KEY", True, key)


def _page() -> Finding:
    """The page's part, where JupyterLab would find it that runs in this environment."""
    from jupyter_core.paths import jupyter_path

    found = [Path(folder) / "maia-lab" / PAGE.name for folder in jupyter_path("labextensions")]
    installed = next((path for path in found if path.is_file()), None)
    if installed is None:
        says = (
            "not installed here; it matters only if jupyter lab runs in this environment: pip"
            " install maia-lab"
        )
        return Finding("labextension", True, says)
    own = str(json.loads(installed.read_text("utf-8"))["version"])
    says = f"{own} in {installed.parent}"
    if own != __version__:
        says += f", the package is {__version__}; install the same version of both"
    return Finding("labextension", own == __version__, says)


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, attempt())
    except (MaiaError, OSError, ImportError) as error:
        return Finding(what, False, str(error))


def _devices() -> str:
    import torch

    if torch.cuda.is_available():
        return f"CUDA, {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return "MPS"
    return f"CPU, {torch.get_num_threads()} threads"


def _folder(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".probe-{os.getpid()}"
    probe.touch()
    probe.unlink()
    return str(folder)


def _fetched() -> str:
    """Pipelines that the Hugging Face hub's cache holds, by the name that opens them."""
    from huggingface_hub.constants import HF_HUB_CACHE

    found = Path(HF_HUB_CACHE).glob("models--*/snapshots/*/model_index.json")
    names = {path.parts[-4].removeprefix("models--").replace("--", "/") for path in found}
    listed = ", ".join(f"diffusers:{name}" for name in sorted(names))
    return listed or "none fetched; see docs/generators.md, or --generator retrieve:FOLDER"


def _networks() -> str:
    from maia_lab.doors import open_model

    names = ("scenes", "scenes-categories")
    counts = [sum(count for _, _, count in open_model(name).layers()) for name in names]
    units = ", ".join(f"{n} ({c} units)" for n, c in zip(names, counts, strict=True))
    return f"{units}, on {sys.platform}"
