"""``python -m maia_lab`` is the ``maia`` command."""

import sys

from maia_lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
