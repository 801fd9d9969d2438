"""A real kernel and a front end to it, for the tests that run cells."""

from maia_lab.bench.frontend import FrontEnd, start, text

__all__ = ["FrontEnd", "start", "text"]
