"""The scene of an image, kept by the hash of its pixels, and beside them in the image itself."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np
from PIL import Image

from maia_lab import provenance
from maia_lab.errors import WorldError
from maia_lab.scenes.render import render
from maia_lab.scenes.scene import Scene

KEY = "maia-scene"
"""Key in ``image.info`` under which the scene is kept as JSON."""
KEPT = 20_000
"""Scenes remembered at most; the oldest are forgotten first."""

_scenes: OrderedDict[str, Scene] = OrderedDict()
_lock = Lock()


def image_of(scene: Scene, origin: provenance.Origin, size: int = 128) -> Image.Image:
    """Draw a scene as an RGB image of ``size`` × ``size`` pixels that knows its scene."""
    return keep(Image.fromarray(render(scene, size)), scene, origin)


def keep(image: Image.Image, scene: Scene, origin: provenance.Origin) -> Image.Image:
    """Remember the scene and the origin of an image that was drawn from it, and return it."""
    provenance.stamp(image, origin)
    image.info[KEY] = scene.to_json()
    with _lock:
        key = image.info[provenance.STAMP]
        _scenes[key] = scene
        _scenes.move_to_end(key)
        while len(_scenes) > KEPT:
            _scenes.popitem(last=False)
    return image


def scene_of(image: Image.Image) -> Scene:
    """The scene an image shows; for a masked image the scene of its original.

    Raises:
        WorldError: the image was not drawn here, or its pixels were changed since.
    """
    image = provenance.original(image)
    key = provenance.pixel_hash(image)
    with _lock:
        known = _scenes.get(key)
    if known is not None:
        return known
    text, stamp = image.info.get(KEY), image.info.get(provenance.STAMP)
    name = f"image of {image.width} × {image.height} pixels"
    if text is None or stamp is None:
        raise WorldError(
            name,
            "shows no scene that is known here",
            "use images from the scenes data, or that the scenes renderer drew or edited",
        )
    if stamp != key:
        raise WorldError(
            name,
            "was drawn from a known scene, but its pixels were changed since",
            "give the image as it was handed out, and describe the change in words",
        )
    return _drawn(image, str(text), name)


def _drawn(image: Image.Image, text: str, name: str) -> Scene:
    """The scene an image claims to show, if drawing it gives the image's very pixels."""
    try:
        scene = Scene.from_json(text)
        again = render(scene, image.width) if image.width == image.height else None
    except (ValueError, KeyError, TypeError):
        again = None
    if again is None or not np.array_equal(again, np.asarray(image.convert("RGB"))):
        raise WorldError(
            name, "claims to show a scene that looks different", "use it as a plain image"
        )
    return scene
