"""Many units, many images, many processes: what a laptop does in an hour, a cluster in minutes."""

from maia_lab.scale.sweep import sweep

__all__ = ["sweep"]
