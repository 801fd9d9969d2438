"""The notebook: an experiment arrives as a cell, and running it is approving it."""

from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell

from maia_lab.notebook.kernel import Notebook
from maia_lab.notebook.magic import MaiaMagics, completer

_LOADED = "_maia_lab"


def load(shell: InteractiveShell) -> None:
    """Give a shell ``%maia``; twice does no harm."""
    if getattr(shell, _LOADED, None) is not None:
        return
    notebook = Notebook(shell)
    complete = completer(shell.user_ns)
    notebook.install()
    shell.register_magics(MaiaMagics(shell, notebook))
    if shell.Completer is not None:
        shell.Completer.custom_matchers.append(complete)
    setattr(shell, _LOADED, (notebook, complete))


def unload(shell: InteractiveShell) -> None:
    """Leave the shell as it was."""
    loaded = getattr(shell, _LOADED, None)
    if loaded is None:
        return
    notebook, complete = loaded
    notebook.remove()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("maia", None)
    if shell.Completer is not None and complete in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(complete)
    delattr(shell, _LOADED)
