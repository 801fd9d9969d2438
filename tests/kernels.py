"""A real kernel and a front end to it, for the tests that run cells."""

from collections.abc import Iterator
from contextlib import contextmanager

from maia_lab.bench.frontend import FrontEnd, start, text

__all__ = ["FrontEnd", "opened", "start", "text"]


@contextmanager
def opened(first: str = "%load_ext maia_lab", labextension: bool = False) -> Iterator[FrontEnd]:
    """A front end to a kernel of its own that has run its first cell; both end with the block."""
    manager = start()
    front = FrontEnd(manager, labextension=labextension)
    try:
        front.run(first, "load")
        yield front
    finally:
        front.close()
        manager.shutdown_kernel(now=True)
