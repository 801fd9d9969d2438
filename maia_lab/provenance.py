"""Where an image comes from, kept by the hash of its pixels.

Pillow carries ``image.info`` through crops and blurs, so ``info`` alone lies: here it only names
the pixels an image was made with. As long as they are still the same, what is known of them holds;
once they differ, the image is a new one whose parent is known.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STAMP = "maia-pixels"
"""Key in ``image.info`` under which the hash of the pixels an image was handed out with is kept."""
ORIGINAL = "maia-original"
"""Key in ``image.info`` of a masked image: the image it was made from, which lives as long."""
REGION = "maia-region"
"""Key in ``image.info`` of a masked image: the region that was left as it was."""
KEPT = 20_000
"""Origins remembered at most; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """How an image came to be."""

    kind: Literal["data", "generated", "edited", "redrawn", "masked", "changed"]
    """Edited: only in what the instruction says. Redrawn: by a model, which may change anything."""
    by: str
    """What made it: the data set, the generator, the editor, in the words shown to people."""
    text: str = ""
    """The prompt or instruction."""
    parent: str | None = None
    """Pixel hash of the image it was made from."""


_origins: OrderedDict[str, Origin] = OrderedDict()
_lock = Lock()


def pixel_hash(image: Image.Image) -> str:
    """Identify an image by what it shows: sha256 over size and RGB bytes, in hex."""
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode() + rgb.tobytes()).hexdigest()


def stamp(image: Image.Image, origin: Origin, pixels: str = "") -> Image.Image:
    """Remember where ``image``, of the hash ``pixels`` if that is known, is from; and return it."""
    key = pixels or pixel_hash(image)
    image.info[STAMP] = key
    with _lock:
        known = _origins.get(key)
        # Identical pixels may be met twice (an edit that changes nothing): the first origin stands.
        _origins[key] = known or origin
        _origins.move_to_end(key)
        while len(_origins) > KEPT:
            _origins.popitem(last=False)
    return image


def origin(image: Image.Image) -> Origin | None:
    """What is known of an image: None if this process never handed it out."""
    key = pixel_hash(image)
    with _lock:
        known = _origins.get(key)
    if known is None and (parent := image.info.get(STAMP)) not in (None, key):
        return Origin("changed", "experiment code", parent=str(parent))
    return known


def original(image: Image.Image) -> Image.Image:
    """The image to measure, edit or caption: for a masked image the one it was made from."""
    whole = image.info.get(ORIGINAL)
    return whole if isinstance(whole, Image.Image) and _is_stamped(image) else image


def region(image: Image.Image) -> NDArray[np.bool_] | None:
    """Of a masked image the region that is not darkened, shape (height, width); else None."""
    kept = image.info.get(REGION)
    return kept if isinstance(kept, np.ndarray) and _is_stamped(image) else None


def stand_in(
    shown: Image.Image, whole: Image.Image, by: str, region: NDArray[np.bool_] | None = None
) -> Image.Image:
    """Let ``shown``, which is ``whole`` darkened outside a region, stand for it."""
    stamp(shown, Origin("masked", by, parent=pixel_hash(whole)))
    shown.info |= {ORIGINAL: whole, REGION: region}
    return shown


def _is_stamped(image: Image.Image) -> bool:
    return image.info.get(STAMP) == pixel_hash(image)


def base(image: Image.Image) -> str:
    """Pixel hash of the first image in the chain of edits that led here; its own without one."""
    return history(image)[0]


def history(image: Image.Image) -> tuple[str, frozenset[str]]:
    """Pixel hash of the first image in the chain that led here, and the kinds of what was done."""
    image = original(image)
    key, known = pixel_hash(image), origin(image)
    seen, kinds = {key}, set()
    while known is not None:
        kinds.add(known.kind)
        if known.parent is None or known.parent in seen:
            break
        key = known.parent
        seen.add(key)
        with _lock:
            known = _origins.get(key)
    return key, frozenset(kinds)
