"""Names that people can say: ``amber-fox``."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Container

ADJECTIVES = (
    *("amber", "ample", "azure", "brave", "brisk", "calm", "clear", "clever", "copper", "coral"),
    *("crisp", "curious", "dapper", "eager", "early", "fair", "fleet", "gentle", "golden", "hazel"),
    *("ivory", "jolly", "keen", "light", "lively", "lucid", "mellow", "misty", "noble", "olive"),
    *("patient", "quick", "quiet", "rapid", "ruby", "silver", "steady", "sunny", "tidy", "vivid"),
)
ANIMALS = (
    *("badger", "beaver", "bison", "crane", "curlew", "dolphin", "eagle", "falcon", "ferret"),
    *("finch", "fox", "gecko", "hare", "heron", "ibis", "jay", "kestrel", "koala", "lark", "lemur"),
    *("lion", "lynx", "marten", "newt", "ocelot", "orca", "otter", "owl", "panda", "petrel"),
    *("puffin", "raven", "robin", "seal", "stoat", "swift", "tapir", "tern", "wren", "zebra"),
)
ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever folder it is in."""


def readable_name(taken: Container[str]) -> str:
    """A random name that is not among ``taken``."""
    # Not the global generator: an experiment that seeds it must not decide what is named how.
    chance = random.SystemRandom()
    pairs = [f"{adjective}-{animal}" for adjective in ADJECTIVES for animal in ANIMALS]
    chance.shuffle(pairs)
    numbered = (f"{pairs[0]}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain(pairs, numbered) if name not in taken)


def is_portable(name: str) -> bool:
    """Whether a name is a plain folder name on every system, and nothing but that."""
    usable = ALLOWED.fullmatch(name) and not name.endswith(".")
    return bool(usable) and not DEVICES.fullmatch(name)
