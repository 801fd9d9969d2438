"""Find out what a vision network has learned, by experiment: ask about a unit, review each step.

>>> import maia_lab
>>> session = maia_lab.describe("scenes/layer4/12", review="auto").wait()
>>> session.conclusion.description
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maia_lab.briefing import Briefing
from maia_lab.doors import refitted
from maia_lab.errors import MaiaError
from maia_lab.proposal import Conclusion, Hypothesis, Prediction, Proposal
from maia_lab.review import Approve, Edit, Reject, Stop
from maia_lab.session import Session
from maia_lab.sessions import find
from maia_lab.start import ask, bias, compare, describe, resume, spurious
from maia_lab.study import Study, open_study
from maia_lab.system import Activation, System
from maia_lab.tools import Tools
from maia_lab.unit import Unit
from maia_lab.version import __version__
from maia_lab.world import World

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "Activation",
    "Approve",
    "Briefing",
    "Conclusion",
    "Edit",
    "Hypothesis",
    "MaiaError",
    "Prediction",
    "Proposal",
    "Reject",
    "Session",
    "Stop",
    "Study",
    "System",
    "Tools",
    "Unit",
    "World",
    "__version__",
    "ask",
    "bias",
    "compare",
    "describe",
    "find",
    "load_ipython_extension",
    "open_study",
    "refitted",
    "resume",
    "spurious",
    "unload_ipython_extension",
]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext maia_lab``: the magic ``%maia``, and the line to the page."""
    from maia_lab.notebook import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """``%unload_ext maia_lab``: the shell as it was before."""
    from maia_lab.notebook import unload

    unload(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "maia-lab"}]
